variable "project_id" {
  description = "The security project: the gate runs here, apart from what it judges."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region that it runs in."
  type        = string
  nullable    = false
}

variable "scheduler_region" {
  description = "The region of Cloud Scheduler, where it does not exist in `region`."
  type        = string
  default     = null
}

variable "create_services" {
  description = "Whether the APIs that are needed are switched on."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "The gate's name, and that of its service account."
  type        = string
  default     = "postern-gate"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,23}[a-z0-9]$", var.name))
    error_message = "name has 6 to 25 characters, since NAME-tick is a service account as well: a-z, 0-9 and -, beginning with a letter."
  }
}

variable "image" {
  description = "The gate's image, by digest, built with the feature `gcp`."
  type        = string
  nullable    = false
}

variable "database" {
  description = "The database: outputs of the module `database`."
  type = object({
    store      = string
    connection = string
    password   = object({ secret = string, version = optional(string, "latest") })
    vpc        = optional(object({ network = string, subnetwork = string }))
  })
  nullable = false
}

variable "policy" {
  description = "The policy as JSON or YAML, as gcloud exports it: an entry of `policy_json` of the module `trust-chain`. A gate judges by one policy."
  type        = string
  nullable    = false

  validation {
    condition     = can(yamldecode(var.policy).defaultAdmissionRule)
    error_message = "policy is the text of a Binary Authorization policy, with a defaultAdmissionRule in it."
  }
}

variable "attestors" {
  description = "The attestors as JSON or YAML: `attestors_json` of the module `trust-chain`."
  type        = string
  nullable    = false
}

variable "attestations" {
  description = "Where attestations are looked for."
  type        = list(string)
  default     = ["store", "registry"]
  nullable    = false
}

variable "registry_hosts" {
  description = "Registries that are read with the gate's own identity, such as us-east1-docker.pkg.dev. It needs artifactregistry.reader on the repositories."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "project_numbers" {
  description = "Project id -> project number, of projects that Google writes as either."
  type        = map(number)
  default     = {}
  nullable    = false
}

variable "callers" {
  description = "Who may call the gate and with which rights: `decide`, `breakGlass`, `view`. The audience is the gate's own, except for people, whose tokens of `gcloud auth print-identity-token` are for 32555940559.apps.googleusercontent.com."
  type = list(object({
    member   = string
    may      = optional(list(string), ["decide"])
    audience = optional(string)
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for caller in var.callers : can(regex("^(serviceAccount|user):[^@]+@[^@]+$", caller.member))])
    error_message = "A caller is serviceAccount:E-MAIL or user:E-MAIL: who may do what is said of identities, not of groups."
  }

  validation {
    condition     = alltrue(flatten([for caller in var.callers : [for right in caller.may : contains(["decide", "breakGlass", "view", "ingest"], right)]]))
    error_message = "Rights at the gate are decide, breakGlass, view and ingest."
  }

  validation {
    condition     = length(distinct(var.callers[*].member)) == length(var.callers)
    error_message = "A caller stands in the list once, with all rights."
  }
}

variable "break_glass" {
  description = "The emergency door: a pattern that finds the ticket in a justification, and uses per day and caller before it gets louder."
  type = object({
    ticket      = optional(string)
    max_per_day = optional(number)
  })
  default  = {}
  nullable = false
}

variable "on_undetermined" {
  description = "What becomes of a request that could not be decided: `deny`, or `allow`, whose every use is a finding."
  type        = string
  default     = "deny"
  nullable    = false

  validation {
    condition     = contains(["deny", "allow"], var.on_undetermined)
    error_message = "on_undetermined is deny or allow."
  }
}
