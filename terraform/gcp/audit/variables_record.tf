variable "ledger" {
  description = <<-EOT
    The record: its name in every checkpoint, which never changes, and the key that signs it. A key is made in `key_ring`
    (`projects/P/locations/L/keyRings/R`) with one version per generation, or `existing_key_version` is taken.
  EOT
  type = object({
    origin               = string
    key_ring             = optional(string)
    protection_level     = optional(string, "HSM")
    generations          = optional(set(string), ["1"])
    signing_generation   = optional(string, "1")
    existing_key_version = optional(string)
  })
  nullable = false

  validation {
    condition     = var.ledger.key_ring == null || var.ledger.existing_key_version == null
    error_message = "Give ledger.key_ring or ledger.existing_key_version, and not both."
  }

  validation {
    condition     = contains(var.ledger.generations, var.ledger.signing_generation)
    error_message = "ledger.signing_generation is one of ledger.generations."
  }

  validation {
    condition     = var.ledger.existing_key_version == null ? true : can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+$", var.ledger.existing_key_version))
    error_message = "ledger.existing_key_version is named in full: projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N."
  }
}

variable "witness" {
  description = "A bucket for signed checkpoints. `locked = true` cannot be taken back: nobody shortens the retention, and the bucket stays until it has passed. Null: there is none."
  type = object({
    bucket         = string
    create         = optional(bool, true)
    project_id     = optional(string)
    location       = optional(string)
    retention_days = optional(number, 400)
    locked         = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.witness == null ? true : var.witness.retention_days >= 30 && var.witness.retention_days <= 36500
    error_message = "witness.retention_days is 30 to 36,500."
  }
}

variable "metrics_image" {
  description = "The image of Google's Prometheus sidecar for Cloud Run, by digest. With it Cloud Monitoring sees the oldest undelivered alert. Null: it does not."
  type        = string
  default     = null
}

variable "alert_emails" {
  description = "Who gets a mail when Postern itself is silent. Not by Postern, but by Cloud Monitoring."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "notification_channels" {
  description = "Channels of Cloud Monitoring that exist, for the same."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "alert_after_seconds" {
  description = "After how long an alert is told that is not delivered, and an entry that is not taken in."
  type = object({
    undelivered = optional(number, 900)
    backlog     = optional(number, 600)
  })
  default  = {}
  nullable = false
}
