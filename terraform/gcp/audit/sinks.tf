locals {
  # What `postern audit rules export --format logging-filter` prints for the built-in detections.
  filter = trimspace(coalesce(var.filter, file("${path.module}/filter.txt")))

  parents = { for parent in var.parents : parent => { kind = split("/", parent)[0], id = split("/", parent)[1] } }
  sinks   = var.create_sinks ? local.parents : {}

  destination = "pubsub.googleapis.com/projects/${var.project_id}/topics/${var.name}-audit"
}

# No exclusions: what is left out here nobody sees. Postern leaves its own identities out by itself, and says so.
resource "google_logging_organization_sink" "this" {
  for_each = { for parent, sink in local.sinks : parent => sink if sink.kind == "organizations" }

  org_id           = each.value.id
  name             = "${var.name}-audit"
  description      = "What Postern's detections read. Not to be changed by hand."
  destination      = local.destination
  filter           = local.filter
  include_children = true
  deletion_policy  = var.protect ? "PREVENT" : "DELETE"

  depends_on = [google_pubsub_topic.audit]
}

resource "google_logging_folder_sink" "this" {
  for_each = { for parent, sink in local.sinks : parent => sink if sink.kind == "folders" }

  folder           = each.value.id
  name             = "${var.name}-audit"
  description      = "What Postern's detections read. Not to be changed by hand."
  destination      = local.destination
  filter           = local.filter
  include_children = true
  deletion_policy  = var.protect ? "PREVENT" : "DELETE"

  depends_on = [google_pubsub_topic.audit]
}

resource "google_logging_project_sink" "this" {
  for_each = { for parent, sink in local.sinks : parent => sink if sink.kind == "projects" }

  project                = each.value.id
  name                   = "${var.name}-audit"
  description            = "What Postern's detections read. Not to be changed by hand."
  destination            = local.destination
  filter                 = local.filter
  unique_writer_identity = true
  deletion_policy        = var.protect ? "PREVENT" : "DELETE"

  depends_on = [google_pubsub_topic.audit]
}

locals {
  writers = merge(
    { for parent, sink in google_logging_organization_sink.this : parent => sink.writer_identity },
    { for parent, sink in google_logging_folder_sink.this : parent => sink.writer_identity },
    { for parent, sink in google_logging_project_sink.this : parent => sink.writer_identity },
    var.existing_writers,
  )
}

# On this topic, and not on the project.
resource "google_pubsub_topic_iam_member" "writers" {
  for_each = local.writers

  project = var.project_id
  topic   = google_pubsub_topic.audit.name
  role    = "roles/pubsub.publisher"
  member  = each.value
}
