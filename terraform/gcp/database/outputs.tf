output "store" {
  description = "`store` of Postern's configuration, as the functions come: by socket, without a password in it."
  value       = local.store.functions
  depends_on  = [google_sql_database.this, google_sql_user.this]
}

output "connection" {
  description = "The instance as connectors name it, `PROJECT:REGION:INSTANCE`."
  value       = local.connection
  depends_on  = [google_sql_database_instance.this]
}

output "password" {
  description = "Secret and version of the functions' password, for PGPASSWORD."
  value       = { secret = var.users.functions.password_secret, version = tostring(var.users.functions.password_version) }
}

output "vpc" {
  description = "The network that functions reach a private address by."
  value       = var.vpc
}

output "migrate_job" {
  description = "The job that makes the tables: gcloud run jobs execute NAME --region REGION --wait."
  value       = one(google_cloud_run_v2_job.migrate[*].name)
}

output "functions_user" {
  description = "The user that functions come as, from whom cloudsqlsuperuser has to be taken."
  value       = var.users.functions.name
}
