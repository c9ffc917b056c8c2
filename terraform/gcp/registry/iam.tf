locals {
  readers = merge(
    [for name, environment in var.environments : {
      for member in environment.readers : "${name} reader ${member}" => { repository = google_artifact_registry_repository.environment[name].repository_id, role = "roles/artifactregistry.reader", member = member }
    }]...
  )
  writers = merge(
    [for name, environment in var.environments : {
      for member in environment.writers : "${name} writer ${member}" => { repository = google_artifact_registry_repository.environment[name].repository_id, role = "roles/artifactregistry.writer", member = member }
    }]...
  )
  remote_readers = merge(
    [for name, remote in var.remotes : {
      for member in remote.readers : "${name} reader ${member}" => { repository = google_artifact_registry_repository.remote[name].repository_id, role = "roles/artifactregistry.reader", member = member }
    }]...
  )
}

# Writers push and move no tag that is immutable; nobody here deletes.
resource "google_artifact_registry_repository_iam_member" "this" {
  for_each = merge(local.readers, local.writers, local.remote_readers)

  project    = var.project_id
  location   = var.location
  repository = each.value.repository
  role       = each.value.role
  member     = each.value.member
}
