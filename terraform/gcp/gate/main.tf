locals {
  audience = "https://${var.name}.${var.project_id}.internal"
  ticker   = "${var.name}-tick@${var.project_id}.iam.gserviceaccount.com"

  # The platform's IAM lets callers in; what each of them may do, Postern says by the same list.
  access = concat(
    [
      for caller in var.callers : {
        issuer   = "https://accounts.google.com"
        audience = coalesce(caller.audience, local.audience)
        claims   = { email = split(":", caller.member)[1] }
        may      = caller.may
      }
    ],
    [
      {
        issuer   = "https://accounts.google.com"
        audience = local.audience
        claims   = { email = local.ticker }
        may      = ["ingest"]
      }
    ],
    # Whoever may deploy on Cloud Run may break the glass there: Google lets them through to it.
    [
      for proxy in var.proxy == null ? [] : [var.proxy] : {
        issuer   = "https://accounts.google.com"
        audience = local.audience
        claims   = { email = "${proxy.name}@${var.project_id}.iam.gserviceaccount.com" }
        may      = ["decide", "breakGlass"]
      }
    ]
  )

  # What gate and attestor have in common.
  common = {
    store        = var.database.store
    policy       = "/etc/postern/policy.json/policy.json"
    attestors    = "/etc/postern/attestors.json/attestors.json"
    attestations = var.attestations
    projects     = length(var.project_numbers) > 0 ? var.project_numbers : null
    registries   = [for host in var.registry_hosts : { host = host, credential = { type = "google" } }]
    breakGlass   = { ticket = var.break_glass.ticket, maxPerDay = var.break_glass.max_per_day }
    gate         = { onUndetermined = var.on_undetermined, spool = "/spool" }
  }

  files      = { "policy.json" = var.policy, "attestors.json" = var.attestors }
  secret_env = { PGPASSWORD = var.database.password }
}

module "gate" {
  source = "../function"

  project_id  = var.project_id
  region      = var.region
  name        = var.name
  description = "Decides whether images may be deployed."
  image       = var.image
  audience    = local.audience
  config      = merge(local.common, { auth = { gate = { platform = local.access } } }, var.config)
  files       = local.files
  secret_env  = local.secret_env
  secrets     = var.secrets
  invokers = merge(
    { for caller in var.callers : caller.member => caller.member },
    var.proxy == null ? {} : { proxy = "serviceAccount:${module.proxy[0].service_account}" }
  )
  ingress = var.ingress
  tick    = { service_account = google_service_account.tick.email, region = var.scheduler_region }

  cloud_sql_instances = [var.database.connection]
  vpc                 = var.database.vpc
  instances           = var.instances
  metrics_image       = var.metrics_image
  protect             = var.protect
  labels              = var.labels

  depends_on = [google_project_service.this]
}

resource "google_service_account" "tick" {
  project      = var.project_id
  account_id   = "${var.name}-tick"
  display_name = "Postern: tick of ${var.name}"
  description  = "Calls POST /v1/tick, and nothing else."
}

resource "google_project_service" "this" {
  for_each = toset(var.create_services ? concat(["cloudscheduler", "run", "secretmanager", "sqladmin"], var.proxy == null ? [] : ["certificatemanager", "compute"]) : [])

  project            = var.project_id
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

check "undetermined_is_denied" {
  assert {
    condition     = var.on_undetermined == "deny"
    error_message = "on_undetermined = \"allow\": whoever can make a registry unreachable can deploy anything. Each use is a finding; go back to \"deny\" as soon as you can."
  }
}
