output "url" {
  description = "Where the gate answers."
  value       = module.gate.url
}

output "audience" {
  description = "The audience that callers' tokens name: gcloud auth print-identity-token --audiences=AUDIENCE."
  value       = module.gate.audience
}

output "service_account" {
  description = "E-mail address of the gate's identity, for artifactregistry.reader and the attestors' `verifiers`."
  value       = module.gate.service_account
}

output "attestor" {
  description = "URL, audience and service account of the attestor; null where there is none."
  value       = var.attestor == null ? null : { url = module.attestor[0].url, audience = module.attestor[0].audience, service_account = module.attestor[0].service_account }
}

output "proxy" {
  description = "The forwarding gate: the override for gcloud, its address, the record that proves the domain, and its configuration as it is mounted; null where there is none."
  value = var.proxy == null ? null : {
    gcloud_override = "https://run.${var.proxy.domain}/"
    address         = google_compute_global_address.proxy[var.proxy.domain].address
    dns_proof       = google_certificate_manager_dns_authorization.proxy[var.proxy.domain].dns_resource_record
    config          = module.proxy[0].config
  }
}

output "trust" {
  description = "What the auditor has to know as its own: `trust` of the audit module."
  value = {
    services = concat(
      [module.gate.id, module.gate.service_account, module.gate.config_secret],
      var.attestor == null ? [] : [module.attestor[0].id, module.attestor[0].service_account, module.attestor[0].config_secret],
      var.proxy == null ? [] : [module.proxy[0].id, module.proxy[0].service_account, module.proxy[0].config_secret],
    )
    gate    = concat([module.gate.service_account], var.proxy == null ? [] : [module.proxy[0].service_account])
    signers = var.attestor == null ? [] : [module.attestor[0].service_account]
  }
}

output "config" {
  description = "The gate's configuration as it is mounted."
  value       = module.gate.config
}
