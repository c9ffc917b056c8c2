terraform {
  # 1.9: a validation may look at other variables.
  required_version = ">= 1.9"

  required_providers {
    google = {
      source = "hashicorp/google"
      # `deletion_policy` of keys, attestors and the policy is what protection rests on.
      version = ">= 8.0, < 9.0"
    }
  }
}
