output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.this.name
}

output "id" {
  description = "The service, `projects/P/locations/L/services/S`."
  value       = "projects/${var.project_id}/locations/${var.region}/services/${google_cloud_run_v2_service.this.name}"
}

output "url" {
  description = "Where it answers."
  value       = google_cloud_run_v2_service.this.uri
}

output "audience" {
  description = "The audience that tokens of callers name."
  value       = local.audience
}

output "service_account" {
  description = "E-mail address of the identity that it runs as."
  # As it will be, so that others can be told before it is made.
  value      = var.service_account == null ? "${var.name}@${var.project_id}.iam.gserviceaccount.com" : var.service_account
  depends_on = [google_service_account.this]
}

output "config_secret" {
  description = "The secret that the configuration lies in, `projects/P/secrets/S`."
  value       = google_secret_manager_secret.file["postern.yaml"].id
}

output "config" {
  description = "The configuration as it is mounted."
  value       = local.files["postern.yaml"]
}
