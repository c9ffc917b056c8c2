mock_provider "google" {}

variables {
  project_id = "demo-mart-security"
  region     = "us-east1"
  users = {
    owner     = { password_secret = "postern-owner-password" }
    functions = { password_secret = "postern-functions-password" }
  }
  passwords = { owner = "synthetic-1", functions = "synthetic-2" }
}

run "it_is_protected_and_backed_up" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this[0].deletion_protection && google_sql_database_instance.this[0].settings[0].deletion_protection_enabled && google_sql_database_instance.this[0].deletion_policy == "PREVENT"
    error_message = "Neither Terraform nor a person may delete it by mistake."
  }

  assert {
    condition     = google_sql_database_instance.this[0].settings[0].backup_configuration[0].enabled && google_sql_database_instance.this[0].settings[0].backup_configuration[0].point_in_time_recovery_enabled && google_sql_database_instance.this[0].settings[0].retain_backups_on_delete
    error_message = "Backups must be on, to any moment, and outlive the instance."
  }

  assert {
    condition     = google_sql_database_instance.this[0].settings[0].availability_type == "REGIONAL"
    error_message = "A zone may fail."
  }
}

run "only_connectors_get_in" {
  command = plan

  assert {
    condition     = google_sql_database_instance.this[0].settings[0].connector_enforcement == "REQUIRED" && length(google_sql_database_instance.this[0].settings[0].ip_configuration[0].authorized_networks) == 0
    error_message = "No network may get in by a password alone."
  }
}

run "a_private_one_has_no_public_address" {
  command = plan

  variables {
    private_network = "projects/demo-mart-net/global/networks/main"
  }

  assert {
    condition     = !google_sql_database_instance.this[0].settings[0].ip_configuration[0].ipv4_enabled
    error_message = "The public address must be gone."
  }
}

run "functions_come_without_a_password_in_the_url" {
  command = plan

  assert {
    condition     = output.store == "postgres:///postern?host=/cloudsql/demo-mart-security:us-east1:postern&user=postern_functions"
    error_message = "The store is a socket and a user."
  }
}

run "the_tables_are_made_by_their_owner" {
  command = plan

  variables {
    migrate_image = "us-docker.pkg.dev/demo-mart-security/postern/postern@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  }

  assert {
    condition     = google_cloud_run_v2_job.migrate[0].template[0].template[0].containers[0].args == tolist(["store", "migrate", "--data", "postgres:///postern?host=/cloudsql/demo-mart-security:us-east1:postern&user=postern_owner", "--grant", "postern_functions"])
    error_message = "The job must come as the owner and grant to the functions."
  }
}

run "one_user_for_both_is_refused" {
  command = plan

  variables {
    users = { owner = { name = "postern", password_secret = "a" }, functions = { name = "postern", password_secret = "b" } }
  }

  expect_failures = [var.users]
}

run "one_that_exists_is_taken" {
  command = plan

  variables {
    create_instance = false
    create_database = false
  }

  assert {
    condition     = length(google_sql_database_instance.this) + length(google_sql_database.this) == 0
    error_message = "Nothing that exists may be made again."
  }
}

run "users_without_passwords_are_refused" {
  command = plan

  variables {
    passwords = null
  }

  expect_failures = [var.passwords]
}

run "a_new_version_sets_a_new_password" {
  command = plan

  variables {
    users = { owner = { password_secret = "postern-owner-password" }, functions = { password_secret = "postern-functions-password", password_version = 2 } }
  }

  assert {
    condition     = google_sql_user.this["functions"].password_wo_version == 2 && output.password.version == "2"
    error_message = "The functions and the database must change to the same version."
  }
}
