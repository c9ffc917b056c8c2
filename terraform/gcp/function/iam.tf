resource "google_service_account" "this" {
  count = var.service_account == null ? 1 : 0

  project      = var.project_id
  account_id   = var.name
  display_name = "Postern: ${var.name}"
  description  = "The identity that ${var.name} runs as."
}

locals {
  service_account = var.service_account == null ? google_service_account.this[0].email : var.service_account

  # Secrets of the environment, and those that the configuration refers to.
  secrets = toset(concat(var.secrets, [for secret in values(var.secret_env) : secret.secret]))
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = local.secrets

  project   = startswith(each.value, "projects/") ? split("/", each.value)[1] : var.project_id
  secret_id = startswith(each.value, "projects/") ? split("/", each.value)[3] : each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${local.service_account}"
}

# By instance: a project may hold other databases.
resource "google_project_iam_member" "cloud_sql" {
  for_each = toset(var.cloud_sql_instances)

  project = split(":", each.value)[0]
  role    = "roles/cloudsql.client"
  member  = "serviceAccount:${local.service_account}"

  condition {
    title      = "only ${split(":", each.value)[2]}"
    expression = "resource.service == \"sqladmin.googleapis.com\" && resource.name == \"projects/${split(":", each.value)[0]}/instances/${split(":", each.value)[2]}\""
  }
}

resource "google_project_iam_member" "metrics" {
  count = var.metrics_image == null ? 0 : 1

  project = var.project_id
  role    = "roles/monitoring.metricWriter"
  member  = "serviceAccount:${local.service_account}"
}

# A service that is replaced loses whoever may call it.
resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.invokers

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_cloud_run_v2_service.this.uid]
  }
}
