variable "project_id" {
  description = "The project that the service runs in."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region that it runs in."
  type        = string
  nullable    = false
}

variable "name" {
  description = "The service's name, and that of its service account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{4,28}[a-z0-9])$", var.name))
    error_message = "name is also that of a service account: 6 to 30 characters, a-z, 0-9 and -, beginning with a letter."
  }
}

variable "description" {
  description = "What the service is for."
  type        = string
  default     = ""
  nullable    = false
}

variable "image" {
  description = "The image, by digest."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is named by digest (…@sha256:…): a tag is whatever somebody pushes next."
  }
}

variable "args" {
  description = "Arguments of the image's entry point."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "config" {
  description = "Postern's configuration, as an object. Keys that are null are left out."
  type        = any
}

variable "files" {
  description = "Further files by name: `policy.json` is mounted as /etc/postern/policy.json/policy.json."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.files) : can(regex("^[a-z][a-z0-9.-]*$", name)) && name != "postern.yaml"])
    error_message = "Names of files have a-z, 0-9, . and - in them, and postern.yaml is what `config` makes."
  }
}

variable "env" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secret_env" {
  description = "Environment variables whose values are in Secret Manager."
  type = map(object({
    secret  = string
    version = optional(string, "latest")
  }))
  default  = {}
  nullable = false
}

variable "secrets" {
  description = "Secrets that the configuration refers to with `gcpsm://`: ids, or `projects/P/secrets/S`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "service_account" {
  description = "E-mail address of a service account that exists. Null: one is made."
  type        = string
  default     = null
}

variable "invokers" {
  description = "Members that may call it, each under a key that is known before anything is made."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for member in values(var.invokers) : !contains(["allUsers", "allAuthenticatedUsers"], member)])
    error_message = "allUsers and allAuthenticatedUsers would let anybody in: name who calls."
  }
}

variable "public" {
  description = "Whether Cloud Run's IAM lets everybody through, so that Postern alone says who may call. For the forwarding gate only."
  type        = bool
  default     = false
  nullable    = false
}

variable "audience" {
  description = "The audience that callers' tokens name. Null: https://NAME.PROJECT.internal."
  type        = string
  default     = null
}

variable "custom_audiences" {
  description = "Further audiences that callers' tokens may name, such as the URL of a load balancer."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ingress" {
  description = "From where it can be reached at all."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"
  nullable    = false

  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.ingress)
    error_message = "ingress is INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "tick" {
  description = "Who calls POST /v1/tick and when. Null: nobody."
  type = object({
    service_account = string
    schedule        = optional(string, "* * * * *")
    region          = optional(string)
  })
  default = null
}
