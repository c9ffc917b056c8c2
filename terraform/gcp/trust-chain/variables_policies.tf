variable "policies" {
  description = <<-EOT
    The Binary Authorization policy of each application project, whole: whatever else the live one says is gone,
    rules by Kubernetes namespace or service account among it, which Terraform cannot express. Rules begin as dry
    runs. Attestors are names of `attestors`, or `projects/P/attestors/A`. Keys of `cluster_rules` are
    `LOCATION.CLUSTER`; Cloud Run is judged by the default rule only.
  EOT
  type = map(object({
    project_number           = optional(string)
    description              = optional(string, "Managed by Terraform")
    global_policy_evaluation = optional(bool, true)
    exempt_images            = optional(list(string), [])
    default_rule = object({
      evaluation_mode   = optional(string, "REQUIRE_ATTESTATION")
      require_attestors = optional(list(string), [])
      dry_run           = optional(bool, true)
    })
    cluster_rules = optional(map(object({
      evaluation_mode   = optional(string, "REQUIRE_ATTESTATION")
      require_attestors = optional(list(string), [])
      dry_run           = optional(bool, true)
    })), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for project in keys(var.policies) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", project))])
    error_message = "Keys of policies are ids of projects, such as acme-shop."
  }

  validation {
    condition     = alltrue([for rule in flatten([for policy in values(var.policies) : [policy.default_rule, values(policy.cluster_rules)]]) : contains(["REQUIRE_ATTESTATION", "ALWAYS_DENY", "ALWAYS_ALLOW"], rule.evaluation_mode)])
    error_message = "evaluation_mode is REQUIRE_ATTESTATION, ALWAYS_DENY or ALWAYS_ALLOW."
  }

  validation {
    condition     = alltrue([for rule in flatten([for policy in values(var.policies) : [policy.default_rule, values(policy.cluster_rules)]]) : (rule.evaluation_mode == "REQUIRE_ATTESTATION") == (length(rule.require_attestors) > 0)])
    error_message = "REQUIRE_ATTESTATION takes at least one of require_attestors, and the other modes take none."
  }

  # Two of one short name look the same to the provider, which then sends one of them, or none.
  validation {
    condition     = alltrue([for rule in flatten([for policy in values(var.policies) : [policy.default_rule, values(policy.cluster_rules)]]) : length(distinct([for attestor in rule.require_attestors : reverse(split("/", attestor))[0]])) == length(rule.require_attestors)])
    error_message = "Two attestors of one rule have the same short name. The provider confuses them and would drop one from the policy: rename one."
  }

  validation {
    condition     = alltrue([for attestor in flatten([for rule in flatten([for policy in values(var.policies) : [policy.default_rule, values(policy.cluster_rules)]]) : rule.require_attestors]) : startswith(attestor, "projects/") ? can(regex("^projects/[^/]+/attestors/[^/]+$", attestor)) : contains(keys(var.attestors), attestor)])
    error_message = "An attestor that a policy requires is neither among `attestors` nor projects/P/attestors/A: everything would be denied."
  }

  # A key of another form matches no cluster, and the default rule holds there without a word.
  validation {
    condition     = alltrue([for cluster in flatten([for policy in values(var.policies) : keys(policy.cluster_rules)]) : can(regex("^[a-z]+-[a-z]+[0-9]+(-[a-z])?\\.[a-z]([a-z0-9-]*[a-z0-9])?$", cluster))])
    error_message = "Keys of cluster_rules are LOCATION.CLUSTER, such as us-central1-a.prod."
  }

  validation {
    condition     = alltrue([for pattern in flatten(values(var.policies)[*].exempt_images) : can(regex("^[a-z0-9.-]+(:[0-9]+)?/[^*]", pattern))])
    error_message = "A pattern of exempt_images begins with a registry and a path, and its * comes after: \"*\" and \"us-docker.pkg.dev/**\" exempt what anybody may push."
  }

  validation {
    condition     = alltrue([for pattern in flatten(values(var.policies)[*].exempt_images) : !can(regex("[^/*:@]\\*\\*?$", pattern))])
    error_message = "A pattern of exempt_images ends in /*, /**, :* or @*, or names one image: \"…/base**\" also exempts …/base-of-a-stranger."
  }
}
