variable "project_id" {
  description = "The project that the repositories are in."
  type        = string
  nullable    = false
}

variable "location" {
  description = "Their region or multi-region."
  type        = string
  nullable    = false
}

variable "create_services" {
  description = "Whether the APIs that are needed are switched on."
  type        = bool
  default     = true
  nullable    = false
}

variable "environments" {
  description = <<-EOT
    A repository for each environment, with who may read and who may push, and what is cleaned up: versions older than
    `delete_after_days`, unless they are among the `keep_newest` of their image, or tagged with one of
    `keep_tag_prefixes`, or one of `keep_digests` (`sha256:…`). It begins as a dry run.
  EOT
  type = map(object({
    repository_id  = optional(string)
    description    = optional(string, "")
    immutable_tags = optional(bool, true)
    readers        = optional(set(string), [])
    writers        = optional(set(string), [])
    cleanup = optional(object({
      dry_run           = optional(bool, true)
      delete_after_days = optional(number, 180)
      keep_newest       = optional(number, 20)
      keep_tag_prefixes = optional(list(string), ["serving", "rollback", "case", "sha256-"])
      keep_digests      = optional(list(string), [])
    }), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for environment in values(var.environments) : environment.cleanup.delete_after_days >= 30])
    error_message = "cleanup.delete_after_days is at least 30: a rollback, or a case, may need an image for as long as that."
  }

  validation {
    condition     = alltrue([for environment in values(var.environments) : environment.cleanup.keep_newest >= 2])
    error_message = "cleanup.keep_newest is at least 2: the version that serves, and the one to go back to."
  }

  validation {
    condition     = alltrue(flatten([for environment in values(var.environments) : [for digest in environment.cleanup.keep_digests : can(regex("^sha256:[0-9a-f]{64}$", digest))]]))
    error_message = "cleanup.keep_digests are sha256: and 64 hexadecimal digits."
  }

  validation {
    condition     = alltrue(flatten([for environment in values(var.environments) : [for member in environment.writers : !contains(["allUsers", "allAuthenticatedUsers"], member)]]))
    error_message = "allUsers and allAuthenticatedUsers may not push."
  }
}

variable "remotes" {
  description = "Remote repositories by name: `DOCKER_HUB` or the https URL of a registry, who may read, and for how long the cache is kept. `username` and `password_secret_version` (projects/P/secrets/S/versions/V) log in there."
  type = map(object({
    upstream                = optional(string, "DOCKER_HUB")
    username                = optional(string)
    password_secret_version = optional(string)
    readers                 = optional(set(string), [])
    keep_days               = optional(number, 90)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for remote in values(var.remotes) : remote.upstream == "DOCKER_HUB" || startswith(remote.upstream, "https://")])
    error_message = "upstream is DOCKER_HUB or begins with https://."
  }

  validation {
    condition     = alltrue([for remote in values(var.remotes) : (remote.username == null) == (remote.password_secret_version == null)])
    error_message = "username and password_secret_version come together."
  }
}

variable "scan" {
  description = "Whether images are scanned for vulnerabilities when they are pushed. Each one is charged."
  type        = bool
  default     = true
  nullable    = false
}

variable "encryption_key" {
  description = "A key of Cloud KMS that repositories are encrypted with. It can only be set when one is made. The agent of Artifact Registry needs cloudkms.cryptoKeyEncrypterDecrypter on it first."
  type        = string
  default     = null
}

variable "protect" {
  description = "Whether Terraform refuses to destroy the repositories. To let go of them, apply `false` first."
  type        = bool
  default     = true
  nullable    = false
}

variable "labels" {
  description = "Labels of the repositories."
  type        = map(string)
  default     = {}
  nullable    = false
}
