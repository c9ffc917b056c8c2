# Values are made up. What the provider really sends is not seen by a mock: the replacement is what keeps
# it from sending the wrong thing, and is what these runs look at.
mock_provider "google" {
  mock_resource "google_kms_crypto_key_version" {
    defaults = { name = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/1" }
  }

  mock_resource "google_kms_crypto_key" {
    defaults = { id = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci" }
  }

  mock_data "google_kms_crypto_key_version" {
    defaults = {
      id         = "//cloudkms.googleapis.com/v1/projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/1"
      public_key = [{ pem = "synthetic", algorithm = "EC_SIGN_P256_SHA256" }]
    }
  }

  mock_data "google_project" {
    defaults = { number = "444444444444" }
  }
}

variables {
  project_id           = "demo-mart-security"
  key_ring             = { location = "us-east1" }
  attestors            = { ci = {}, scan = {} }
  require_on_cloud_run = { parents = ["folders/123456789"], dry_run = false }
  policies             = { acme-shop = { default_rule = { require_attestors = ["ci"], dry_run = false } } }
}

run "a_policy_begins_as_a_dry_run_and_says_so" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci"] } } }
  }

  assert {
    condition     = google_binary_authorization_policy.this["acme-shop"].default_admission_rule[0].enforcement_mode == "DRYRUN_AUDIT_LOG_ONLY"
    error_message = "Enforcement must be asked for."
  }

  expect_failures = [check.policies_are_enforced]
}

run "the_policy_is_never_destroyed_into_one_that_allows_everything" {
  assert {
    condition     = google_binary_authorization_policy.this["acme-shop"].deletion_policy == "ABANDON"
    error_message = "Destroying the policy would write one that allows everything."
  }

  assert {
    condition     = google_binary_authorization_policy.this["acme-shop"].default_admission_rule[0].require_attestations_by == toset(["projects/demo-mart-security/attestors/ci"])
    error_message = "Attestors must be named in full."
  }

  assert {
    condition     = google_binary_authorization_attestor_iam_member.agents["ci acme-shop"].member == "serviceAccount:service-444444444444@gcp-sa-binaryauthorization.iam.gserviceaccount.com"
    error_message = "The agent of the application project must be able to verify."
  }
}

run "another_attestor_replaces_the_policy" {
  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["scan", "ci"], dry_run = false } } }
  }

  assert {
    condition     = terraform_data.policy["acme-shop"].input.default_rule.require_attestors == tolist(["projects/demo-mart-security/attestors/ci", "projects/demo-mart-security/attestors/scan"])
    error_message = "Every attestor must be in what triggers the replacement, in one order."
  }

  assert {
    condition     = google_binary_authorization_policy.this["acme-shop"].id != run.the_policy_is_never_destroyed_into_one_that_allows_everything.policy_ids["acme-shop"]
    error_message = "A change of the attestors must replace the policy, not update it."
  }
}

run "attestors_of_cluster_rules_trigger_it_too" {
  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["scan", "ci"], dry_run = false }, cluster_rules = { "us-central1-a.prod" = { require_attestors = ["scan"], dry_run = false } } } }
  }

  assert {
    condition     = terraform_data.policy["acme-shop"].input.cluster_rules["us-central1-a.prod"].require_attestors == tolist(["projects/demo-mart-security/attestors/scan"])
    error_message = "Rules of clusters are compared by the provider in the same way."
  }

  assert {
    condition     = one(google_binary_authorization_policy.this["acme-shop"].cluster_admission_rules).cluster == "us-central1-a.prod" && one(google_binary_authorization_policy.this["acme-shop"].cluster_admission_rules).require_attestations_by == toset(["projects/demo-mart-security/attestors/scan"])
    error_message = "The cluster's rule must be in the policy."
  }

  assert {
    condition     = jsondecode(output.policy_json["acme-shop"]).clusterAdmissionRules["us-central1-a.prod"].requireAttestationsBy == ["projects/demo-mart-security/attestors/scan"]
    error_message = "The file for the gate must say the same as the live policy."
  }
}

run "two_of_one_short_name_are_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci", "projects/elsewhere/attestors/ci"] } } }
  }

  expect_failures = [var.policies]
}

run "an_attestor_that_is_not_there_is_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci-typo"] } } }
  }

  expect_failures = [var.policies]
}

run "a_rule_without_attestors_is_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = {} } }
  }

  expect_failures = [var.policies]
}

run "a_cluster_that_would_never_match_is_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci"] }, cluster_rules = { "us-central1-a/prod" = { require_attestors = ["ci"] } } } }
  }

  expect_failures = [var.policies]
}

run "an_exemption_for_strangers_is_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci"] }, exempt_images = ["us-docker.pkg.dev/**"] } }
  }

  expect_failures = [var.policies]
}

run "an_exemption_without_its_slash_is_refused" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci"] }, exempt_images = ["us-docker.pkg.dev/demo-mart/base**"] } }
  }

  expect_failures = [var.policies]
}

run "an_exemption_of_a_folder_is_fine" {
  command = plan

  variables {
    policies = { acme-shop = { default_rule = { require_attestors = ["ci"], dry_run = false }, exempt_images = ["us-docker.pkg.dev/demo-mart/base/**"] } }
  }

  assert {
    condition     = google_binary_authorization_policy.this["acme-shop"].admission_whitelist_patterns[0].name_pattern == "us-docker.pkg.dev/demo-mart/base/**"
    error_message = "The pattern must be there as written."
  }
}

run "services_that_do_not_ask_are_pointed_out" {
  command = plan

  variables {
    require_on_cloud_run = {}
  }

  expect_failures = [check.cloud_run_is_required_to_ask]
}

run "the_organization_policy_begins_as_a_dry_run" {
  command = plan

  variables {
    require_on_cloud_run = { parents = ["folders/123456789"] }
  }

  assert {
    condition     = length(google_org_policy_policy.cloud_run["folders/123456789"].spec) == 0 && google_org_policy_policy.cloud_run["folders/123456789"].dry_run_spec[0].rules[0].values[0].allowed_values == tolist(["default"])
    error_message = "It must not refuse anything yet."
  }

  expect_failures = [check.cloud_run_is_required_to_ask]
}
