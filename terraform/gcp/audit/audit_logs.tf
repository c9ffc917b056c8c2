# Data Access logs, which are off by default. The provider's resource is the whole configuration of one
# service: so what is there already is read first, and only added to.
locals {
  audit_parents = { for parent in coalesce(var.audit_logs.parents, var.parents) : parent => { kind = split("/", parent)[0], id = split("/", parent)[1] } }
}

data "google_organization_iam_policy" "this" {
  for_each = { for parent, at in local.audit_parents : parent => at if at.kind == "organizations" && var.audit_logs.additive }

  org_id = each.value.id
}

data "google_folder_iam_policy" "this" {
  for_each = { for parent, at in local.audit_parents : parent => at if at.kind == "folders" && var.audit_logs.additive }

  folder = "folders/${each.value.id}"
}

data "google_project_iam_policy" "this" {
  for_each = { for parent, at in local.audit_parents : parent => at if at.kind == "projects" && var.audit_logs.additive }

  project = each.value.id
}

locals {
  iam_policies = merge(
    { for parent, policy in data.google_organization_iam_policy.this : parent => policy.policy_data },
    { for parent, policy in data.google_folder_iam_policy.this : parent => policy.policy_data },
    { for parent, policy in data.google_project_iam_policy.this : parent => policy.policy_data },
  )

  # Parent -> service -> kind of log -> whom it leaves out, as it is. A service or a kind may stand there twice.
  existing_audit_logs = {
    for parent, policy in local.iam_policies : parent => {
      for service, logs in { for config in try(jsondecode(policy).auditConfigs, []) : config.service => try(config.auditLogConfigs, [])... } : service => {
        for kind, members in { for log in flatten(logs) : log.logType => try(log.exemptedMembers, [])... } : kind => flatten(members)
      }
    }
  }

  # The same, as it is to be.
  audit_logs = merge([
    for parent, at in local.audit_parents : {
      for service, needed in var.audit_logs.services : "${parent} ${service}" => {
        kind    = at.kind
        id      = at.id
        service = service
        logs = merge(
          { for log in needed : log => [] },
          try(local.existing_audit_logs[parent][service], {}),
        )
      }
    }
  ]...)

  # Whose calls a log that is needed leaves out, `allServices` counting for each.
  exempted = distinct(flatten([
    for parent, services in local.existing_audit_logs : [
      for service, logs in services : [
        for log, members in logs : members if contains(keys(var.audit_logs.services), service) || service == "allServices"
      ]
    ]
  ]))
}

resource "google_organization_iam_audit_config" "this" {
  for_each = { for key, config in local.audit_logs : key => config if config.kind == "organizations" }

  org_id  = each.value.id
  service = each.value.service

  dynamic "audit_log_config" {
    for_each = each.value.logs

    content {
      log_type         = audit_log_config.key
      exempted_members = audit_log_config.value
    }
  }
}

resource "google_folder_iam_audit_config" "this" {
  for_each = { for key, config in local.audit_logs : key => config if config.kind == "folders" }

  folder  = "folders/${each.value.id}"
  service = each.value.service

  dynamic "audit_log_config" {
    for_each = each.value.logs

    content {
      log_type         = audit_log_config.key
      exempted_members = audit_log_config.value
    }
  }
}

resource "google_project_iam_audit_config" "this" {
  for_each = { for key, config in local.audit_logs : key => config if config.kind == "projects" }

  project = each.value.id
  service = each.value.service

  dynamic "audit_log_config" {
    for_each = each.value.logs

    content {
      log_type         = audit_log_config.key
      exempted_members = audit_log_config.value
    }
  }
}

check "nobody_is_left_out_of_the_log" {
  assert {
    condition     = length(local.exempted) == 0
    error_message = "Data Access logs leave out calls by ${join(", ", local.exempted)}: a signature by one of them is seen by nobody. This module keeps exemptions that are there; remove them by hand, or set audit_logs.additive = false."
  }
}
