//! The Terraform modules with the real provider of Google Cloud. The chain of trust, keys and all, is applied to
//! `postern serve`, Pub/Sub to its emulator.

mod schema;
mod terraform;

use std::process::Command;

use postern_tests::have;
use serde_json::{Value, json};

use self::terraform::Terraform;
use crate::support::{IMAGE, Process, World, http};

const TOOLS: [&str; 3] = ["terraform", "terraform-provider-google", "openssl"];
const SECURITY: &str = "demo-mart-security";

/// `postern serve`, and Terraform that takes it for Google Cloud.
struct Estate {
    terraform: Terraform,
    server: Process,
    world: World,
}

impl Estate {
    /// With this in the configuration besides the provider; `MODULES` stands for where the modules are.
    fn new(configuration: &str, pubsub: &str) -> Self {
        let world = World::new();
        let wrapping_key = world.path("wrapping.key");
        let mut openssl = Command::new("openssl");
        openssl.args(["rand", "-base64", "-out"]).arg(&wrapping_key);
        postern_tests::run(openssl.arg("32"));
        let config = json!({
            "attestations": ["store"],
            "trust": {"keys": {"wrappingKey": "file:wrapping.key"}},
        });
        let server = Process::serve_configured(&world, &config);
        let google = format!("http://{}", server.address());
        let endpoints = json!({"endpoints": {
            "binaryAuthorization": google, "containerAnalysis": google, "kms": google,
        }});
        world.write("google.json", endpoints.to_string());
        Self {
            terraform: Terraform::new(world.folder(), configuration, &google, pubsub),
            server,
            world,
        }
    }

    fn get(&self, path: &str) -> Value {
        http::get(self.server.address(), path).json()
    }

    /// The attestors that a rule of the live policy asks for, by their short names.
    fn demanded(&self, rule: &str) -> Vec<String> {
        let policy = self.get("/v1/projects/acme-shop/policy");
        let rule = policy.pointer(rule).unwrap_or(&Value::Null);
        let names = rule["requireAttestationsBy"].as_array();
        let short = |name: &Value| {
            let name = name.as_str().unwrap();
            let own = format!("projects/{SECURITY}/attestors/");
            name.strip_prefix(&own).unwrap_or(name).to_owned()
        };
        let mut names: Vec<String> = names.into_iter().flatten().map(short).collect();
        names.sort();
        names
    }

    /// What `postern terraform verify` says of the state and of what the server holds.
    fn verified(&self) -> Option<i32> {
        self.world.write("state.json", self.terraform.state());
        let mut verify = self.world.postern(&["terraform", "verify", "state.json"]);
        verify.args(["--config", "google.json"]);
        postern_tests::output(&mut verify).status.code()
    }

    /// The codes that `postern terraform scan` finds in what would be applied next.
    fn scanned(&self, variables: &[&str]) -> Vec<String> {
        self.world
            .write("plan.json", self.terraform.plan(variables));
        let mut scan = self.world.postern(&["terraform", "scan", "plan.json"]);
        let output = postern_tests::output(scan.args(["--format", "json"]));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let codes = findings.map(|finding| finding["code"].as_str().unwrap().to_owned());
        let mut codes: Vec<String> = codes.collect();
        codes.sort();
        codes.dedup();
        codes
    }

    /// Why the gate lets the image go to Cloud Run, or does not.
    fn reason(&self) -> String {
        let target = "cloud-run:acme-shop/us-central1/web";
        let request = json!({"images": [IMAGE], "target": target});
        http::post(self.server.address(), "/v1/decisions", None, &request).code()
    }

    /// Signs as CI would, with the key that Terraform made, and attaches what it signed.
    fn attest(&self) {
        let version = "locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/1";
        let key = format!("gcpkms://projects/{SECURITY}/{version}");
        let attestor = format!("projects/{SECURITY}/attestors/ci");
        let security = format!("projects/{SECURITY}");
        let sink = format!("containeranalysis:{security}");
        let mut attest = self
            .world
            .postern(&["attest", IMAGE, "--attestor", &attestor]);
        attest.args(["--key", &key, "--attestors", &security, "--to", &sink]);
        postern_tests::run(attest.args(["--config", "google.json"]));
    }
}

