resource "google_pubsub_topic" "audit" {
  project                    = var.project_id
  name                       = "${var.name}-audit"
  labels                     = var.labels
  kms_key_name               = var.encryption_key
  message_retention_duration = "${var.retention_days * 86400}s"
  deletion_policy            = var.protect ? "PREVENT" : "DELETE"

  dynamic "message_storage_policy" {
    for_each = length(var.storage_regions) > 0 ? [1] : []

    content {
      allowed_persistence_regions = var.storage_regions
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "audit" {
  project                    = var.project_id
  name                       = "${var.name}-audit"
  topic                      = google_pubsub_topic.audit.id
  labels                     = var.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "${var.retention_days * 86400}s"
  deletion_policy            = var.protect ? "PREVENT" : "DELETE"

  push_config {
    push_endpoint = "${module.auditor.url}/v1/events/pubsub"

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = module.auditor.audience
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # The auditor keeps what it cannot read, and acknowledges it. What fails a hundred times over, an outage
  # of a night, waits there to be sent again.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 100
  }

  # Without this it is gone after a month of silence.
  expiration_policy {
    ttl = ""
  }

  # A subscription that may not call loses nothing, but the attempts count.
  depends_on = [google_pubsub_topic_iam_member.dead]
}

resource "google_pubsub_topic" "dead" {
  project         = var.project_id
  name            = "${var.name}-audit-dead"
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

resource "google_pubsub_subscription" "dead" {
  project                    = var.project_id
  name                       = "${var.name}-audit-dead"
  topic                      = google_pubsub_topic.dead.id
  labels                     = var.labels
  message_retention_duration = "${31 * 86400}s"
  deletion_policy            = var.protect ? "PREVENT" : "DELETE"

  expiration_policy {
    ttl = ""
  }
}

# Pub/Sub's agent moves dead letters, and signs the tokens of the pushes.
resource "google_pubsub_topic_iam_member" "dead" {
  project = var.project_id
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead" {
  project      = var.project_id
  subscription = google_pubsub_subscription.audit.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_service_account_iam_member" "push" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_service_account" "push" {
  project      = var.project_id
  account_id   = "${var.name}-push"
  display_name = "Postern: delivery of audit entries"
  description  = "Pub/Sub shows its tokens to the auditor."
}

resource "google_service_account" "tick" {
  project      = var.project_id
  account_id   = "${var.name}-tick"
  display_name = "Postern: tick of auditor and notifier"
  description  = "Calls POST /v1/tick, and nothing else."
}
