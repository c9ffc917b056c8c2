# Binary Authorization judges a Cloud Run service only if the service asks for it. This constraint refuses
# those that do not. It begins as a dry run, too: violations are in the log of policy violations.
resource "google_org_policy_policy" "cloud_run" {
  for_each = toset(var.require_on_cloud_run.parents)

  parent = each.value
  name   = "${each.value}/policies/run.allowedBinaryAuthorizationPolicies"

  dynamic "spec" {
    for_each = var.require_on_cloud_run.dry_run ? [] : [1]

    content {
      rules {
        values {
          allowed_values = ["default"]
        }
      }
    }
  }

  dynamic "dry_run_spec" {
    for_each = var.require_on_cloud_run.dry_run ? [1] : []

    content {
      rules {
        values {
          allowed_values = ["default"]
        }
      }
    }
  }

  depends_on = [google_project_service.this]
}

# A key of a signer that was downloaded signs from anywhere.
resource "google_org_policy_policy" "no_exported_keys" {
  for_each = toset(var.forbid_service_account_keys)

  parent = each.value
  name   = "${each.value}/policies/iam.disableServiceAccountKeyCreation"

  spec {
    rules {
      enforce = "TRUE"
    }
  }

  depends_on = [google_project_service.this]
}

check "cloud_run_is_required_to_ask" {
  assert {
    condition     = length(var.policies) == 0 || (length(var.require_on_cloud_run.parents) > 0 && !var.require_on_cloud_run.dry_run)
    error_message = "Nothing makes Cloud Run services ask Binary Authorization: one without it is deployed unchecked. Name projects, folders or the organization in `require_on_cloud_run.parents`, and when its dry run shows no violations set `dry_run = false`."
  }
}
