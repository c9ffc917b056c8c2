locals {
  # What the security project needs to sign, and what a project needs whose deployments are checked.
  security_services    = ["binaryauthorization", "cloudkms", "containeranalysis", "orgpolicy"]
  application_services = ["binaryauthorization", "containeranalysis"]

  services = var.create_services ? merge(
    { for service in local.security_services : "${var.project_id}/${service}" => { project = var.project_id, service = service } },
    merge([
      for project in keys(var.policies) : {
        for service in local.application_services : "${project}/${service}" => { project = project, service = service }
      }
    ]...)
  ) : {}
}

resource "google_project_service" "this" {
  for_each = local.services

  project = each.value.project
  service = "${each.value.service}.googleapis.com"
  # Others may use the same API, and without it nothing is checked any more.
  disable_on_destroy = false
}

# Binary Authorization acts in each project by an agent whose address has the project's number in it.
data "google_project" "application" {
  for_each = { for project, policy in var.policies : project => policy if policy.project_number == null }

  project_id = each.key
}

locals {
  agents = {
    for project, policy in var.policies : project => format(
      "serviceAccount:service-%s@gcp-sa-binaryauthorization.iam.gserviceaccount.com",
      policy.project_number == null ? data.google_project.application[project].number : policy.project_number
    )
  }
}
