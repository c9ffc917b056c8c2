locals {
  # A name alone is an attestor of the security project.
  policies = {
    for project, policy in var.policies : project => merge(policy, {
      default_rule = merge(policy.default_rule, {
        require_attestors = sort([
          for attestor in policy.default_rule.require_attestors : startswith(attestor, "projects/") ? attestor : "projects/${var.project_id}/attestors/${attestor}"
        ])
      })
      cluster_rules = {
        for cluster, rule in policy.cluster_rules : cluster => merge(rule, {
          require_attestors = sort([
            for attestor in rule.require_attestors : startswith(attestor, "projects/") ? attestor : "projects/${var.project_id}/attestors/${attestor}"
          ])
        })
      }
    })
  }

  enforcement = { true = "DRYRUN_AUDIT_LOG_ONLY", false = "ENFORCED_BLOCK_AND_AUDIT_LOG" }
}

# The whole policy. The provider compares attestors by their last word only, and where the list changes
# it updates to a policy without those that were there before (hashicorp/terraform-provider-google#14929).
# So nothing ever updates a policy: every change replaces it, below, by the whole new one.
resource "terraform_data" "policy" {
  for_each = local.policies

  input = each.value
}

resource "google_binary_authorization_policy" "this" {
  for_each = local.policies

  project                       = each.key
  description                   = each.value.description
  global_policy_evaluation_mode = each.value.global_policy_evaluation ? "ENABLE" : "DISABLE"

  # Destroying a policy writes one that allows everything. Abandoned, it stays as it is; a replacement
  # then forgets it and writes the whole new one by one request, with no moment in between.
  deletion_policy = "ABANDON"

  dynamic "admission_whitelist_patterns" {
    for_each = each.value.exempt_images

    content {
      name_pattern = admission_whitelist_patterns.value
    }
  }

  default_admission_rule {
    evaluation_mode         = each.value.default_rule.evaluation_mode
    enforcement_mode        = local.enforcement[each.value.default_rule.dry_run]
    require_attestations_by = each.value.default_rule.require_attestors
  }

  dynamic "cluster_admission_rules" {
    for_each = each.value.cluster_rules

    content {
      cluster                 = cluster_admission_rules.key
      evaluation_mode         = cluster_admission_rules.value.evaluation_mode
      enforcement_mode        = local.enforcement[cluster_admission_rules.value.dry_run]
      require_attestations_by = cluster_admission_rules.value.require_attestors
    }
  }

  lifecycle {
    replace_triggered_by = [terraform_data.policy[each.key]]
  }

  # A policy that names an attestor which its project's agent cannot read denies everything.
  depends_on = [
    google_binary_authorization_attestor.this,
    google_binary_authorization_attestor_iam_member.agents,
    google_container_analysis_note_iam_member.agents,
    google_project_service.this,
  ]
}

check "policies_are_enforced" {
  assert {
    condition = alltrue(flatten([
      for project, policy in var.policies : concat(
        [!policy.default_rule.dry_run], [for rule in values(policy.cluster_rules) : !rule.dry_run]
      )
    ]))
    error_message = "Dry run: violations are logged and deployed all the same, in ${join(", ", [for project, policy in var.policies : project if policy.default_rule.dry_run || anytrue([for rule in values(policy.cluster_rules) : rule.dry_run])])}. Once `postern report dry-run` shows none that should pass, set `dry_run = false`."
  }
}
