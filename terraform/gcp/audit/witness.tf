# Signed checkpoints of the record are kept here, where not even who owns the database can take one back.
# Best in a project that Postern's operators do not own.
resource "google_storage_bucket" "witness" {
  count = var.witness == null ? 0 : var.witness.create ? 1 : 0

  project                     = coalesce(var.witness.project_id, var.project_id)
  name                        = var.witness.bucket
  location                    = coalesce(var.witness.location, var.region)
  labels                      = var.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = var.protect ? "PREVENT" : "DELETE"

  # Locked, nobody shortens it any more, and the bucket stays until its last object may go.
  retention_policy {
    retention_period = tostring(var.witness.retention_days * 86400)
    is_locked        = var.witness.locked
  }

  # Nothing goes before its time, so nothing has to be brought back.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.this]
}

# To add, and to compare with what is there. Not to delete, and no right over the bucket.
resource "google_storage_bucket_iam_member" "witness" {
  for_each = toset(var.witness == null ? [] : ["roles/storage.objectCreator", "roles/storage.objectViewer"])

  bucket = var.witness.create ? google_storage_bucket.witness[0].name : var.witness.bucket
  role   = each.value
  member = "serviceAccount:${module.auditor.service_account}"
}

check "the_witness_cannot_be_bent" {
  assert {
    condition     = var.witness == null ? false : var.witness.locked
    error_message = "Checkpoints of the record are not kept where nobody can take them back: name a bucket in `witness`, and once you are sure of its retention, which then stands for ever, set locked = true."
  }
}
