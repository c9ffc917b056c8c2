# Base images come through here: they are cached, scanned, and there when their registry is not.
resource "google_artifact_registry_repository" "remote" {
  for_each = var.remotes

  project         = var.project_id
  location        = var.location
  repository_id   = each.key
  description     = "Mirror of ${each.value.upstream}"
  format          = "DOCKER"
  mode            = "REMOTE_REPOSITORY"
  kms_key_name    = var.encryption_key
  labels          = var.labels
  deletion_policy = var.protect ? "PREVENT" : "DELETE"

  remote_repository_config {
    description = each.value.upstream

    dynamic "docker_repository" {
      for_each = each.value.upstream == "DOCKER_HUB" ? [1] : []

      content {
        public_repository = "DOCKER_HUB"
      }
    }

    dynamic "common_repository" {
      for_each = each.value.upstream == "DOCKER_HUB" ? [] : [1]

      content {
        uri = each.value.upstream
      }
    }

    dynamic "upstream_credentials" {
      for_each = each.value.username == null ? [] : [1]

      content {
        username_password_credentials {
          username                = each.value.username
          password_secret_version = each.value.password_secret_version
        }
      }
    }
  }

  vulnerability_scanning_config {
    enablement_config = var.scan ? "INHERITED" : "DISABLED"
  }

  # It is a cache: what nobody has asked for comes again.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      tag_state  = "ANY"
      older_than = "${each.value.keep_days * 86400}s"
    }
  }

  depends_on = [google_project_service.this, google_secret_manager_secret_iam_member.upstream]
}

# The agent of Artifact Registry logs in upstream.
data "google_project" "this" {
  count = anytrue([for remote in values(var.remotes) : remote.username != null]) ? 1 : 0

  project_id = var.project_id
}

resource "google_secret_manager_secret_iam_member" "upstream" {
  for_each = { for name, remote in var.remotes : name => remote if remote.username != null }

  project   = split("/", each.value.password_secret_version)[1]
  secret_id = split("/", each.value.password_secret_version)[3]
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:service-${data.google_project.this[0].number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
}
