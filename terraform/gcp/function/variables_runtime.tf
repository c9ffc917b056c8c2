variable "instances" {
  description = "How many instances there are, at least and at most."
  type = object({
    min = optional(number, 0)
    max = optional(number, 10)
  })
  default  = {}
  nullable = false
}

variable "cpu" {
  description = "Processors of an instance."
  type        = string
  default     = "1"
  nullable    = false
}

variable "memory" {
  description = "Memory of an instance, its spool included."
  type        = string
  default     = "512Mi"
  nullable    = false
}

variable "cpu_always" {
  description = "Whether instances have their processor between requests, too, and are paid for accordingly."
  type        = bool
  default     = false
  nullable    = false
}

variable "concurrency" {
  description = "Requests that an instance gets at the same time."
  type        = number
  default     = 64
  nullable    = false
}

variable "timeout_seconds" {
  description = "How long a request may take."
  type        = number
  default     = 60
  nullable    = false
}

variable "vpc" {
  description = "The network that it reaches private addresses by."
  type = object({
    network    = string
    subnetwork = string
    egress     = optional(string, "PRIVATE_RANGES_ONLY")
  })
  default = null
}

variable "cloud_sql_instances" {
  description = "Instances of Cloud SQL under /cloudsql, `PROJECT:REGION:INSTANCE`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "metrics_image" {
  description = "The image of Google's Prometheus sidecar for Cloud Run, by digest. Null: metrics are not written to Cloud Monitoring."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.metrics_image))
    error_message = "metrics_image is named by digest (…@sha256:…)."
  }
}

variable "protect" {
  description = "Whether Terraform refuses to destroy the service."
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
