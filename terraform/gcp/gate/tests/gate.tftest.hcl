mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://synthetic.a.run.app" }
  }

  mock_resource "google_certificate_manager_dns_authorization" {
    defaults = { dns_resource_record = [{ name = "_acme-challenge.deploy.example.com.", type = "CNAME", data = "synthetic.authorize.example." }] }
  }
}

variables {
  project_id = "demo-mart-security"
  region     = "us-east1"
  image      = "us-docker.pkg.dev/demo-mart-security/postern/gate@sha256:0000000000000000000000000000000000000000000000000000000000000000"
  database = {
    store      = "postgres:///postern?host=/cloudsql/demo-mart-security:us-east1:postern&user=postern_functions"
    connection = "demo-mart-security:us-east1:postern"
    password   = { secret = "postern-functions-password", version = "1" }
  }
  policy    = "{\"name\": \"projects/acme-shop/policy\", \"defaultAdmissionRule\": {\"evaluationMode\": \"ALWAYS_DENY\", \"enforcementMode\": \"ENFORCED_BLOCK_AND_AUDIT_LOG\"}}"
  attestors = "{\"attestors\": []}"
  callers = [
    { member = "serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com" },
    { member = "user:oncall@example.com", may = ["decide", "breakGlass"], audience = "32555940559.apps.googleusercontent.com" },
  ]
}

run "who_may_do_what_is_said_twice_by_one_list" {
  assert {
    condition     = toset([for entry in yamldecode(output.config).auth.gate.platform : "${entry.claims.email} ${join(",", entry.may)}"]) == toset(["ci@demo-mart-build.iam.gserviceaccount.com decide", "oncall@example.com decide,breakGlass", "postern-gate-tick@demo-mart-security.iam.gserviceaccount.com ingest"])
    error_message = "Each caller must have its rights in the configuration."
  }

  assert {
    condition     = alltrue([for entry in yamldecode(output.config).auth.gate.platform : entry.audience == output.audience || entry.claims.email == "oncall@example.com"])
    error_message = "Tokens must be for the gate."
  }
}

run "it_denies_what_it_cannot_decide" {
  assert {
    condition     = yamldecode(output.config).gate.onUndetermined == "deny" && yamldecode(output.config).gate.spool == "/spool"
    error_message = "An outage must not let anything through."
  }
}

run "the_policy_is_where_the_configuration_says" {
  assert {
    condition     = yamldecode(output.config).policy == "/etc/postern/policy.json/policy.json" && yamldecode(output.config).store == var.database.store
    error_message = "The gate must find policy and store."
  }
}

run "letting_through_is_pointed_out" {
  command = plan

  variables {
    on_undetermined = "allow"
  }

  expect_failures = [check.undetermined_is_denied]
}

run "groups_are_refused" {
  command = plan

  variables {
    callers = [{ member = "group:deployers@example.com" }]
  }

  expect_failures = [var.callers]
}

run "rights_of_others_are_refused" {
  command = plan

  variables {
    callers = [{ member = "user:lead@example.com", may = ["approve"] }]
  }

  expect_failures = [var.callers]
}

run "what_is_no_policy_is_refused" {
  command = plan

  variables {
    policy = "{}"
  }

  expect_failures = [var.policy]
}

run "the_attestor_signs_apart_from_the_gate" {
  variables {
    attestor = {
      image = "us-docker.pkg.dev/demo-mart-security/postern/attestor@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      signers = [{
        attestor     = "projects/demo-mart-security/attestors/ci"
        key_version  = "projects/demo-mart-security/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/1"
        callers      = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"]
        repositories = ["us-east1-docker.pkg.dev/demo-mart-images/production/**"]
      }]
    }
  }

  assert {
    condition     = output.attestor.service_account != output.service_account && contains(output.trust.signers, output.attestor.service_account)
    error_message = "The gate must not be able to sign."
  }
}

run "the_proxy_has_a_wildcard" {
  variables {
    proxy = {
      image        = "us-docker.pkg.dev/demo-mart-security/postern/forward@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      domain       = "deploy.example.com"
      managed_zone = "deploy"
    }
  }

  assert {
    condition     = toset(google_certificate_manager_certificate.proxy["deploy.example.com"].managed[0].domains) == toset(["deploy.example.com", "*.deploy.example.com"])
    error_message = "gcloud puts the region before the host."
  }

  assert {
    condition     = output.proxy.gcloud_override == "https://run.deploy.example.com/" && google_dns_record_set.proxy["any"].name == "*.deploy.example.com."
    error_message = "The host that gcloud is told must be one of the wildcard's."
  }

  assert {
    condition     = contains([for entry in yamldecode(output.config).auth.gate.platform : "${entry.claims.email} ${join(",", entry.may)}"], "postern-proxy@demo-mart-security.iam.gserviceaccount.com decide,breakGlass")
    error_message = "The forwarding gate asks the gate, which must know it."
  }

  assert {
    condition = yamldecode(output.proxy.config).forward == {
      hosts = ["run.deploy.example.com", "*-run.deploy.example.com"]
      gate  = { url = output.url, audience = output.audience }
    }
    error_message = "The forwarding gate must answer to the hosts that gcloud is told, and ask this gate."
  }
}

run "a_wildcard_as_the_domain_is_refused" {
  command = plan

  variables {
    proxy = { image = "us-docker.pkg.dev/demo-mart-security/postern/gate@sha256:0000000000000000000000000000000000000000000000000000000000000000", domain = "*.example.com" }
  }

  expect_failures = [var.proxy]
}
