locals {
  # File -> the name of its volume, which has no dots.
  volumes = { for name in keys(local.files) : name => replace(name, ".", "-") }
}

# Configuration is no secret, and secrets stand in it by reference only. It lies in Secret Manager because
# that is how Cloud Run mounts a file, with versions and an audit log.
resource "google_secret_manager_secret" "file" {
  for_each = local.files

  project   = var.project_id
  secret_id = "${var.name}-${local.volumes[each.key]}"
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_version" "file" {
  for_each = local.files

  secret      = google_secret_manager_secret.file[each.key].id
  secret_data = each.value
  # Earlier revisions start with the version that they were deployed with: who goes back needs it.
  deletion_policy = "ABANDON"

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = length(each.value) <= 65536
      error_message = "${each.key} is longer than the 64 KiB that Secret Manager takes."
    }
  }
}

resource "google_secret_manager_secret_iam_member" "files" {
  for_each = local.files

  project   = var.project_id
  secret_id = google_secret_manager_secret.file[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.service_account}"
}
