variable "attestor" {
  description = <<-EOT
    The attestor as a service, which signs with keys of Cloud KMS. Each signer: in whose name, with which key version
    (`key_versions` of the module `trust-chain`), for which callers and repositories, which other attestors must be
    satisfied before, and where to (`store`, `registry`). Name its service account among the attestor's `signers`
    there. Null: there is none.
  EOT
  type = object({
    name  = optional(string, "postern-attestor")
    image = string
    signers = list(object({
      attestor     = string
      key_version  = string
      callers      = set(string)
      repositories = list(string)
      requires     = optional(list(string), [])
      to           = optional(string, "store")
    }))
    config = optional(any, {})
  })
  default = null

  validation {
    condition     = var.attestor == null ? true : alltrue([for signer in var.attestor.signers : length(signer.callers) > 0 && length(signer.repositories) > 0])
    error_message = "A signer without callers signs for nobody, and one without repositories nothing."
  }

  validation {
    condition     = var.attestor == null ? true : alltrue(flatten([for signer in var.attestor.signers : [for member in signer.callers : can(regex("^(serviceAccount|user):[^@]+@[^@]+$", member))]]))
    error_message = "A caller is serviceAccount:E-MAIL or user:E-MAIL."
  }
}

variable "proxy" {
  description = <<-EOT
    The forwarding gate: its image, and the domain whose hosts it answers to. A load balancer with a certificate for
    the domain and all hosts in it is made, and DNS records where `managed_zone` names a zone of Cloud DNS. `config`
    is added to its configuration. Null: there is none.
  EOT
  type = object({
    name            = optional(string, "postern-proxy")
    image           = string
    domain          = string
    managed_zone    = optional(string)
    dns_project_id  = optional(string)
    security_policy = optional(string)
    config          = optional(any, {})
  })
  default = null

  validation {
    condition     = var.proxy == null ? true : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.proxy.domain))
    error_message = "proxy.domain is a domain without a wildcard, such as deploy.example.com; hosts in it are covered."
  }
}

variable "config" {
  description = "Further keys of the gate's configuration. They stand instead of those that this module makes."
  type        = any
  default     = {}
}

variable "secrets" {
  description = "Secrets that the configuration refers to with `gcpsm://`: ids, or `projects/P/secrets/S`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ingress" {
  description = "From where gate and attestor can be reached at all. IAM stands in front of them either way."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"
  nullable    = false
}

variable "instances" {
  description = "How many instances of the gate there are, at least and at most."
  type = object({
    min = optional(number, 1)
    max = optional(number, 10)
  })
  default  = {}
  nullable = false
}

variable "metrics_image" {
  description = "The image of Google's Prometheus sidecar for Cloud Run, by digest. Null: metrics are not written to Cloud Monitoring."
  type        = string
  default     = null
}

variable "protect" {
  description = "Whether Terraform refuses to destroy the services."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of what is made."
  type        = map(string)
  default     = {}
  nullable    = false
}
