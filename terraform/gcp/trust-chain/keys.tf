# A key ring can never be deleted, and neither its name nor those of its keys can be used again: where it
# exists already, take it as it is (`create_key_ring = false`) or import it.
resource "google_kms_key_ring" "this" {
  count = var.create_key_ring ? 1 : 0

  project  = var.project_id
  location = var.key_ring.location
  name     = var.key_ring.name

  depends_on = [google_project_service.this]
}

locals {
  key_ring_id     = var.create_key_ring ? google_kms_key_ring.this[0].id : "projects/${var.project_id}/locations/${var.key_ring.location}/keyRings/${var.key_ring.name}"
  deletion_policy = var.protect ? "PREVENT" : "DELETE"

  # The attestors whose keys are made here.
  own_keys = { for name, attestor in var.attestors : name => attestor if length(attestor.existing_key_versions) == 0 }

  generations = merge([
    for name, attestor in local.own_keys : {
      for generation, state in attestor.generations : "${name}/${generation}" => merge(state, { attestor = name, generation = generation })
    }
  ]...)
}

resource "google_kms_crypto_key" "this" {
  #checkov:skip=CKV_GCP_82: a literal prevent_destroy breaks `terraform test`; deletion_policy does the same by a variable
  for_each = local.own_keys

  key_ring = local.key_ring_id
  name     = coalesce(each.value.key_name, each.key)
  purpose  = "ASYMMETRIC_SIGN"
  labels   = var.labels

  # Each version stands in `generations`, the first one too: a version that Terraform does not know
  # cannot be taken out of the attestor by it.
  skip_initial_version_creation = true
  # A version that is destroyed by mistake can be restored for this long.
  destroy_scheduled_duration = "${var.destroy_scheduled_days * 86400}s"
  deletion_policy            = local.deletion_policy

  version_template {
    algorithm        = each.value.algorithm
    protection_level = each.value.protection_level
  }
}

# Asymmetric keys are not rotated by Cloud KMS. A rotation is a further version beside the one in use.
resource "google_kms_crypto_key_version" "this" {
  for_each = local.generations

  crypto_key      = google_kms_crypto_key.this[each.value.attestor].id
  state           = each.value.enabled ? "ENABLED" : "DISABLED"
  deletion_policy = local.deletion_policy
}

# Only versions that are enabled have a public key to be read.
data "google_kms_crypto_key_version" "this" {
  for_each = { for id, generation in local.generations : id => generation if generation.trusted && generation.enabled }

  crypto_key = google_kms_crypto_key.this[each.value.attestor].id
  version    = tonumber(reverse(split("/", google_kms_crypto_key_version.this[each.key].name))[0])
}

locals {
  existing_versions = merge([
    for name, attestor in var.attestors : {
      for version in attestor.existing_key_versions : "${name}/${version}" => { attestor = name, version = version }
    }
  ]...)
}

data "google_kms_crypto_key_version" "existing" {
  for_each = local.existing_versions

  crypto_key = split("/cryptoKeyVersions/", each.value.version)[0]
  version    = tonumber(split("/cryptoKeyVersions/", each.value.version)[1])
}

locals {
  # Attestor -> the versions that it trusts, by generation or by name, in a stable order.
  trusted_versions = {
    for name, attestor in var.attestors : name => length(attestor.existing_key_versions) == 0 ? {
      for generation, state in attestor.generations : generation => data.google_kms_crypto_key_version.this["${name}/${generation}"] if state.trusted && state.enabled
      } : {
      for version in attestor.existing_key_versions : version => data.google_kms_crypto_key_version.existing["${name}/${version}"]
    }
  }

  # Attestor -> the key that its signers use.
  key_ids = {
    for name, attestor in var.attestors : name => length(attestor.existing_key_versions) == 0 ? google_kms_crypto_key.this[name].id : split("/cryptoKeyVersions/", attestor.existing_key_versions[0])[0]
  }
}
