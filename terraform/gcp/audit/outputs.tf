output "auditor" {
  description = "The auditor: URL (postern case --server URL), audience, service account, and its configuration as mounted."
  value = {
    url             = module.auditor.url
    audience        = module.auditor.audience
    service_account = module.auditor.service_account
    config          = module.auditor.config
  }
}

output "notifier" {
  description = "The notifier: service account, and its configuration as mounted."
  value = {
    service_account = module.notifier.service_account
    config          = module.notifier.config
  }
}

output "topic" {
  description = "The topic that audit entries arrive on."
  value       = google_pubsub_topic.audit.id
}

output "alerts_topic" {
  description = "The topic that alerts are published to."
  value       = google_pubsub_topic.alerts.id
}

output "dead_letters" {
  description = "The subscription that holds what could not be delivered."
  value       = google_pubsub_subscription.dead.id
}

output "filter" {
  description = "The filter, for sinks that are made elsewhere."
  value       = local.filter
}

output "writers" {
  description = "What is audited -> the identity that its sink writes as."
  value       = local.writers
}

output "ledger_key" {
  description = "The key version that checkpoints are signed with; null where they are not. Its public key is what `postern ledger verify` takes."
  value       = local.ledger_key
}

output "witness" {
  description = "The bucket that checkpoints are kept in; null where there is none."
  value       = var.witness == null ? null : var.witness.bucket
}
