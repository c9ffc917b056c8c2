resource "google_project_service" "this" {
  for_each = toset(var.create_services ? ["cloudkms", "cloudscheduler", "logging", "monitoring", "pubsub", "run", "secretmanager"] : [])

  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  # Names that are known before anything is made, so that the configuration can name what it is part of.
  auditor  = "${var.name}-auditor"
  notifier = "${var.name}-notifier"
  emails   = { for account in [local.auditor, local.notifier, "${var.name}-push", "${var.name}-tick"] : account => "${account}@${var.project_id}.iam.gserviceaccount.com" }

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
