# Makes the tables, and says what the functions may do to them: run it once, and after every upgrade.
#   gcloud run jobs execute NAME --region REGION --wait
resource "google_cloud_run_v2_job" "migrate" {
  count = var.migrate_image == null ? 0 : 1

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-migrate"
  labels              = var.labels
  deletion_protection = false

  binary_authorization {
    use_default = true
  }

  template {
    template {
      service_account = google_service_account.migrate[0].email
      max_retries     = 0
      timeout         = "600s"

      dynamic "vpc_access" {
        for_each = var.vpc == null ? [] : [var.vpc]

        content {
          egress = "PRIVATE_RANGES_ONLY"

          network_interfaces {
            network    = vpc_access.value.network
            subnetwork = vpc_access.value.subnetwork
          }
        }
      }

      containers {
        image = var.migrate_image
        args  = ["store", "migrate", "--data", local.store.owner, "--grant", var.users.functions.name]

        env {
          name = "PGPASSWORD"

          value_source {
            secret_key_ref {
              secret  = var.users.owner.password_secret
              version = var.users.owner.password_version
            }
          }
        }

        volume_mounts {
          name       = "cloudsql"
          mount_path = "/cloudsql"
        }
      }

      volumes {
        name = "cloudsql"

        cloud_sql_instance {
          instances = [local.connection]
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.migrate,
    google_secret_manager_secret_iam_member.migrate,
    google_sql_database.this,
    google_sql_user.this,
  ]
}

resource "google_service_account" "migrate" {
  count = var.migrate_image == null ? 0 : 1

  project      = var.project_id
  account_id   = "${var.name}-migrate"
  display_name = "Postern: migration of the database"
}

resource "google_project_iam_member" "migrate" {
  count = var.migrate_image == null ? 0 : 1

  project = var.project_id
  role    = "roles/cloudsql.client"
  member  = "serviceAccount:${google_service_account.migrate[0].email}"

  condition {
    title      = "only ${var.name}"
    expression = "resource.service == \"sqladmin.googleapis.com\" && resource.name == \"projects/${var.project_id}/instances/${var.name}\""
  }
}

resource "google_secret_manager_secret_iam_member" "migrate" {
  count = var.migrate_image == null ? 0 : 1

  project   = startswith(var.users.owner.password_secret, "projects/") ? split("/", var.users.owner.password_secret)[1] : var.project_id
  secret_id = startswith(var.users.owner.password_secret, "projects/") ? split("/", var.users.owner.password_secret)[3] : var.users.owner.password_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.migrate[0].email}"
}
