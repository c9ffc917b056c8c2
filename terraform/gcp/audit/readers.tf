# What the auditor reads at the source: logs, to find what was never delivered, and what runs, to say what
# a case is about and whether it was replaced.
locals {
  roles = concat(
    var.read_back ? ["roles/logging.privateLogViewer"] : [],
    var.read_services ? ["roles/run.viewer"] : [],
  )
  readers = merge([
    for parent, at in local.parents : { for role in local.roles : "${parent} ${role}" => merge(at, { role = role }) }
  ]...)
}

resource "google_organization_iam_member" "auditor" {
  for_each = { for key, reader in local.readers : key => reader if reader.kind == "organizations" }

  org_id = each.value.id
  role   = each.value.role
  member = "serviceAccount:${module.auditor.service_account}"
}

resource "google_folder_iam_member" "auditor" {
  for_each = { for key, reader in local.readers : key => reader if reader.kind == "folders" }

  folder = "folders/${each.value.id}"
  role   = each.value.role
  member = "serviceAccount:${module.auditor.service_account}"
}

resource "google_project_iam_member" "auditor" {
  for_each = { for key, reader in local.readers : key => reader if reader.kind == "projects" }

  project = each.value.id
  role    = each.value.role
  member  = "serviceAccount:${module.auditor.service_account}"
}
