locals {
  # (attestor, member) pairs of a list of the attestors.
  grants = {
    for list in ["signers", "verifiers", "viewers"] : list => merge([
      for name, attestor in var.attestors : {
        for member in attestor[list] : "${name} ${member}" => { attestor = name, member = member }
      }
    ]...)
  }

  agent_grants = merge([
    for name in keys(var.attestors) : {
      for project, agent in local.agents : "${name} ${project}" => { attestor = name, member = agent }
    }
  ]...)

  # Signers and viewers read the attestor; verifiers may ask it about an image as well.
  attestor_viewers   = merge(local.grants.signers, local.grants.viewers)
  attestor_verifiers = local.grants.verifiers
}

# Signers: one key, one note, and attestations in the security project. No right over the attestor.
resource "google_kms_crypto_key_iam_member" "signers" {
  for_each = local.grants.signers

  crypto_key_id = local.key_ids[each.value.attestor]
  role          = "roles/cloudkms.signerVerifier"
  member        = each.value.member
}

resource "google_container_analysis_note_iam_member" "signers" {
  for_each = local.grants.signers

  project = split("/", local.notes[each.value.attestor])[1]
  note    = split("/", local.notes[each.value.attestor])[3]
  role    = "roles/containeranalysis.notes.attacher"
  member  = each.value.member
}

resource "google_project_iam_member" "signers" {
  for_each = toset(values(local.grants.signers)[*].member)

  project = var.project_id
  role    = "roles/containeranalysis.occurrences.editor"
  member  = each.value
}

resource "google_binary_authorization_attestor_iam_member" "viewers" {
  for_each = local.attestor_viewers

  project  = var.project_id
  attestor = google_binary_authorization_attestor.this[each.value.attestor].name
  role     = "roles/binaryauthorization.attestorsViewer"
  member   = each.value.member
}

# Verifiers, such as the gate: the attestor, and what was attached to its note.
resource "google_binary_authorization_attestor_iam_member" "verifiers" {
  for_each = local.attestor_verifiers

  project  = var.project_id
  attestor = google_binary_authorization_attestor.this[each.value.attestor].name
  role     = "roles/binaryauthorization.attestorsVerifier"
  member   = each.value.member
}

resource "google_container_analysis_note_iam_member" "verifiers" {
  for_each = local.grants.verifiers

  project = split("/", local.notes[each.value.attestor])[1]
  note    = split("/", local.notes[each.value.attestor])[3]
  role    = "roles/containeranalysis.notes.occurrences.viewer"
  member  = each.value.member
}

# Viewers: what is trusted, and nothing that was signed.
resource "google_kms_crypto_key_iam_member" "viewers" {
  for_each = local.grants.viewers

  crypto_key_id = local.key_ids[each.value.attestor]
  role          = "roles/cloudkms.publicKeyViewer"
  member        = each.value.member
}

resource "google_project_iam_member" "policy_viewers" {
  for_each = merge([
    for project in keys(var.policies) : {
      for member in var.policy_viewers : "${project} ${member}" => { project = project, member = member }
    }
  ]...)

  project = each.value.project
  role    = "roles/binaryauthorization.policyViewer"
  member  = each.value.member
}

# The agents of the application projects verify by attestors of this one.
resource "google_binary_authorization_attestor_iam_member" "agents" {
  for_each = local.agent_grants

  project  = var.project_id
  attestor = google_binary_authorization_attestor.this[each.value.attestor].name
  role     = "roles/binaryauthorization.attestorsVerifier"
  member   = each.value.member

  depends_on = [google_project_service.this]
}

resource "google_container_analysis_note_iam_member" "agents" {
  for_each = local.agent_grants

  project = split("/", local.notes[each.value.attestor])[1]
  note    = split("/", local.notes[each.value.attestor])[3]
  role    = "roles/containeranalysis.notes.occurrences.viewer"
  member  = each.value.member

  depends_on = [google_project_service.this]
}
