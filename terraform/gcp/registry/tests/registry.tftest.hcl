mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "444444444444" }
  }
}

variables {
  project_id = "demo-mart-images"
  location   = "us-east1"
  environments = {
    production = {
      writers = ["serviceAccount:promote@demo-mart-build.iam.gserviceaccount.com"]
      readers = ["serviceAccount:postern-gate@demo-mart-security.iam.gserviceaccount.com"]
      cleanup = { dry_run = false }
    }
  }
}

run "tags_stay_and_images_are_scanned" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.environment["production"].docker_config[0].immutable_tags && google_artifact_registry_repository.environment["production"].vulnerability_scanning_config[0].enablement_config == "INHERITED"
    error_message = "Tags must not move, and images must be scanned."
  }

  assert {
    condition     = google_artifact_registry_repository.environment["production"].deletion_policy == "PREVENT"
    error_message = "A repository that serves must not be destroyed by mistake."
  }

  assert {
    condition     = toset([for policy in google_artifact_registry_repository.environment["production"].cleanup_policies : policy.id]) == toset(["delete-old", "keep-newest", "keep-tagged"])
    error_message = "What serves and what could be gone back to must be kept."
  }
}

run "what_a_case_needs_is_kept_by_digest" {
  command = plan

  variables {
    environments = { production = { cleanup = { dry_run = false, keep_digests = ["sha256:0000000000000000000000000000000000000000000000000000000000000000"] } } }
  }

  assert {
    condition     = one([for policy in google_artifact_registry_repository.environment["production"].cleanup_policies : policy if policy.id == "keep-digests"]).condition[0].version_name_prefixes == tolist(["sha256:0000000000000000000000000000000000000000000000000000000000000000"])
    error_message = "A digest that is named must be kept."
  }
}

run "cleanup_begins_as_a_dry_run_and_says_so" {
  command = plan

  variables {
    environments = { production = {} }
  }

  assert {
    condition     = google_artifact_registry_repository.environment["production"].cleanup_policy_dry_run
    error_message = "Nothing may be deleted yet."
  }

  expect_failures = [check.cleanup_is_on]
}

run "deleting_too_early_is_refused" {
  command = plan

  variables {
    environments = { production = { cleanup = { delete_after_days = 7 } } }
  }

  expect_failures = [var.environments]
}

run "a_tag_among_digests_is_refused" {
  command = plan

  variables {
    environments = { production = { cleanup = { keep_digests = ["v1"] } } }
  }

  expect_failures = [var.environments]
}

run "base_images_come_through_a_remote" {
  command = plan

  variables {
    remotes = { hub = { username = "demo-mart", password_secret_version = "projects/demo-mart-images/secrets/hub/versions/1" } }
  }

  assert {
    condition     = google_artifact_registry_repository.remote["hub"].mode == "REMOTE_REPOSITORY" && google_secret_manager_secret_iam_member.upstream["hub"].member == "serviceAccount:service-444444444444@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    error_message = "Artifact Registry's agent must be able to log in upstream."
  }
}

run "writers_write_and_readers_read" {
  assert {
    condition     = { for key, grant in google_artifact_registry_repository_iam_member.this : grant.member => grant.role } == { "serviceAccount:promote@demo-mart-build.iam.gserviceaccount.com" = "roles/artifactregistry.writer", "serviceAccount:postern-gate@demo-mart-security.iam.gserviceaccount.com" = "roles/artifactregistry.reader" }
    error_message = "Each must have its own right and no other."
  }

  assert {
    condition     = output.repositories.production == "us-east1-docker.pkg.dev/demo-mart-images/production"
    error_message = "Pipelines must be told where to push."
  }
}
