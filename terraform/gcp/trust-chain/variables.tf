variable "project_id" {
  description = "The security project: keys, notes and attestors are here, apart from what is deployed."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id, such as demo-mart-security, and not its number."
  }
}

variable "create_services" {
  description = "Whether the APIs that are needed are switched on, here and in the projects of `policies`."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_key_ring" {
  description = "Whether the key ring is made. Neither it nor its name can ever be got rid of: take one that exists with `false`."
  type        = bool
  default     = true
  nullable    = false
}

variable "key_ring" {
  description = "Name and location of the key ring. HSM keys are in most locations, and in `global` not."
  type = object({
    name     = optional(string, "postern")
    location = string
  })
  nullable = false
}

variable "protect" {
  description = "Whether Terraform refuses to destroy keys, their versions, notes and attestors. To let go of one, apply `false` first."
  type        = bool
  default     = true
  nullable    = false
}

variable "destroy_scheduled_days" {
  description = "For how many days a destroyed key version can still be restored."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.destroy_scheduled_days >= 1 && var.destroy_scheduled_days <= 120
    error_message = "Cloud KMS keeps a version that is to be destroyed for 1 to 120 days."
  }
}

variable "labels" {
  description = "Labels of the keys."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "policy_viewers" {
  description = "Members that may read the policies of the projects in `policies`, such as the gate's and the auditor's service accounts."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "require_on_cloud_run" {
  description = "Where Cloud Run services have to ask Binary Authorization (`projects/ID`, `folders/N`, `organizations/N`), and whether that is only a dry run yet."
  type = object({
    parents = optional(list(string), [])
    dry_run = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for parent in var.require_on_cloud_run.parents : can(regex("^(projects/[a-z][a-z0-9-]+|(projects|folders|organizations)/[0-9]+)$", parent))])
    error_message = "require_on_cloud_run.parents are projects/ID, folders/NUMBER or organizations/NUMBER."
  }
}

variable "forbid_service_account_keys" {
  description = "Where keys of service accounts may not be created any more (`projects/ID`, `folders/N`, `organizations/N`). Existing keys stay."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for parent in var.forbid_service_account_keys : can(regex("^(projects/[a-z][a-z0-9-]+|(projects|folders|organizations)/[0-9]+)$", parent))])
    error_message = "forbid_service_account_keys are projects/ID, folders/NUMBER or organizations/NUMBER."
  }
}
