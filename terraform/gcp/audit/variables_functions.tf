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

variable "auditor" {
  description = <<-EOT
    The auditor: its image by digest. With that of the `postern` command and `args = ["serve", "--only", "auditor"]` it has a
    gate in it, which says whether an image conforms now, by `policy` and `attestors` (texts as gcloud exports them);
    without, a case about a bypass closes as an exception only. `config` is added to its configuration.
  EOT
  type = object({
    image         = string
    args          = optional(list(string), [])
    policy        = optional(string)
    attestors     = optional(string)
    secrets       = optional(list(string), [])
    max_instances = optional(number, 5)
    config        = optional(any, {})
  })
  nullable = false
}

variable "notifier" {
  description = <<-EOT
    The notifier: its image by digest, and `outputs`, `routes`, `silences` and `heartbeat` as in Postern's configuration.
    Alerts also go to a topic that is made here, the output `bus`. `secrets` are those that outputs refer to with
    `gcpsm://`. `config` is added to its configuration.
  EOT
  type = object({
    image     = string
    args      = optional(list(string), [])
    outputs   = optional(any, [])
    routes    = optional(any)
    silences  = optional(any)
    heartbeat = optional(any)
    secrets   = optional(list(string), [])
    config    = optional(any, {})
  })
  nullable = false
}

variable "responders" {
  description = "Who works on cases, and with which rights: `view`, `respond`, `approve`. The audience of people is that of `gcloud auth print-identity-token`; that of service accounts is the auditor's own (set it to `auditor.audience` of the outputs)."
  type = list(object({
    member   = string
    may      = optional(list(string), ["view", "respond"])
    audience = optional(string, "32555940559.apps.googleusercontent.com")
  }))
  nullable = false

  validation {
    condition     = length(var.responders) > 0
    error_message = "Nobody could read a case: name who works on them."
  }

  validation {
    condition     = alltrue([for responder in var.responders : can(regex("^(serviceAccount|user):[^@]+@[^@]+$", responder.member))])
    error_message = "A responder is user:E-MAIL or serviceAccount:E-MAIL: who did what in a case is an identity, not a group."
  }

  validation {
    condition     = alltrue(flatten([for responder in var.responders : [for right in responder.may : contains(["view", "respond", "approve"], right)]]))
    error_message = "Rights at cases are view, respond and approve."
  }

  validation {
    condition     = length(distinct(var.responders[*].member)) == length(var.responders)
    error_message = "A responder stands in the list once, with all rights."
  }
}

variable "owners" {
  description = "The text of the file `owners`: whose case it is. Null: nobody's."
  type        = string
  default     = null
}

variable "trust" {
  description = "What is yours: the outputs `trust` of the other modules, and more of the same form. What this module makes is among it by itself."
  type = list(object({
    keys              = optional(list(string), [])
    attestors         = optional(list(string), [])
    notes             = optional(list(string), [])
    services          = optional(list(string), [])
    channels          = optional(list(string), [])
    repositories      = optional(list(string), [])
    ci                = optional(list(string), [])
    signers           = optional(list(string), [])
    operators         = optional(list(string), [])
    gate              = optional(list(string), [])
    break_glass_roles = optional(list(string), [])
  }))
  default  = []
  nullable = false
}

variable "gated" {
  description = "Targets that may be deployed to only through the gate, such as cloud-run:acme-shop/*."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "expected_projects" {
  description = "Projects whose entries are expected; those of others are quarantined. Empty: any."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "silence_after" {
  description = "After how long without an entry silence is a finding, such as 6h. Null: never."
  type        = string
  default     = null
}

variable "project_numbers" {
  description = "Project id -> project number, of projects that Google writes as either."
  type        = map(number)
  default     = {}
  nullable    = false
}

variable "registry_hosts" {
  description = "Registries that the auditor's own gate reads with its identity."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ingress" {
  description = "From where the auditor can be reached at all: people who work on cases reach it over the internet, with IAM in front."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"
  nullable    = false
}
