variable "project_id" {
  description = "The project that the database is in."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region that it is in."
  type        = string
  nullable    = false
}

variable "name" {
  description = "The instance's name. It cannot be used again for a week after the instance was deleted."
  type        = string
  default     = "postern"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{5,21}$", var.name))
    error_message = "name has 6 to 22 characters: a-z, 0-9 and -, beginning with a letter."
  }
}

variable "create_instance" {
  description = "Whether the instance is made; `false` takes the one of this name that exists."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_database" {
  description = "Whether the database in it is made."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_users" {
  description = "Whether the users are made."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "The database's name."
  type        = string
  default     = "postern"
  nullable    = false
}

variable "users" {
  description = "Who owns the tables, and as whom the functions come. The passwords are in secrets that exist; another version sets another password."
  type = object({
    owner = object({
      name             = optional(string, "postern_owner")
      password_secret  = string
      password_version = optional(number, 1)
    })
    functions = object({
      name             = optional(string, "postern_functions")
      password_secret  = string
      password_version = optional(number, 1)
    })
  })
  nullable = false

  validation {
    condition     = var.users.owner.name != var.users.functions.name && var.users.owner.password_secret != var.users.functions.password_secret
    error_message = "Functions that come as the owner could rewrite the record: use two users with two passwords."
  }
}

variable "passwords" {
  description = "The passwords themselves, from an ephemeral resource. Null where users are not made."
  type = object({
    owner     = string
    functions = string
  })
  default   = null
  ephemeral = true

  validation {
    condition     = !var.create_users || var.passwords != null
    error_message = "Users are made with passwords: give `passwords`, or set create_users = false."
  }
}

variable "migrate_image" {
  description = "The image of the `postern` command with all features, by digest: a job that makes the tables. Null: there is no job."
  type        = string
  default     = null

  validation {
    condition     = var.migrate_image == null ? true : can(regex("@sha256:[0-9a-f]{64}$", var.migrate_image))
    error_message = "migrate_image is named by digest (…@sha256:…)."
  }
}

variable "database_version" {
  description = "PostgreSQL's version."
  type        = string
  default     = "POSTGRES_15"
  nullable    = false

  validation {
    condition     = can(regex("^POSTGRES_1[5-9]$", var.database_version))
    error_message = "database_version is POSTGRES_15 or later."
  }
}

variable "tier" {
  description = "The machine's type."
  type        = string
  default     = "db-custom-2-7680"
  nullable    = false
}

variable "disk_gb" {
  description = "Size of the disk to begin with, in GB. It grows by itself."
  type        = number
  default     = 20
  nullable    = false
}

variable "high_availability" {
  description = "Whether a second zone stands by. While the database is down nothing is decided but break-glass."
  type        = bool
  default     = true
  nullable    = false
}

variable "private_network" {
  description = "The network (`projects/P/global/networks/N`) with private services access that the instance has its only address in. Null: a public address, which no network is authorised for."
  type        = string
  default     = null
}

variable "allocated_ip_range" {
  description = "The range of private services access that its address is taken from."
  type        = string
  default     = null
}

variable "vpc" {
  description = "The network that the migration reaches a private address by."
  type = object({
    network    = string
    subnetwork = string
  })
  default = null

  validation {
    condition     = var.private_network == null || var.migrate_image == null || var.vpc != null
    error_message = "A database with a private address only is reached by a network: set `vpc`."
  }
}

variable "encryption_key" {
  description = "A key of Cloud KMS that the disk is encrypted with. It can only be set when the instance is made. The agent of Cloud SQL needs cloudkms.cryptoKeyEncrypterDecrypter on it first."
  type        = string
  default     = null
}

variable "backups" {
  description = "Backups: when (UTC), where, how many daily ones are kept, for how many days the log is kept that any moment is restored from, and how long the last one outlives the instance."
  type = object({
    start_time      = optional(string, "02:00")
    location        = optional(string)
    keep            = optional(number, 30)
    log_days        = optional(number, 7)
    keep_final_days = optional(number, 90)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.backups.keep >= 7 && var.backups.log_days >= 1 && var.backups.log_days <= 7
    error_message = "Keep at least 7 backups, and 1 to 7 days of the log."
  }
}

variable "maintenance" {
  description = "When it may restart for maintenance: day (1 is Monday) and hour, UTC."
  type = object({
    day  = optional(number, 7)
    hour = optional(number, 3)
  })
  default  = {}
  nullable = false
}

variable "protect" {
  description = "Whether nobody, Terraform included, can delete the instance. To let go of it, apply `false` first."
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
