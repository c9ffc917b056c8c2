variable "attestors" {
  description = <<-EOT
    Attestors by name. A key is made for each, with one version per generation: to rotate, add a generation, sign
    with it, and only then set `trusted = false` on the old one. `existing_key_versions` takes versions of keys
    that exist instead, and `existing_note` a note that exists. Lists of members are those of IAM
    (`serviceAccount:…`, `user:…`, `group:…`, `principalSet://…`).
  EOT
  type = map(object({
    description      = optional(string, "")
    algorithm        = optional(string, "EC_SIGN_P256_SHA256")
    protection_level = optional(string, "HSM")
    key_name         = optional(string)
    generations = optional(map(object({
      trusted = optional(bool, true)
      enabled = optional(bool, true)
    })), { "1" = {} })
    existing_key_versions = optional(list(string), [])
    existing_note         = optional(string)
    signers               = optional(set(string), [])
    verifiers             = optional(set(string), [])
    viewers               = optional(set(string), [])
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.attestors) : can(regex("^[a-zA-Z0-9_-]{1,63}$", name))])
    error_message = "An attestor's name has letters, digits, - and _ in it."
  }

  validation {
    condition     = alltrue([for attestor in values(var.attestors) : contains(["EC_SIGN_P256_SHA256", "EC_SIGN_P384_SHA384", "RSA_SIGN_PSS_4096_SHA512", "RSA_SIGN_PSS_4096_SHA256", "RSA_SIGN_PKCS1_4096_SHA512", "RSA_SIGN_PKCS1_4096_SHA256"], attestor.algorithm)])
    error_message = "algorithm is EC_SIGN_P256_SHA256, EC_SIGN_P384_SHA384, or RSA of 4096 bits: RSA_SIGN_PSS_4096_SHA512, RSA_SIGN_PSS_4096_SHA256, RSA_SIGN_PKCS1_4096_SHA512 or RSA_SIGN_PKCS1_4096_SHA256."
  }

  validation {
    condition     = alltrue([for attestor in values(var.attestors) : contains(["HSM", "SOFTWARE"], attestor.protection_level)])
    error_message = "protection_level is HSM or SOFTWARE."
  }

  validation {
    condition     = alltrue(flatten([for attestor in values(var.attestors) : [for version in attestor.existing_key_versions : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+$", version))]]))
    error_message = "existing_key_versions are named in full: projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N."
  }

  validation {
    condition     = alltrue([for attestor in values(var.attestors) : attestor.existing_note == null ? true : can(regex("^projects/[^/]+/notes/[^/]+$", attestor.existing_note))])
    error_message = "existing_note is projects/P/notes/N."
  }

  validation {
    condition     = alltrue(flatten([for attestor in values(var.attestors) : [for member in setunion(attestor.signers, attestor.verifiers, attestor.viewers) : !contains(["allUsers", "allAuthenticatedUsers"], member)]]))
    error_message = "allUsers and allAuthenticatedUsers have no business in a trust chain: name whom you mean."
  }
}
