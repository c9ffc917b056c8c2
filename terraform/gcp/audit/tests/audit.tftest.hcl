mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://synthetic.a.run.app" }
  }

  mock_resource "google_kms_crypto_key_version" {
    defaults = { name = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/postern-ledger/cryptoKeyVersions/1" }
  }

  mock_resource "google_service_account" {
    defaults = {
      name  = "projects/demo-mart-security/serviceAccounts/synthetic@demo-mart-security.iam.gserviceaccount.com"
      email = "synthetic@demo-mart-security.iam.gserviceaccount.com"
    }
  }

  mock_resource "google_logging_organization_sink" {
    defaults = { writer_identity = "serviceAccount:o123456789012-111111@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  mock_data "google_project" {
    defaults = { number = "444444444444" }
  }

  # Somebody has switched a log on already, and left somebody out of it.
  mock_data "google_organization_iam_policy" {
    defaults = { policy_data = "{\"auditConfigs\": [{\"service\": \"cloudkms.googleapis.com\", \"auditLogConfigs\": [{\"logType\": \"ADMIN_READ\"}, {\"logType\": \"DATA_WRITE\"}]}, {\"service\": \"cloudkms.googleapis.com\", \"auditLogConfigs\": [{\"logType\": \"ADMIN_READ\"}]}]}" }
  }

  mock_data "google_folder_iam_policy" {
    defaults = { policy_data = "{\"auditConfigs\": [{\"service\": \"allServices\", \"auditLogConfigs\": [{\"logType\": \"DATA_READ\", \"exemptedMembers\": [\"user:sam@example.org\"]}]}]}" }
  }

  mock_data "google_project_iam_policy" {
    defaults = { policy_data = "{\"bindings\": []}" }
  }
}

variables {
  project_id = "demo-mart-security"
  region     = "us-east1"
  parents    = ["organizations/123456789012"]
  database = {
    store      = "postgres:///postern?host=/cloudsql/demo-mart-security:us-east1:postern&user=postern_functions"
    connection = "demo-mart-security:us-east1:postern"
    password   = { secret = "postern-functions-password", version = "1" }
  }
  auditor       = { image = "us-docker.pkg.dev/demo-mart-security/postern/postern@sha256:0000000000000000000000000000000000000000000000000000000000000000", args = ["serve", "--only", "auditor"] }
  notifier      = { image = "us-docker.pkg.dev/demo-mart-security/postern/notifier@sha256:0000000000000000000000000000000000000000000000000000000000000000", outputs = [{ name = "chat", type = "slack", url = "gcpsm://projects/demo-mart-security/secrets/slack" }], secrets = ["slack"] }
  responders    = [{ member = "user:lead@example.com", may = ["view", "respond", "approve"] }, { member = "user:deputy@example.com", may = ["view", "respond", "approve"] }]
  ledger        = { origin = "postern.example.com/demo-mart", key_ring = "projects/demo-mart-security/locations/us-east1/keyRings/postern" }
  witness       = { bucket = "demo-mart-witness", project_id = "demo-mart-evidence", locked = true }
  metrics_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  alert_emails  = ["security@example.com"]
}

run "the_organization_is_audited_with_the_auditors_own_filter" {
  assert {
    condition     = google_logging_organization_sink.this["organizations/123456789012"].include_children && strcontains(google_logging_organization_sink.this["organizations/123456789012"].filter, "cloudaudit.googleapis.com/system_event")
    error_message = "The sink must take in all projects, by the filter of the detections."
  }

  assert {
    condition     = length(google_logging_organization_sink.this["organizations/123456789012"].exclusions) == 0 && google_logging_organization_sink.this["organizations/123456789012"].deletion_policy == "PREVENT"
    error_message = "Nothing may be left out, and the sink not be destroyed by mistake."
  }

  assert {
    condition     = google_pubsub_topic_iam_member.writers["organizations/123456789012"].member == "serviceAccount:o123456789012-111111@gcp-sa-logging.iam.gserviceaccount.com" && google_pubsub_topic_iam_member.writers["organizations/123456789012"].role == "roles/pubsub.publisher"
    error_message = "The sink must be able to write, on this topic."
  }
}

run "entries_are_pushed_with_a_token_for_the_auditor" {
  assert {
    condition     = google_pubsub_subscription.audit.push_config[0].oidc_token[0].audience == output.auditor.audience && google_pubsub_subscription.audit.push_config[0].push_endpoint == "https://synthetic.a.run.app/v1/events/pubsub"
    error_message = "The push must show a token for the auditor."
  }

  assert {
    condition     = google_pubsub_subscription.audit.expiration_policy[0].ttl == ""
    error_message = "A quiet month must not delete the subscription."
  }

  assert {
    condition     = google_pubsub_subscription.audit.dead_letter_policy[0].max_delivery_attempts == 100 && google_pubsub_topic_iam_member.dead.member == "serviceAccount:service-444444444444@gcp-sa-pubsub.iam.gserviceaccount.com" && google_pubsub_subscription_iam_member.dead.role == "roles/pubsub.subscriber"
    error_message = "Dead letters need their topic, and Pub/Sub's agent the rights to move them."
  }

  assert {
    condition     = [for entry in yamldecode(output.auditor.config).auth.auditor.platform : entry.claims.email] == ["postern-push@demo-mart-security.iam.gserviceaccount.com", "postern-tick@demo-mart-security.iam.gserviceaccount.com"]
    error_message = "Only these two deliver."
  }
}

run "the_auditor_knows_what_is_its_own" {
  variables {
    trust = [{ keys = ["projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci"], signers = ["ci@demo-mart-build.iam.gserviceaccount.com"] }]
  }

  assert {
    condition     = contains(yamldecode(output.auditor.config).audit.trust.channels, "organizations/123456789012/sinks/postern-audit") && contains(yamldecode(output.auditor.config).audit.trust.services, "demo-mart-witness")
    error_message = "Its sink and its witness must be among what it watches."
  }

  assert {
    condition     = yamldecode(output.auditor.config).audit.trust.signers == ["ci@demo-mart-build.iam.gserviceaccount.com"] && yamldecode(output.auditor.config).audit.reconcile.resources == ["organizations/123456789012"]
    error_message = "What other modules say is theirs must be there, and what is read back."
  }
}

run "logs_are_added_to_those_that_are_on" {
  assert {
    condition     = toset([for log in google_organization_iam_audit_config.this["organizations/123456789012 cloudkms.googleapis.com"].audit_log_config : log.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    error_message = "What was on must stay on."
  }

  assert {
    condition     = toset([for log in google_organization_iam_audit_config.this["organizations/123456789012 containeranalysis.googleapis.com"].audit_log_config : log.log_type]) == toset(["DATA_WRITE"])
    error_message = "What the detections need must be switched on."
  }
}

run "exemptions_that_are_there_are_pointed_out" {
  command = plan

  variables {
    parents = ["folders/987654321"]
  }

  expect_failures = [check.nobody_is_left_out_of_the_log]
}

run "exemptions_are_kept_unless_told_otherwise" {
  command = plan

  variables {
    parents    = ["folders/987654321"]
    audit_logs = { additive = false }
  }

  assert {
    condition     = alltrue([for log in google_folder_iam_audit_config.this["folders/987654321 cloudkms.googleapis.com"].audit_log_config : length(coalesce(log.exempted_members, [])) == 0])
    error_message = "Nobody may be left out."
  }
}

run "the_record_is_signed_and_its_checkpoints_are_locked_away" {
  assert {
    condition     = google_storage_bucket.witness[0].project == "demo-mart-evidence" && google_storage_bucket.witness[0].retention_policy[0].is_locked && google_storage_bucket.witness[0].retention_policy[0].retention_period == "34560000"
    error_message = "The witness must be elsewhere, and locked."
  }

  assert {
    condition     = toset([for grant in google_storage_bucket_iam_member.witness : grant.role]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "The auditor adds and compares, and deletes nothing."
  }

  assert {
    condition     = yamldecode(output.auditor.config).ledger.key == "gcpkms://projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/postern-ledger/cryptoKeyVersions/1" && yamldecode(output.auditor.config).ledger.anchors[0].bucket == "demo-mart-witness"
    error_message = "The auditor must sign with the key that is made here."
  }
}

run "an_unlocked_witness_is_pointed_out" {
  command = plan

  variables {
    witness = { bucket = "demo-mart-witness" }
  }

  expect_failures = [check.the_witness_cannot_be_bent]
}

run "silence_of_postern_itself_is_told" {
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.this)) == toset(["no-tick-postern-auditor", "no-tick-postern-notifier", "backlog", "dead-letters", "undelivered", "given-up", "unwitnessed"])
    error_message = "Ticks, backlog, dead letters, undelivered alerts and the witness must be watched."
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.this : policy.conditions[0].condition_prometheus_query_language[0].disable_metric_validation && length(policy.notification_channels) == 1])
    error_message = "Each must be applied before its metric exists, and reach somebody."
  }
}

