locals {
  trust_lists = {
    keys            = "keys"
    attestors       = "attestors"
    notes           = "notes"
    services        = "services"
    channels        = "channels"
    repositories    = "repositories"
    ci              = "ci"
    signers         = "signers"
    operators       = "operators"
    gate            = "gate"
    breakGlassRoles = "break_glass_roles"
  }

  # Who touches these touches the auditor itself.
  own_trust = {
    services = concat(
      [for name in [local.auditor, local.notifier] : "projects/${var.project_id}/locations/${var.region}/services/${name}"],
      [for name in [local.auditor, local.notifier] : "projects/${var.project_id}/secrets/${name}-postern-yaml"],
      values(local.emails),
      var.witness == null ? [] : [var.witness.bucket],
    )
    channels = concat(
      [for topic in ["audit", "audit-dead", "alerts"] : "projects/${var.project_id}/topics/${var.name}-${topic}"],
      [for subscription in ["audit", "audit-dead"] : "projects/${var.project_id}/subscriptions/${var.name}-${subscription}"],
      [for parent in var.parents : "${parent}/sinks/${var.name}-audit"],
    )
  }

  trust = {
    for key, name in local.trust_lists : key => distinct(concat(
      lookup(local.own_trust, key, []), flatten([for part in var.trust : part[name]])
    ))
  }
}
