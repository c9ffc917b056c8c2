locals {
  notifier_audience = "https://${local.notifier}.${var.project_id}.internal"

  # Machines read alerts here, whatever else there is.
  bus = { name = "bus", type = "pubsub", topic = "projects/${var.project_id}/topics/${var.name}-alerts" }

  notifier_config = {
    store = var.database.store
    auth = {
      auditor = {
        platform = [{
          issuer   = "https://accounts.google.com"
          audience = local.notifier_audience
          claims   = { email = local.emails["${var.name}-tick"] }
          may      = ["ingest"]
        }]
      }
    }
    gate      = { spool = "/spool" }
    outputs   = concat([local.bus], try(tolist(var.notifier.outputs), [for output in var.notifier.outputs : output]))
    routes    = var.notifier.routes
    silences  = var.notifier.silences
    heartbeat = var.notifier.heartbeat
  }
}

module "notifier" {
  source = "../function"

  project_id  = var.project_id
  region      = var.region
  name        = local.notifier
  description = "Sends alerts until each has been confirmed."
  image       = var.notifier.image
  args        = var.notifier.args
  audience    = local.notifier_audience
  config      = merge(local.notifier_config, var.notifier.config)
  secret_env  = { PGPASSWORD = var.database.password }
  secrets     = var.notifier.secrets
  # Nobody but the tick calls it.
  ingress = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  tick    = { service_account = google_service_account.tick.email, region = var.scheduler_region }

  cloud_sql_instances = [var.database.connection]
  vpc                 = var.database.vpc
  # One is enough, and of two one could go on reporting what it saw at its last tick. It has its processor
  # always, so that its metrics are read between ticks.
  instances     = { min = 1, max = 1 }
  cpu_always    = var.metrics_image != null
  metrics_image = var.metrics_image
  protect       = var.protect
  labels        = var.labels

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic" "alerts" {
  project         = var.project_id
  name            = "${var.name}-alerts"
  labels          = var.labels
  kms_key_name    = var.encryption_key
  deletion_policy = var.protect ? "PREVENT" : "DELETE"

  dynamic "message_storage_policy" {
    for_each = length(var.storage_regions) > 0 ? [1] : []

    content {
      allowed_persistence_regions = var.storage_regions
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "alerts" {
  project = var.project_id
  topic   = google_pubsub_topic.alerts.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${module.notifier.service_account}"
}

check "somebody_reads_alerts" {
  assert {
    condition     = length(var.notifier.outputs) > 0
    error_message = "Alerts go to a topic only, which nobody is said to read: add an output that people see, such as slack or pagerduty, to notifier.outputs."
  }
}
