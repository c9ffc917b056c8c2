terraform {
  # 1.9: a validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # The version that the modules are tested with.
      version = ">= 8.0, < 9.0"
    }
  }
}