/// The chain of trust of the module.
const CHAIN: &str = r#"
variable "required" { type = list(string) }
variable "prod" {
  type    = list(string)
  default = ["scan"]
}
module "trust" {
  source          = "MODULES/gcp/trust-chain"
  project_id      = "demo-mart-security"
  protect         = false
  key_ring        = { location = "us-east1" }
  attestors = {
    ci = {
      protection_level = "SOFTWARE"
      signers   = ["serviceAccount:ci@demo-mart-build.iam.gserviceaccount.com"]
      verifiers = ["serviceAccount:gate@demo-mart-security.iam.gserviceaccount.com"]
    }
    scan   = { protection_level = "SOFTWARE" }
    review = { protection_level = "SOFTWARE" }
  }
  policy_viewers = ["serviceAccount:gate@demo-mart-security.iam.gserviceaccount.com"]
  policies = {
    acme-shop = {
      default_rule  = { require_attestors = var.required, dry_run = false }
      cluster_rules = { "us-central1-a.prod" = { require_attestors = var.prod, dry_run = false } }
    }
  }
}
"#;

const DEFAULT: &str = "/defaultAdmissionRule";
const PROD: &str = "/clusterAdmissionRules/us-central1-a.prod";

#[test]
fn the_chain_of_trust_is_applied_and_the_gate_enforces_it() {
    if !have(&TOOLS) {
        return;
    }
    let estate = Estate::new(CHAIN, "");
    let one = [r#"required=["ci"]"#];
    assert_eq!(estate.scanned(&one), ["KEY_UNPROTECTED"]);
    estate.terraform.apply(&one);
    estate.terraform.is_settled(&one);
    assert_eq!(estate.demanded(DEFAULT), ["ci"]);
    assert_eq!(estate.demanded(PROD), ["scan"]);
    assert_eq!(estate.verified(), Some(0));

    let members = estate.get(&format!(
        "/v1/projects/{SECURITY}/attestors/ci:getIamPolicy"
    ));
    let members = members.to_string();
    assert!(members.contains("serviceAccount:gate@demo-mart-security"));
    assert!(members.contains("@gcp-sa-binaryauthorization"));

    assert_eq!(estate.reason(), "NO_ATTESTATION");
    estate.attest();
    assert_eq!(estate.reason(), "ATTESTED");

    // Who goes leaves the door as it is.
    estate.terraform.destroy(&one);
    assert_eq!(estate.demanded(DEFAULT), ["ci"]);
    let policy = estate.get("/v1/projects/acme-shop/policy");
    assert!(!policy.to_string().contains("ALWAYS_ALLOW"), "{policy}");
}

/// The provider updates a policy to one without the attestors that were there before
/// (hashicorp/terraform-provider-google#14929): the module never has it update one.
#[test]
fn the_policy_on_the_server_is_the_one_written_whatever_changes() {
    if !have(&TOOLS) {
        return;
    }
    let estate = Estate::new(CHAIN, "");
    let all = r#"required=["ci","scan","review"]"#;
    let steps: [(&[&str], &[&str], &[&str]); 5] = [
        (&[r#"required=["ci"]"#], &["ci"], &["scan"]),
        (&[all], &["ci", "review", "scan"], &["scan"]),
        (&[r#"required=["review"]"#], &["review"], &["scan"]),
        (
            &[r#"required=["review"]"#, r#"prod=["scan","ci"]"#],
            &["review"],
            &["ci", "scan"],
        ),
        (
            &[r#"required=["ci"]"#, r#"prod=["review"]"#],
            &["ci"],
            &["review"],
        ),
    ];
    for (variables, default, prod) in steps {
        estate.terraform.apply(variables);
        assert_eq!(estate.demanded(DEFAULT), default, "{variables:?}");
        assert_eq!(estate.demanded(PROD), prod, "{variables:?}");
        estate.terraform.is_settled(variables);
        assert_eq!(estate.verified(), Some(0), "{variables:?}");
    }
}

/// A policy as people write it, without the module.
const BARE: &str = r#"
variable "required" { type = list(string) }
resource "google_container_analysis_note" "this" {
  for_each = toset(["ci", "scan"])
  project  = "demo-mart-security"
  name     = each.value
  attestation_authority {
    hint { human_readable_name = each.value }
  }
}
resource "google_binary_authorization_attestor" "this" {
  for_each = google_container_analysis_note.this
  project  = "demo-mart-security"
  name     = each.key
  attestation_authority_note { note_reference = each.value.name }
}
resource "google_binary_authorization_policy" "this" {
  project = "acme-shop"
  default_admission_rule {
    evaluation_mode         = "REQUIRE_ATTESTATION"
    enforcement_mode        = "ENFORCED_BLOCK_AND_AUDIT_LOG"
    require_attestations_by = var.required
  }
  depends_on = [google_binary_authorization_attestor.this]
}
"#;

/// If this fails for a newer provider, it may have been mended there: then the module may let go of it, too.
#[test]
fn what_the_provider_does_to_a_bare_policy_is_found_before_and_after() {
    if !have(&TOOLS) {
        return;
    }
    let estate = Estate::new(BARE, "");
    let ci = r#"required=["projects/demo-mart-security/attestors/ci"]"#;
    let both = r#"required=["projects/demo-mart-security/attestors/ci","projects/demo-mart-security/attestors/scan"]"#;
    estate.terraform.apply(&[ci]);
    assert_eq!(estate.demanded(DEFAULT), ["ci"]);
    assert_eq!(estate.verified(), Some(0));
    assert_eq!(estate.scanned(&[both]), ["POLICY_UPDATE_LOSES_ATTESTORS"]);
    estate.terraform.apply(&[both]);
    assert_eq!(estate.demanded(DEFAULT), ["scan"]);
    assert_eq!(estate.verified(), Some(1));

    let destroyed = estate.terraform.plan_to_destroy(&[both]);
    estate.world.write("plan.json", destroyed);
    let mut scan = estate.world.postern(&["terraform", "scan", "plan.json"]);
    let said = postern_tests::output(&mut scan);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("POLICY_RESET"), "{said}");
    estate.terraform.destroy(&[both]);
    let policy = estate.get("/v1/projects/acme-shop/policy");
    let mode = &policy["defaultAdmissionRule"]["evaluationMode"];
    assert_eq!(mode, "ALWAYS_ALLOW");
}

const TOPICS: &str = r#"
resource "google_pubsub_topic" "this" {
  for_each = toset(["postern-audit", "postern-audit-dead"])
  project  = "demo-mart-security"
  name     = each.value
}
resource "google_pubsub_subscription" "this" {
  project              = "demo-mart-security"
  name                 = "postern-audit"
  topic                = google_pubsub_topic.this["postern-audit"].id
  ack_deadline_seconds = 60
  expiration_policy { ttl = "" }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["postern-audit-dead"].id
    max_delivery_attempts = 10
  }
}
"#;

#[test]
fn topics_are_applied_to_the_emulator() {
    if !have(&[TOOLS[0], TOOLS[1], TOOLS[2], "pubsub-emulator"]) {
        return;
    }
    let emulator = postern_tests::pubsub_emulator();
    let estate = Estate::new(TOPICS, &emulator.url());
    estate.terraform.apply(&[]);
    estate.terraform.is_settled(&[]);
    let path = format!("/v1/projects/{SECURITY}/subscriptions/postern-audit");
    let subscription = http::get(emulator.address(), &path).json();
    assert_eq!(
        subscription["deadLetterPolicy"]["deadLetterTopic"],
        format!("projects/{SECURITY}/topics/postern-audit-dead")
    );
}

#[test]
fn every_module_is_valid_and_passes_its_tests() {
    if !have(&TOOLS) {
        return;
    }
    let world = World::new();
    for module in terraform::every_module(world.folder()) {
        module.test();
    }
}
