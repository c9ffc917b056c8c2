output "gate" {
  description = "Where pipelines ask, and the audience of their tokens."
  value       = { url = module.gate.url, audience = module.gate.audience }
}

output "attestor" {
  description = "Where pipelines have images signed."
  value       = module.gate.attestor
}

output "cases" {
  description = "postern case list --server URL --token-file TOKEN."
  value       = module.audit.auditor.url
}

output "repositories" {
  description = "Where images are pushed to."
  value       = module.registry.repositories
}

output "migrate_job" {
  description = "To be run once, and after every upgrade: gcloud run jobs execute NAME --wait."
  value       = module.database.migrate_job
}

output "policies" {
  description = "What the live policies have to be equal to: gcloud container binauthz policy export --project PROJECT."
  value       = module.trust_chain.policy_json
}
