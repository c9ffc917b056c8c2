output "attestors" {
  description = "Attestor -> its full name, which policies and signatures are made with."
  value       = { for name, attestor in google_binary_authorization_attestor.this : name => "projects/${var.project_id}/attestors/${attestor.name}" }
}

output "notes" {
  description = "Attestor -> its note, `projects/P/notes/N`."
  value       = local.notes
}

output "key_versions" {
  description = "Attestor -> generation -> key version, as signers name it (`projects/…/cryptoKeyVersions/N`)."
  value = {
    for name, versions in local.trusted_versions : name => {
      for generation, version in versions : generation => trimprefix(version.id, "//cloudkms.googleapis.com/v1/")
    }
  }
}

output "keys" {
  description = "Attestor -> its key, `projects/…/cryptoKeys/K`."
  value       = local.key_ids
}

output "key_ring" {
  description = "The key ring, `projects/…/keyRings/R`."
  # As it will be, so that others can be told before it is made.
  value      = "projects/${var.project_id}/locations/${var.key_ring.location}/keyRings/${var.key_ring.name}"
  depends_on = [google_kms_key_ring.this]
}

output "attestors_json" {
  description = "All attestors as the API gives them, with their public keys: the file `attestors` of Postern's configuration."
  value = jsonencode({
    attestors = [
      for name in sort(keys(var.attestors)) : {
        name        = "projects/${var.project_id}/attestors/${name}"
        description = var.attestors[name].description
        userOwnedGrafeasNote = {
          noteReference = local.notes[name]
          publicKeys = [
            for generation, version in local.trusted_versions[name] : {
              id      = version.id
              comment = generation
              pkixPublicKey = {
                publicKeyPem       = version.public_key[0].pem
                signatureAlgorithm = version.public_key[0].algorithm
              }
            }
          ]
        }
      }
    ]
  })
}

output "policy_json" {
  description = "Application project -> its policy as the API gives it: the file `policy` of Postern's configuration, and what the live policy has to be equal to."
  value = {
    for project, policy in local.policies : project => jsonencode({
      name                       = "projects/${project}/policy"
      description                = policy.description
      globalPolicyEvaluationMode = policy.global_policy_evaluation ? "ENABLE" : "DISABLE"
      admissionWhitelistPatterns = [for pattern in policy.exempt_images : { namePattern = pattern }]
      clusterAdmissionRules = {
        for cluster, rule in policy.cluster_rules : cluster => merge(
          { evaluationMode = rule.evaluation_mode, enforcementMode = local.enforcement[rule.dry_run] },
          length(rule.require_attestors) > 0 ? { requireAttestationsBy = rule.require_attestors } : {}
        )
      }
      defaultAdmissionRule = merge(
        { evaluationMode = policy.default_rule.evaluation_mode, enforcementMode = local.enforcement[policy.default_rule.dry_run] },
        length(policy.default_rule.require_attestors) > 0 ? { requireAttestationsBy = policy.default_rule.require_attestors } : {}
      )
    })
  }
}

output "dry_run_projects" {
  description = "Projects in which a rule is still a dry run."
  value       = [for project, policy in var.policies : project if policy.default_rule.dry_run || anytrue([for rule in values(policy.cluster_rules) : rule.dry_run])]
}

output "trust" {
  description = "What the auditor has to know as its own: `trust` of the audit module."
  value = {
    keys      = [for key in values(local.key_ids) : key]
    attestors = [for name in keys(var.attestors) : "projects/${var.project_id}/attestors/${name}"]
    notes     = values(local.notes)
    signers   = distinct(flatten([for attestor in values(var.attestors) : [for member in attestor.signers : trimprefix(trimprefix(member, "serviceAccount:"), "user:")]]))
  }
}

output "policy_ids" {
  description = "Application project -> the policy's id in Terraform."
  value       = { for project, policy in google_binary_authorization_policy.this : project => policy.id }
}
