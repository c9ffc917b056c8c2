# The key that checkpoints of the record are signed with. Further generations are further versions: sign
# with the newer one, and keep the older for whoever verifies what it signed.
resource "google_kms_crypto_key" "ledger" {
  count = var.ledger.key_ring == null ? 0 : 1

  key_ring                      = var.ledger.key_ring
  name                          = "${var.name}-ledger"
  purpose                       = "ASYMMETRIC_SIGN"
  labels                        = var.labels
  skip_initial_version_creation = true
  destroy_scheduled_duration    = "${30 * 86400}s"
  deletion_policy               = var.protect ? "PREVENT" : "DELETE"

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = var.ledger.protection_level
  }
}

resource "google_kms_crypto_key_version" "ledger" {
  for_each = var.ledger.key_ring == null ? toset([]) : var.ledger.generations

  crypto_key      = google_kms_crypto_key.ledger[0].id
  deletion_policy = var.protect ? "PREVENT" : "DELETE"
}

resource "google_kms_crypto_key_iam_member" "ledger" {
  count = local.ledger_signs ? 1 : 0

  crypto_key_id = var.ledger.key_ring == null ? split("/cryptoKeyVersions/", var.ledger.existing_key_version)[0] : google_kms_crypto_key.ledger[0].id
  role          = "roles/cloudkms.signerVerifier"
  member        = "serviceAccount:${local.emails[local.auditor]}"

  depends_on = [module.auditor]
}

locals {
  ledger_signs = var.ledger.key_ring != null || var.ledger.existing_key_version != null
  ledger_key = (
    var.ledger.existing_key_version != null ? var.ledger.existing_key_version :
    var.ledger.key_ring == null ? null :
    google_kms_crypto_key_version.ledger[var.ledger.signing_generation].name
  )

  ledger_config = merge(
    { origin = var.ledger.origin },
    local.ledger_signs ? { key = "gcpkms://${local.ledger_key}" } : {},
    local.ledger_signs && var.witness != null ? { anchors = [{ type = "gcs", bucket = var.witness.bucket, prefix = "postern" }] } : {},
  )
}

check "the_record_is_signed" {
  assert {
    condition     = local.ledger_signs
    error_message = "The record is not signed: give the key ring for a key in ledger.key_ring, or a version that exists in ledger.existing_key_version."
  }
}
