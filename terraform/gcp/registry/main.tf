locals {
  # Container Scanning is charged for each image that is pushed.
  services = concat(["artifactregistry"], var.scan ? ["containerscanning"] : [])
}

resource "google_project_service" "this" {
  for_each = toset(var.create_services ? local.services : [])

  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

# One repository for each environment: what is promoted is copied by digest, and whoever may push to one
# may not push to the next.
resource "google_artifact_registry_repository" "environment" {
  for_each = var.environments

  project       = var.project_id
  location      = var.location
  repository_id = coalesce(each.value.repository_id, each.key)
  description   = each.value.description
  format        = "DOCKER"
  kms_key_name  = var.encryption_key
  labels        = merge(var.labels, { environment = each.key })

  deletion_policy = var.protect ? "PREVENT" : "DELETE"

  docker_config {
    immutable_tags = each.value.immutable_tags
  }

  vulnerability_scanning_config {
    enablement_config = var.scan ? "INHERITED" : "DISABLED"
  }

  cleanup_policy_dry_run = each.value.cleanup.dry_run

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"

    condition {
      tag_state  = "ANY"
      older_than = "${each.value.cleanup.delete_after_days * 86400}s"
    }
  }

  # What is kept outranks what is deleted. The newest of each image are what a rollback goes to.
  cleanup_policies {
    id     = "keep-newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = each.value.cleanup.keep_newest
    }
  }

  dynamic "cleanup_policies" {
    for_each = length(each.value.cleanup.keep_tag_prefixes) > 0 ? [1] : []

    content {
      id     = "keep-tagged"
      action = "KEEP"

      condition {
        tag_state    = "TAGGED"
        tag_prefixes = each.value.cleanup.keep_tag_prefixes
      }
    }
  }

  # A version of an image is named by its digest: what serves, and what an open case is about.
  dynamic "cleanup_policies" {
    for_each = length(each.value.cleanup.keep_digests) > 0 ? [1] : []

    content {
      id     = "keep-digests"
      action = "KEEP"

      condition {
        tag_state             = "ANY"
        version_name_prefixes = each.value.cleanup.keep_digests
      }
    }
  }

  depends_on = [google_project_service.this]
}

check "cleanup_is_on" {
  assert {
    condition     = alltrue([for environment in values(var.environments) : !environment.cleanup.dry_run])
    error_message = "Cleanup is a dry run in ${join(", ", [for name, environment in var.environments : name if environment.cleanup.dry_run])}: nothing is deleted yet. Read in the data access log what would be, then set cleanup.dry_run = false."
  }
}
