# Who watches the watchman: Cloud Monitoring, which shares nothing with Postern but the project.
resource "google_logging_metric" "ticks" {
  project     = var.project_id
  name        = "${replace(var.name, "-", "_")}_ticks"
  description = "Ticks that auditor and notifier answered."
  filter      = <<-EOT
    log_id("run.googleapis.com/requests")
    resource.type="cloud_run_revision"
    resource.labels.service_name=("${local.auditor}" OR "${local.notifier}")
    httpRequest.requestMethod="POST"
    httpRequest.requestUrl=~"/v1/tick$"
    httpRequest.status=200
  EOT

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = "Postern: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

locals {
  channels = concat(var.notification_channels, [for channel in google_monitoring_notification_channel.email : channel.id])

  # Each query yields something exactly while something is wrong, also where there was never any data.
  alerts = merge(
    {
      for service in [local.auditor, local.notifier] : "no-tick-${service}" => {
        title    = "${service} answers no tick"
        severity = "CRITICAL"
        query    = "(sum(increase(logging_googleapis_com:user_${google_logging_metric.ticks.name}{monitored_resource=\"cloud_run_revision\",service_name=\"${service}\"}[10m])) or vector(0)) < 1"
        text     = "Nothing that time makes due is done: no retries, no escalations, no alerts. Look at the log of ${service} and of the job ${service}-tick, and whether the database answers."
      }
    },
    {
      backlog = {
        title    = "Audit entries wait"
        severity = "ERROR"
        query    = "max(pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",subscription_id=\"${var.name}-audit\"}) > ${var.alert_after_seconds.backlog}"
        text     = "The auditor takes no entries in. Nothing is lost for ${var.retention_days} days; look at its log, and whether the database answers."
      }
      dead-letters = {
        title    = "Audit entries are dead letters"
        severity = "ERROR"
        query    = "max(pubsub_googleapis_com:subscription_num_undelivered_messages{monitored_resource=\"pubsub_subscription\",subscription_id=\"${var.name}-audit-dead\"}) > 0"
        text     = "Entries failed a hundred times over. Once the cause is mended, publish them to ${var.name}-audit again: they are taken in once, however often they come."
      }
    },
    var.metrics_image == null ? {} : {
      undelivered = {
        title    = "Somebody is not told"
        severity = "CRITICAL"
        query    = "max(postern_alerts_oldest_undelivered_seconds) > ${var.alert_after_seconds.undelivered} or absent_over_time(postern_alerts_oldest_undelivered_seconds[15m])"
        text     = "An alert of Postern waits to be delivered, or nobody knows whether one does. `postern_output_oldest_undelivered_seconds` says at which output; `postern notify test OUTPUT` what it answers."
      }
      given-up = {
        title    = "Alerts were given up"
        severity = "ERROR"
        query    = "max(postern_output_dead) > 0"
        text     = "`postern notify dead list` says which and why, and `replay` sends them again."
      }
    },
    var.metrics_image == null || var.witness == null || !local.ledger_signs ? {} : {
      unwitnessed = {
        title    = "Checkpoints are not kept elsewhere"
        severity = "ERROR"
        duration = "1800s"
        # Of several instances one is enough that has caught up.
        query = "min(postern_ledger_anchor_lag_entries) > 0"
        text  = "The witness does not take the record's checkpoints. Until it does, nothing outside of the database shows what was recorded. Look at the log of ${local.auditor}."
      }
    },
  )
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  project               = var.project_id
  display_name          = "Postern: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = lookup(each.value, "duration", "300s")
      evaluation_interval = "60s"
      # The metric appears with its first value, which may be after this.
      disable_metric_validation = true
    }
  }

  documentation {
    content   = each.value.text
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.this]
}

check "somebody_watches_postern" {
  assert {
    condition     = length(var.alert_emails) + length(var.notification_channels) > 0
    error_message = "Nobody is told when Postern itself is silent: set alert_emails or notification_channels."
  }

  assert {
    condition     = var.metrics_image != null || try(var.notifier.heartbeat, null) != null
    error_message = "Nobody outside notices alerts that are not delivered: set metrics_image, the Prometheus sidecar of Cloud Run by digest, or notifier.heartbeat."
  }
}
