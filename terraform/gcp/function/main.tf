locals {
  # A name of its own, which is known before the service has a URL, and so can stand in its configuration.
  audience = coalesce(var.audience, "https://${var.name}.${var.project_id}.internal")

  config_path = "/etc/postern/postern.yaml/postern.yaml"
  # Secret volumes are directories of their own: a file `policy.json` is at /etc/postern/policy.json/policy.json.
  files = merge(var.files, { "postern.yaml" = yamlencode({ for key, value in var.config : key => value if value != null }) })
}

resource "google_cloud_run_v2_service" "this" {
  project             = var.project_id
  location            = var.region
  name                = var.name
  description         = var.description
  labels              = var.labels
  ingress             = var.ingress
  custom_audiences    = concat([local.audience], var.custom_audiences)
  deletion_protection = var.protect
  # Callers with access tokens of Google's, as gcloud sends them, are let in by Postern and not by IAM.
  invoker_iam_disabled = var.public

  binary_authorization {
    use_default = true
  }

  template {
    service_account                  = local.service_account
    timeout                          = "${var.timeout_seconds}s"
    max_instance_request_concurrency = var.concurrency
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = var.instances.min
      max_instance_count = var.instances.max
    }

    dynamic "vpc_access" {
      for_each = var.vpc == null ? [] : [var.vpc]

      content {
        egress = vpc_access.value.egress

        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
        }
      }
    }

    containers {
      name  = "postern"
      image = var.image
      args  = var.args

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = var.cpu, memory = var.memory }
        cpu_idle          = !var.cpu_always
        startup_cpu_boost = true
      }

      # Not /ready: the emergency door has to open while the database is down.
      startup_probe {
        period_seconds    = 1
        failure_threshold = 30

        http_get {
          path = "/health"
        }
      }

      liveness_probe {
        period_seconds = 30

        http_get {
          path = "/health"
        }
      }

      env {
        name  = "POSTERN_CONFIG"
        value = local.config_path
      }

      dynamic "env" {
        for_each = var.env

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secret_env

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      dynamic "volume_mounts" {
        for_each = local.files

        content {
          name       = local.volumes[volume_mounts.key]
          mount_path = "/etc/postern/${volume_mounts.key}"
        }
      }

      volume_mounts {
        name       = "spool"
        mount_path = "/spool"
      }

      dynamic "volume_mounts" {
        for_each = length(var.cloud_sql_instances) > 0 ? [1] : []

        content {
          name       = "cloudsql"
          mount_path = "/cloudsql"
        }
      }
    }

    # Reads /metrics over loopback and writes them to Cloud Monitoring.
    dynamic "containers" {
      for_each = var.metrics_image == null ? [] : [var.metrics_image]

      content {
        name       = "metrics"
        image      = containers.value
        depends_on = ["postern"]
      }
    }

    dynamic "volumes" {
      for_each = local.files

      content {
        name = local.volumes[volumes.key]

        secret {
          secret = google_secret_manager_secret.file[volumes.key].secret_id

          items {
            path    = volumes.key
            version = google_secret_manager_secret_version.file[volumes.key].version
          }
        }
      }
    }

    # Where break-glass is recorded while nothing else works. It ends with the instance; the platform's log
    # has the same record.
    volumes {
      name = "spool"

      empty_dir {
        medium     = "MEMORY"
        size_limit = "32Mi"
      }
    }

    dynamic "volumes" {
      for_each = length(var.cloud_sql_instances) > 0 ? [1] : []

      content {
        name = "cloudsql"

        cloud_sql_instance {
          instances = var.cloud_sql_instances
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.instances.min <= var.instances.max
      error_message = "${var.name}: instances.min is greater than instances.max."
    }
  }

  # A revision that cannot read its configuration does not start.
  depends_on = [
    google_secret_manager_secret_iam_member.files,
    google_secret_manager_secret_iam_member.secrets,
    google_project_iam_member.cloud_sql,
  ]
}
