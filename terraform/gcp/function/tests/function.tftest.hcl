mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://postern-gate-synthetic.a.run.app" }
  }
}

variables {
  project_id = "demo-mart-security"
  region     = "us-east1"
  name       = "postern-gate"
  image      = "us-docker.pkg.dev/demo-mart-security/postern/gate@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  config     = { store = "env:DATABASE_URL", policy = null }
}

run "the_service_itself_is_judged_and_protected" {
  assert {
    condition     = google_cloud_run_v2_service.this.binary_authorization[0].use_default
    error_message = "Postern's own services must pass the policy, too."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.deletion_protection && !google_cloud_run_v2_service.this.invoker_iam_disabled
    error_message = "It must be protected, and closed to strangers."
  }

  assert {
    condition     = google_cloud_run_v2_service.this.template[0].service_account != null && length(google_cloud_run_v2_service_iam_member.invokers) == 0
    error_message = "It must run as its own identity, and nobody calls it yet."
  }
}

run "the_configuration_is_a_file_without_empty_keys" {
  assert {
    condition     = google_secret_manager_secret_version.file["postern.yaml"].secret_data == "\"store\": \"env:DATABASE_URL\"\n"
    error_message = "A key that is null must be left out: Postern refuses what it cannot read."
  }

  assert {
    condition     = google_secret_manager_secret_version.file["postern.yaml"].deletion_policy == "ABANDON"
    error_message = "An earlier revision must still find its configuration."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.this.template[0].containers[0].env : env.value if env.name == "POSTERN_CONFIG"]) == "/etc/postern/postern.yaml/postern.yaml"
    error_message = "It must be told where its configuration is."
  }
}

run "files_are_mounted_each_by_itself" {
  variables {
    files = { "policy.json" = "{}" }
  }

  assert {
    condition     = anytrue([for mount in google_cloud_run_v2_service.this.template[0].containers[0].volume_mounts : mount.mount_path == "/etc/postern/policy.json" && mount.name == "policy-json"])
    error_message = "The policy must be where the configuration says."
  }
}

run "a_tick_comes_every_minute_by_one_identity" {
  variables {
    tick = { service_account = "postern-tick@demo-mart-security.iam.gserviceaccount.com" }
  }

  assert {
    condition     = google_cloud_scheduler_job.tick[0].schedule == "* * * * *" && google_cloud_scheduler_job.tick[0].http_target[0].uri == "https://postern-gate-synthetic.a.run.app/v1/tick"
    error_message = "The tick must come every minute."
  }

  assert {
    condition     = google_cloud_scheduler_job.tick[0].http_target[0].oidc_token[0].audience == output.audience && contains(google_cloud_run_v2_service.this.custom_audiences, output.audience)
    error_message = "The tick's token must be for this service."
  }
}

run "metrics_are_read_by_a_second_container" {
  variables {
    metrics_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }

  assert {
    condition     = length(google_cloud_run_v2_service.this.template[0].containers) == 2 && google_project_iam_member.metrics[0].role == "roles/monitoring.metricWriter"
    error_message = "The sidecar must be there and may write metrics."
  }
}

run "the_database_is_reached_by_one_instance_only" {
  variables {
    cloud_sql_instances = ["demo-mart-security:us-east1:postern"]
  }

  assert {
    condition     = strcontains(google_project_iam_member.cloud_sql["demo-mart-security:us-east1:postern"].condition[0].expression, "projects/demo-mart-security/instances/postern")
    error_message = "cloudsql.client must be for this instance."
  }
}

run "a_tag_is_refused" {
  command = plan

  variables {
    image = "us-docker.pkg.dev/demo-mart-security/postern/gate:latest"
  }

  expect_failures = [var.image]
}

run "everybody_is_refused" {
  command = plan

  variables {
    invokers = { everybody = "allUsers" }
  }

  expect_failures = [var.invokers]
}
