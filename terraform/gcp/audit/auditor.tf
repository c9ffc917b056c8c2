locals {
  auditor_audience = "https://${local.auditor}.${var.project_id}.internal"

  deliverers = [
    for account in ["${var.name}-push", "${var.name}-tick"] : {
      issuer   = "https://accounts.google.com"
      audience = local.auditor_audience
      claims   = { email = local.emails[account] }
      may      = ["ingest"]
    }
  ]

  responders = [
    for responder in var.responders : {
      issuer   = "https://accounts.google.com"
      audience = coalesce(responder.audience, local.auditor_audience)
      claims   = { email = split(":", responder.member)[1] }
      may      = responder.may
    }
  ]

  auditor_files = merge(
    var.owners == null ? {} : { "owners.yaml" = var.owners },
    var.auditor.policy == null ? {} : { "policy.json" = var.auditor.policy },
    var.auditor.attestors == null ? {} : { "attestors.json" = var.auditor.attestors },
  )

  auditor_config = {
    store = var.database.store
    auth = {
      auditor = { platform = local.deliverers }
      cases   = { platform = local.responders }
    }
    policy     = var.auditor.policy == null ? null : "/etc/postern/policy.json/policy.json"
    attestors  = var.auditor.attestors == null ? null : "/etc/postern/attestors.json/attestors.json"
    owners     = var.owners == null ? null : "/etc/postern/owners.yaml/owners.yaml"
    registries = [for host in var.registry_hosts : { host = host, credential = { type = "google" } }]
    projects   = length(var.project_numbers) > 0 ? var.project_numbers : null
    gate       = { spool = "/spool" }
    ledger     = local.ledger_config
    audit = merge(
      {
        projects      = var.expected_projects
        subscriptions = ["projects/${var.project_id}/subscriptions/${var.name}-audit"]
        gated         = var.gated
        trust         = local.trust
      },
      var.silence_after == null ? {} : { silenceAfter = var.silence_after },
      var.read_back ? { reconcile = { resources = var.parents, every = "1h" } } : {},
    )
  }
}

module "auditor" {
  source = "../function"

  project_id  = var.project_id
  region      = var.region
  name        = local.auditor
  description = "Takes audit entries in, finds, and keeps cases."
  image       = var.auditor.image
  args        = var.auditor.args
  audience    = local.auditor_audience
  config      = merge(local.auditor_config, var.auditor.config)
  files       = local.auditor_files
  secret_env  = { PGPASSWORD = var.database.password }
  secrets     = var.auditor.secrets
  ingress     = var.ingress
  tick        = { service_account = google_service_account.tick.email, region = var.scheduler_region }

  invokers = merge(
    { push = "serviceAccount:${google_service_account.push.email}" },
    { for responder in var.responders : responder.member => responder.member },
  )

  cloud_sql_instances = [var.database.connection]
  vpc                 = var.database.vpc
  instances           = { min = 1, max = var.auditor.max_instances }
  metrics_image       = var.metrics_image
  protect             = var.protect
  labels              = var.labels

  depends_on = [google_project_service.this]
}

check "somebody_closes_cases" {
  assert {
    condition     = length([for responder in var.responders : responder if contains(responder.may, "approve")]) >= 2
    error_message = "From HIGH on a case is closed by somebody with `approve` who is not in it: name at least two among `responders`, or the one whose case it is can never have it closed."
  }
}
