# Cloud Run gives a service no processor between requests. What time alone makes due, such as a retry or an
# overdue case, is done when this calls.
resource "google_cloud_scheduler_job" "tick" {
  count = var.tick == null ? 0 : 1

  project          = var.project_id
  region           = coalesce(var.tick.region, var.region)
  name             = "${var.name}-tick"
  description      = "POST /v1/tick of ${var.name}"
  schedule         = var.tick.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.this.uri}/v1/tick"

    oidc_token {
      service_account_email = var.tick.service_account
      audience              = local.audience
    }
  }

  # The next one comes soon, and a tick does whatever is due by then.
  retry_config {
    retry_count = 0
  }
}

resource "google_cloud_run_v2_service_iam_member" "tick" {
  count = var.tick == null ? 0 : 1

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.tick.service_account}"

  lifecycle {
    replace_triggered_by = [google_cloud_run_v2_service.this.uid]
  }
}
