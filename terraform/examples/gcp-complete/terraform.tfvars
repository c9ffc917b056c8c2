# Made up: change every value.
project_id   = "demo-mart-security"
region       = "us-east1"
parent       = "organizations/123456789012"
applications = { acme-shop = "222222222222", acme-shop-pay = "333333333333" }

images = {
  postern  = "us-east1-docker.pkg.dev/demo-mart-security/production/postern@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  gate     = "us-east1-docker.pkg.dev/demo-mart-security/production/postern-gate@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  attestor = "us-east1-docker.pkg.dev/demo-mart-security/production/postern-attestor@sha256:0000000000000000000000000000000000000000000000000000000000000003"
  notifier = "us-east1-docker.pkg.dev/demo-mart-security/production/postern-notifier@sha256:0000000000000000000000000000000000000000000000000000000000000004"
  metrics  = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000005"
}

ci         = "serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"
promoter   = "serviceAccount:promote@demo-mart-build.iam.gserviceaccount.com"
terraform  = "terraform@demo-mart-build.iam.gserviceaccount.com"
oncall     = ["user:oncall@example.com"]
responders = ["user:lead@example.com", "user:deputy@example.com"]

alert_emails  = ["security@example.com"]
ledger_origin = "postern.example.com/demo-mart"
witness       = { bucket = "demo-mart-witness", project_id = "demo-mart-evidence" }
