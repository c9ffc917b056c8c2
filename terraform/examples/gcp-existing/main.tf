# A trust chain and an audit in an estate that exists: a key ring, a key and an attestor that were made by
# hand, a sink that another team keeps, and one project without an organization. Nothing is made twice.

terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.0, < 9.0"
    }
  }
}

provider "google" {
  project = "demo-mart-security"
}

module "trust_chain" {
  source = "../../gcp/trust-chain"

  project_id      = "demo-mart-security"
  create_services = false

  # Its name is taken for ever, so it is imported below.
  key_ring = { name = "signing", location = "europe-west3" }

  attestors = {
    # Made by hand, and taken over: key, note and attestor are imported below.
    built-by-ci = {
      algorithm   = "EC_SIGN_P256_SHA256"
      generations = { "1" = {} }
      signers     = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"]
    }
    # Signs with a key that another team keeps: it is only read.
    scanned = {
      existing_key_versions = ["projects/demo-mart-scan/locations/global/keyRings/scan/cryptoKeys/sign/cryptoKeyVersions/3"]
      existing_note         = "projects/demo-mart-scan/notes/scanned"
    }
  }

  # Export the live policy first (README.md): rules that do not stand here are gone with the first apply.
  policies = {
    acme-shop = {
      project_number = "222222222222"
      default_rule   = { require_attestors = ["built-by-ci", "scanned"] }
      cluster_rules  = { "europe-west3-a.prod" = { require_attestors = ["built-by-ci"] } }
    }
  }

  require_on_cloud_run = { parents = ["projects/acme-shop"] }
}

import {
  to = module.trust_chain.google_kms_key_ring.this[0]
  id = "projects/demo-mart-security/locations/europe-west3/keyRings/signing"
}

import {
  to = module.trust_chain.google_kms_crypto_key.this["built-by-ci"]
  id = "projects/demo-mart-security/locations/europe-west3/keyRings/signing/cryptoKeys/built-by-ci"
}

import {
  to = module.trust_chain.google_kms_crypto_key_version.this["built-by-ci/1"]
  id = "projects/demo-mart-security/locations/europe-west3/keyRings/signing/cryptoKeys/built-by-ci/cryptoKeyVersions/1"
}

import {
  to = module.trust_chain.google_container_analysis_note.this["built-by-ci"]
  id = "projects/demo-mart-security/notes/built-by-ci"
}

import {
  to = module.trust_chain.google_binary_authorization_attestor.this["built-by-ci"]
  id = "projects/demo-mart-security/attestors/built-by-ci"
}

# Every project has a policy, and it is not imported: the first apply of an imported one would update it,
# and so might leave attestors out. Created, it is written whole by one request.

module "audit" {
  source = "../../gcp/audit"

  project_id      = "demo-mart-security"
  region          = "europe-west3"
  create_services = false

  # The central team keeps the sink: it gets `filter` of the outputs, and may publish here.
  parents          = ["projects/acme-shop"]
  create_sinks     = false
  existing_writers = { central = "serviceAccount:o123456789012-111111@gcp-sa-logging.iam.gserviceaccount.com" }

  # A database that exists, too: of Cloud SQL, by its connector.
  database = {
    store      = "postgres:///postern?host=/cloudsql/demo-mart-data:europe-west3:shared&user=postern_functions"
    connection = "demo-mart-data:europe-west3:shared"
    password   = { secret = "projects/demo-mart-data/secrets/postern-functions", version = "1" }
  }

  auditor = {
    image     = "europe-west3-docker.pkg.dev/demo-mart-security/postern/postern@sha256:0000000000000000000000000000000000000000000000000000000000000001"
    args      = ["serve", "--only", "auditor"]
    policy    = module.trust_chain.policy_json["acme-shop"]
    attestors = module.trust_chain.attestors_json
  }
  notifier = {
    image   = "europe-west3-docker.pkg.dev/demo-mart-security/postern/notifier@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    outputs = [{ name = "oncall", type = "pagerduty", routingKey = "gcpsm://projects/demo-mart-security/secrets/pagerduty" }]
    secrets = ["pagerduty", "watch"]
    # Who misses Postern is outside of this cloud, too.
    heartbeat = { url = "gcpsm://projects/demo-mart-security/secrets/watch" }
  }

  responders   = [{ member = "user:lead@example.com", may = ["view", "respond", "approve"] }, { member = "user:deputy@example.com", may = ["view", "respond", "approve"] }]
  alert_emails = ["security@example.com"]
  trust        = [module.trust_chain.trust]

  # A key that exists signs the record, and a bucket that exists and is locked keeps the checkpoints.
  ledger  = { origin = "postern.example.com/acme", existing_key_version = "projects/demo-mart-security/locations/europe-west3/keyRings/signing/cryptoKeys/ledger/cryptoKeyVersions/1" }
  witness = { bucket = "demo-mart-evidence", create = false, locked = true }
}

output "filter" {
  description = "For the team that keeps the sink."
  value       = module.audit.filter
}
