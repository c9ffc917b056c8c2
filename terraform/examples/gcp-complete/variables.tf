variable "project_id" {
  description = "The security project."
  type        = string
}

variable "region" {
  description = "The region of everything."
  type        = string
}

variable "parent" {
  description = "What is audited: organizations/N or folders/N."
  type        = string
}

variable "applications" {
  description = "Application projects: id -> number."
  type        = map(string)
}

variable "images" {
  description = "Images by digest. `metrics` is Google's Prometheus sidecar for Cloud Run; null is without."
  type = object({
    postern  = string
    gate     = string
    attestor = string
    notifier = string
    metrics  = optional(string)
  })
}

variable "dry_run" {
  description = "Whether violations are only logged yet."
  type        = bool
  default     = true
}

variable "ci" {
  description = "The identity that builds and has images signed."
  type        = string
}

variable "promoter" {
  description = "The identity that copies images to production."
  type        = string
}

variable "terraform" {
  description = "E-mail address of the identity that applies this."
  type        = string
}

variable "oncall" {
  description = "Who may open the emergency door, `user:…`."
  type        = list(string)
}

variable "responders" {
  description = "Who works on cases, `user:…`; at least two."
  type        = list(string)
}

variable "alert_emails" {
  description = "Who gets a mail when Postern itself is silent."
  type        = set(string)
}

variable "keep_digests" {
  description = "Digests in production that serve, may be gone back to, or that an open case is about."
  type        = list(string)
  default     = []
}

variable "ledger_origin" {
  description = "The record's name. It never changes."
  type        = string
}

variable "witness" {
  description = "The bucket that checkpoints are kept in, in a project that Postern's operators do not own."
  type = object({
    bucket     = string
    project_id = string
    locked     = optional(bool, false)
  })
}
