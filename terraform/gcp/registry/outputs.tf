output "repositories" {
  description = "Environment -> where images are pushed to, `LOCATION-docker.pkg.dev/P/R`."
  value       = { for name, repository in google_artifact_registry_repository.environment : name => "${var.location}-docker.pkg.dev/${var.project_id}/${repository.repository_id}" }
}

output "remotes" {
  description = "Remote repository -> where images are pulled from."
  value       = { for name, repository in google_artifact_registry_repository.remote : name => "${var.location}-docker.pkg.dev/${var.project_id}/${repository.repository_id}" }
}

output "registry_host" {
  description = "The registry's host, for `registries` of Postern's configuration."
  value       = "${var.location}-docker.pkg.dev"
}

output "trust" {
  description = "What the auditor has to know as its own: `trust` of the audit module."
  value = {
    repositories = [for repository in google_artifact_registry_repository.environment : "projects/${var.project_id}/locations/${var.location}/repositories/${repository.repository_id}"]
    ci           = distinct(flatten([for environment in values(var.environments) : [for member in environment.writers : trimprefix(trimprefix(member, "serviceAccount:"), "user:")]]))
  }
}
