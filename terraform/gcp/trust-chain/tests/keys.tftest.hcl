# No cloud is asked: what the provider would answer is made up here.
mock_provider "google" {
  mock_resource "google_kms_crypto_key_version" {
    defaults = { name = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/3" }
  }

  mock_resource "google_kms_crypto_key" {
    defaults = { id = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci" }
  }

  mock_data "google_kms_crypto_key_version" {
    defaults = {
      id         = "//cloudkms.googleapis.com/v1/projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/3"
      public_key = [{ pem = "-----BEGIN PUBLIC KEY-----\nsynthetic\n-----END PUBLIC KEY-----\n", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }
}

variables {
  project_id = "demo-mart-security"
  key_ring   = { location = "us-east1" }
  attestors  = { ci = { signers = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"] } }
}

run "a_key_is_protected_and_not_rotated_by_the_clock" {
  command = plan

  assert {
    condition     = google_kms_crypto_key.this["ci"].deletion_policy == "PREVENT" && google_kms_crypto_key_version.this["ci/1"].deletion_policy == "PREVENT"
    error_message = "Keys and versions must refuse to be destroyed."
  }

  assert {
    condition     = google_kms_crypto_key.this["ci"].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.this["ci"].rotation_period == null
    error_message = "Asymmetric keys take no rotation period."
  }

  assert {
    condition     = google_kms_crypto_key.this["ci"].version_template[0].algorithm == "EC_SIGN_P256_SHA256" && google_kms_crypto_key.this["ci"].version_template[0].protection_level == "HSM"
    error_message = "A key is EC P-256 in an HSM unless told otherwise."
  }

  assert {
    condition     = google_binary_authorization_attestor.this["ci"].deletion_policy == "PREVENT" && google_container_analysis_note.this["ci"].deletion_policy == "PREVENT"
    error_message = "Attestor and note must refuse to be destroyed."
  }
}

run "protection_can_be_taken_away" {
  command = plan

  variables {
    protect = false
  }

  assert {
    condition     = google_kms_crypto_key.this["ci"].deletion_policy == "DELETE"
    error_message = "protect = false must let go."
  }
}

run "rotation_trusts_both_until_the_old_one_is_let_go" {
  variables {
    attestors = { ci = { generations = { "2026" = {}, "2027" = {} } } }
  }

  assert {
    condition     = length(google_binary_authorization_attestor.this["ci"].attestation_authority_note[0].public_keys) == 2
    error_message = "While keys are rotated, the attestor must trust both."
  }
}

run "an_old_generation_stays_but_is_not_trusted" {
  variables {
    attestors = { ci = { generations = { "2026" = { trusted = false, enabled = false }, "2027" = {} } } }
  }

  assert {
    condition     = length(google_binary_authorization_attestor.this["ci"].attestation_authority_note[0].public_keys) == 1 && google_kms_crypto_key_version.this["ci/2026"].state == "DISABLED"
    error_message = "What is not trusted must be out of the attestor, and stay as a version."
  }

  assert {
    condition     = join(",", keys(output.key_versions.ci)) == "2027"
    error_message = "Signers are told of trusted versions only."
  }
}

run "an_attestor_without_a_key_is_refused" {
  command = plan

  variables {
    attestors = { ci = { generations = { "2026" = { trusted = false } } } }
  }

  expect_failures = [google_binary_authorization_attestor.this]
}

run "public_keys_are_in_the_file_for_the_gate" {
  assert {
    condition     = jsondecode(output.attestors_json).attestors[0].userOwnedGrafeasNote.publicKeys[0].id == "//cloudkms.googleapis.com/v1/projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/3"
    error_message = "The key's id must be the one that signatures name."
  }

  assert {
    condition     = output.key_versions.ci["1"] == "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/3"
    error_message = "Signers name a version without the service."
  }
}

run "what_exists_is_taken" {
  variables {
    create_key_ring = false
    create_services = false
    attestors = {
      legacy = {
        existing_key_versions = ["projects/demo-mart-keys/locations/global/keyRings/old/cryptoKeys/sign/cryptoKeyVersions/2"]
        existing_note         = "projects/demo-mart-keys/notes/legacy"
        signers               = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"]
      }
    }
  }

  assert {
    condition     = length(google_kms_key_ring.this) + length(google_kms_crypto_key.this) + length(google_container_analysis_note.this) + length(google_project_service.this) == 0
    error_message = "Nothing that exists may be made again."
  }

  assert {
    condition     = google_kms_crypto_key_iam_member.signers["legacy serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"].crypto_key_id == "projects/demo-mart-keys/locations/global/keyRings/old/cryptoKeys/sign"
    error_message = "Signers must get the key of the version that exists."
  }

  assert {
    condition     = google_container_analysis_note_iam_member.signers["legacy serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"].project == "demo-mart-keys"
    error_message = "The note's own project counts."
  }
}

run "each_gets_what_it_needs_and_no_more" {
  command = plan

  variables {
    attestors = { ci = { signers = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"], verifiers = ["serviceAccount:gate@demo-mart-security.iam.gserviceaccount.com"], viewers = ["group:auditors@example.com"] } }
  }

  assert {
    condition     = google_binary_authorization_attestor_iam_member.viewers["ci serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"].role == "roles/binaryauthorization.attestorsViewer"
    error_message = "A signer only reads the attestor."
  }

  assert {
    condition     = toset([for grant in google_kms_crypto_key_iam_member.signers : grant.member]) == toset(["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"])
    error_message = "Only signers may sign."
  }

  assert {
    condition     = toset([for grant in google_container_analysis_note_iam_member.signers : grant.role]) == toset(["roles/containeranalysis.notes.attacher"])
    error_message = "A signer attaches to the note and does not edit it."
  }
}

run "strangers_are_refused" {
  command = plan

  variables {
    attestors = { ci = { signers = ["allAuthenticatedUsers"] } }
  }

  expect_failures = [var.attestors]
}

run "weak_keys_are_refused" {
  command = plan

  variables {
    attestors = { ci = { algorithm = "RSA_SIGN_PKCS1_2048_SHA256" } }
  }

  expect_failures = [var.attestors]
}
