# Signs for callers that may ask, with keys of Cloud KMS. It is a service of its own, because the gate must
# not be able to sign what it judges.
module "attestor" {
  source = "../function"
  count  = var.attestor == null ? 0 : 1

  project_id  = var.project_id
  region      = var.region
  name        = var.attestor.name
  description = "Signs attestations."
  image       = var.attestor.image
  audience    = local.attestor_audience
  files       = local.files
  secret_env  = local.secret_env
  ingress     = var.ingress

  config = merge(local.common, {
    auth = {
      attestor = {
        platform = [
          for member in local.attestor_callers : {
            issuer   = "https://accounts.google.com"
            audience = local.attestor_audience
            claims   = { email = split(":", member)[1] }
            may      = ["attest"]
          }
        ]
      }
    }
    attestor = {
      signers = [
        for signer in var.attestor.signers : {
          attestor     = signer.attestor
          key          = "gcpkms://${signer.key_version}"
          callers      = [for member in signer.callers : split(":", member)[1]]
          repositories = signer.repositories
          requires     = signer.requires
          to           = signer.to
        }
      ]
    }
  }, var.attestor.config)

  invokers            = { for member in local.attestor_callers : member => member }
  cloud_sql_instances = [var.database.connection]
  vpc                 = var.database.vpc
  protect             = var.protect
  labels              = var.labels

  depends_on = [google_project_service.this]
}

locals {
  attestor_audience = var.attestor == null ? null : "https://${var.attestor.name}.${var.project_id}.internal"
  attestor_callers  = var.attestor == null ? toset([]) : toset(flatten([for signer in var.attestor.signers : signer.callers]))
}
