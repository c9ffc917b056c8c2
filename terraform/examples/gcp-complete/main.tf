# The whole of Postern on Google Cloud: one security project, and application projects that are judged and
# audited. Copy this folder, change terraform.tfvars, and follow README.md for the order of the first time.

terraform {
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.0, < 9.0"
    }
  }

  # A state says who is trusted: keep it where only those can write who may change that.
  # backend "gcs" { bucket = "demo-mart-terraform", prefix = "postern" }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

locals {
  # Identities of services below, by names that are known before they are there.
  gate     = "serviceAccount:postern-gate@${var.project_id}.iam.gserviceaccount.com"
  attestor = "serviceAccount:postern-attestor@${var.project_id}.iam.gserviceaccount.com"
  auditor  = "serviceAccount:postern-auditor@${var.project_id}.iam.gserviceaccount.com"

  policy = module.trust_chain.policy_json[keys(var.applications)[0]]
}

module "registry" {
  source = "../../gcp/registry"

  project_id = var.project_id
  location   = var.region

  environments = {
    staging    = { writers = [var.ci], readers = [local.gate, local.auditor] }
    production = { writers = [var.promoter], readers = [local.gate, local.auditor], cleanup = { keep_digests = var.keep_digests } }
  }
  remotes = { docker-hub = { readers = [var.ci] } }
}

module "trust_chain" {
  source = "../../gcp/trust-chain"

  project_id = var.project_id
  key_ring   = { location = var.region }

  attestors = {
    # CI signs for the platform (Container Analysis), and the attestor for the gate (its own store).
    built-by-ci = { signers = [local.attestor, var.ci], verifiers = [local.gate] }
  }

  # The same rules everywhere: one gate judges by one policy.
  policies = {
    for project, number in var.applications : project => {
      project_number = number
      exempt_images  = ["us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/**"]
      default_rule   = { require_attestors = ["built-by-ci"], dry_run = var.dry_run }
    }
  }

  policy_viewers       = [local.gate, local.auditor]
  require_on_cloud_run = { parents = [var.parent], dry_run = var.dry_run }
}

# Made by hand, before the first apply: nobody but you has seen them.
ephemeral "google_secret_manager_secret_version" "password" {
  for_each = toset(["owner", "functions"])

  project = var.project_id
  secret  = "postern-${each.value}-password"
}

module "database" {
  source = "../../gcp/database"

  project_id    = var.project_id
  region        = var.region
  migrate_image = var.images.postern

  users = {
    owner     = { password_secret = "postern-owner-password" }
    functions = { password_secret = "postern-functions-password" }
  }
  passwords = {
    owner     = ephemeral.google_secret_manager_secret_version.password["owner"].secret_data
    functions = ephemeral.google_secret_manager_secret_version.password["functions"].secret_data
  }
}

module "gate" {
  source = "../../gcp/gate"

  project_id     = var.project_id
  region         = var.region
  image          = var.images.gate
  database       = module.database
  policy         = local.policy
  attestors      = module.trust_chain.attestors_json
  registry_hosts = [module.registry.registry_host]
  break_glass    = { ticket = "INC-[0-9]+", max_per_day = 3 }
  metrics_image  = var.images.metrics

  callers = concat(
    [{ member = var.ci, may = ["decide"], audience = null }],
    [for member in var.oncall : { member = member, may = ["decide", "breakGlass"], audience = "32555940559.apps.googleusercontent.com" }],
  )

  attestor = {
    image = var.images.attestor
    signers = [{
      attestor     = module.trust_chain.attestors["built-by-ci"]
      key_version  = module.trust_chain.key_versions["built-by-ci"]["1"]
      callers      = [var.ci]
      repositories = [for repository in values(module.registry.repositories) : "${repository}/**"]
    }]
  }
}

module "audit" {
  source = "../../gcp/audit"

  project_id     = var.project_id
  region         = var.region
  parents        = [var.parent]
  database       = module.database
  metrics_image  = var.images.metrics
  alert_emails   = var.alert_emails
  registry_hosts = [module.registry.registry_host]
  gated          = [for project in keys(var.applications) : "cloud-run:${project}/*"]
  silence_after  = "6h"

  auditor = {
    image     = var.images.postern
    args      = ["serve", "--only", "auditor"]
    policy    = local.policy
    attestors = module.trust_chain.attestors_json
  }
  notifier = {
    image   = var.images.notifier
    outputs = [{ name = "chat", type = "slack", url = "gcpsm://projects/${var.project_id}/secrets/postern-slack" }]
    secrets = ["postern-slack"]
  }

  responders = [for member in var.responders : { member = member, may = ["view", "respond", "approve"] }]
  owners     = file("${path.module}/owners.yaml")

  trust = [
    module.trust_chain.trust,
    module.registry.trust,
    module.gate.trust,
    { operators = [var.terraform] },
  ]

  ledger  = { origin = var.ledger_origin, key_ring = module.trust_chain.key_ring }
  witness = { bucket = var.witness.bucket, project_id = var.witness.project_id, locked = var.witness.locked }
}
