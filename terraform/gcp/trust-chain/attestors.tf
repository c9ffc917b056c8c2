resource "google_container_analysis_note" "this" {
  for_each = { for name, attestor in var.attestors : name => attestor if attestor.existing_note == null }

  project           = var.project_id
  name              = each.key
  short_description = "Attestations by ${each.key}"
  deletion_policy   = local.deletion_policy

  attestation_authority {
    hint {
      human_readable_name = each.key
    }
  }

  depends_on = [google_project_service.this]
}

locals {
  # Attestor -> `projects/P/notes/N`.
  notes = {
    for name, attestor in var.attestors : name => attestor.existing_note == null ? "projects/${var.project_id}/notes/${google_container_analysis_note.this[name].name}" : attestor.existing_note
  }
}

resource "google_binary_authorization_attestor" "this" {
  for_each = var.attestors

  project         = var.project_id
  name            = each.key
  description     = each.value.description
  deletion_policy = local.deletion_policy

  attestation_authority_note {
    note_reference = local.notes[each.key]

    dynamic "public_keys" {
      for_each = local.trusted_versions[each.key]

      content {
        # `//cloudkms.googleapis.com/v1/projects/…`, which signatures name as their `publicKeyId`.
        id      = public_keys.value.id
        comment = public_keys.key

        pkix_public_key {
          public_key_pem      = public_keys.value.public_key[0].pem
          signature_algorithm = public_keys.value.public_key[0].algorithm
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(local.trusted_versions[each.key]) > 0
      error_message = "The attestor ${each.key} would trust no key, and deny everything: leave one generation both `trusted` and `enabled`."
    }
  }
}
