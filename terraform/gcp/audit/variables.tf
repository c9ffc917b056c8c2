variable "project_id" {
  description = "The security project: topics and services are here, apart from what is audited."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region that auditor and notifier run in."
  type        = string
  nullable    = false
}

variable "scheduler_region" {
  description = "The region of Cloud Scheduler, where it does not exist in `region`."
  type        = string
  default     = null
}

variable "name" {
  description = "How names of what is made begin."
  type        = string
  default     = "postern"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}[a-z0-9]$", var.name))
    error_message = "name has 2 to 21 characters: a-z, 0-9 and -, beginning with a letter."
  }
}

variable "create_services" {
  description = "Whether the APIs that are needed are switched on."
  type        = bool
  default     = true
  nullable    = false
}

variable "parents" {
  description = "What is audited: `organizations/N`, `folders/N`, `projects/ID`. A sink of an organization or folder takes in all that is below."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.parents) > 0 && alltrue([for parent in var.parents : can(regex("^(projects/[a-z][a-z0-9-]+|(folders|organizations)/[0-9]+)$", parent))])
    error_message = "parents are organizations/NUMBER, folders/NUMBER or projects/ID, at least one."
  }
}

variable "create_sinks" {
  description = "Whether sinks are made; `false` where somebody else makes them, with `filter` of the outputs."
  type        = bool
  default     = true
  nullable    = false
}

variable "existing_writers" {
  description = "Writer identities of sinks that exist, each under a name: they may publish to the topic."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "filter" {
  description = "The sinks' filter, where you have detections of your own: what `postern audit rules --detections DIR export --format logging-filter` prints. Null: that of the built-in ones."
  type        = string
  default     = null

  validation {
    condition     = var.filter == null ? true : length(var.filter) <= 20000 && length(trimspace(var.filter)) > 0
    error_message = "filter has at most 20,000 characters, and is not empty: an empty one sends every log."
  }
}

variable "audit_logs" {
  description = <<-EOT
    Data Access logs that are switched on, by service, at `parents` (null: where the sinks are). `additive` reads what is
    there and only adds to it; otherwise each of these services has these logs and no others, and nobody is exempted.
  EOT
  type = object({
    parents  = optional(list(string))
    additive = optional(bool, true)
    services = optional(map(set(string)), {
      "artifactregistry.googleapis.com"  = ["DATA_WRITE"]
      "cloudkms.googleapis.com"          = ["DATA_READ"]
      "containeranalysis.googleapis.com" = ["DATA_WRITE"]
      "pubsub.googleapis.com"            = ["DATA_WRITE"]
    })
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue(flatten([for logs in values(var.audit_logs.services) : [for log in logs : contains(["ADMIN_READ", "DATA_READ", "DATA_WRITE"], log)]]))
    error_message = "Logs are ADMIN_READ, DATA_READ and DATA_WRITE."
  }
}

variable "read_back" {
  description = "Whether the auditor reads the logs back every hour, to find what was never delivered. It gets logging.privateLogViewer at `parents`."
  type        = bool
  default     = true
  nullable    = false
}

variable "read_services" {
  description = "Whether the auditor may see what runs on Cloud Run. It gets run.viewer at `parents`."
  type        = bool
  default     = true
  nullable    = false
}

variable "retention_days" {
  description = "For how many days entries wait while the auditor is down."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 31
    error_message = "Pub/Sub keeps messages for 1 to 31 days."
  }
}

variable "storage_regions" {
  description = "Regions that messages may be stored in. Empty: any."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "encryption_key" {
  description = "A key of Cloud KMS that topics are encrypted with. The agent of Pub/Sub needs cloudkms.cryptoKeyEncrypterDecrypter on it first."
  type        = string
  default     = null
}

variable "protect" {
  description = "Whether Terraform refuses to destroy sinks, topics, subscriptions, services, keys and the witness. To let go of them, apply `false` first."
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