run "without_anybody_to_tell_it_is_pointed_out" {
  command = plan

  variables {
    alert_emails  = []
    metrics_image = null
  }

  expect_failures = [check.somebody_watches_postern]
}

run "alerts_nobody_reads_are_pointed_out" {
  command = plan

  variables {
    notifier = { image = "us-docker.pkg.dev/demo-mart-security/postern/notifier@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [check.somebody_reads_alerts]
}

run "the_notifier_hears_the_tick_only" {
  assert {
    condition     = yamldecode(output.notifier.config).auth.auditor.platform[0].claims.email == "postern-tick@demo-mart-security.iam.gserviceaccount.com" && length(yamldecode(output.notifier.config).outputs) == 2
    error_message = "Only the tick calls it, and alerts go to the topic as well."
  }
}

run "one_approver_alone_is_pointed_out" {
  command = plan

  variables {
    responders = [{ member = "user:lead@example.com", may = ["view", "respond", "approve"] }]
  }

  expect_failures = [check.somebody_closes_cases]
}

run "projects_of_an_estate_without_an_organization" {
  command = plan

  variables {
    parents = ["projects/acme-shop", "projects/demo-mart-build"]
  }

  assert {
    condition     = length(google_logging_project_sink.this) == 2 && length(google_project_iam_audit_config.this) == 8 && length(google_project_iam_member.auditor) == 4
    error_message = "Each project needs its sink, its logs and the auditor's eyes."
  }
}

run "sinks_that_exist_are_taken" {
  command = plan

  variables {
    create_sinks     = false
    existing_writers = { central = "serviceAccount:o123456789012-222222@gcp-sa-logging.iam.gserviceaccount.com" }
  }

  assert {
    condition     = length(google_logging_organization_sink.this) == 0 && join(",", keys(google_pubsub_topic_iam_member.writers)) == "central"
    error_message = "A sink that exists must be let in, and none be made."
  }
}

run "an_empty_filter_is_refused" {
  command = plan

  variables {
    filter = " "
  }

  expect_failures = [var.filter]
}
