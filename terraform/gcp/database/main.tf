locals {
  connection = "${var.project_id}:${var.region}:${var.name}"
  store      = { for role, user in var.users : role => "postgres:///${var.database}?host=/cloudsql/${local.connection}&user=${user.name}" }
}

resource "google_sql_database_instance" "this" {
  count = var.create_instance ? 1 : 0

  project             = var.project_id
  region              = var.region
  name                = var.name
  database_version    = var.database_version
  encryption_key_name = var.encryption_key

  # Against Terraform, and in `settings` against everybody else.
  deletion_protection = var.protect
  deletion_policy     = var.protect ? "PREVENT" : "DELETE"

  settings {
    tier                        = var.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.high_availability ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.protect
    retain_backups_on_delete    = true
    disk_type                   = "PD_SSD"
    disk_size                   = var.disk_gb
    disk_autoresize             = true
    user_labels                 = var.labels

    # No password gets anybody in from elsewhere: who connects shows an IAM identity first.
    connector_enforcement = "REQUIRED"

    ip_configuration {
      ipv4_enabled       = var.private_network == null
      private_network    = var.private_network
      allocated_ip_range = var.allocated_ip_range
      ssl_mode           = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = var.backups.start_time
      location                       = var.backups.location
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = var.backups.log_days

      backup_retention_settings {
        retained_backups = var.backups.keep
        retention_unit   = "COUNT"
      }
    }

    final_backup_config {
      enabled        = true
      retention_days = var.backups.keep_final_days
    }

    maintenance_window {
      day          = var.maintenance.day
      hour         = var.maintenance.hour
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
      # Addresses of callers are no business of the statistics.
      record_client_address = false
    }

    database_flags {
      name  = "log_connections"
      value = "on"
    }

    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
  }

  lifecycle {
    # It grows by itself, and never shrinks.
    ignore_changes = [settings[0].disk_size]
  }
}

resource "google_sql_database" "this" {
  count = var.create_database ? 1 : 0

  project         = var.project_id
  instance        = var.create_instance ? google_sql_database_instance.this[0].name : var.name
  name            = var.database
  deletion_policy = "ABANDON"
}
