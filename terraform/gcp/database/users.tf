# The owner has the tables and runs `postern store migrate`; the functions add to the record and can change
# nothing of it. Passwords go to the API and stay out of plan and state.
resource "google_sql_user" "this" {
  for_each = var.create_users ? var.users : {}

  project             = var.project_id
  instance            = var.create_instance ? google_sql_database_instance.this[0].name : var.name
  name                = each.value.name
  password_wo         = var.passwords[each.key]
  password_wo_version = each.value.password_version
  # A user that owns tables cannot be deleted.
  deletion_policy = "ABANDON"
}
