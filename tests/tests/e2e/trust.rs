//! The trust function: `gcloud` sets a chain of trust up with the commands of its tutorials, and the gate in
//! the same process judges by it.

use std::process::Command;

use postern_tests::have;
use postern_tests::openssl::{KeyPair, Padding, ec_key, sign};
use serde_json::{Value, json};

use crate::support::gpg::KeyRing;
use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{DIGEST, IMAGE, Process, World, gcloud, http};

/// An attestor's name on `gcloud`'s command line.
const OF_CI: [&str; 2] = ["--attestor=ci", "--attestor-project=demo-project"];

/// `postern serve` in an empty folder, and `gcloud` pointed at it.
pub(crate) struct Served {
    pub(crate) world: World,
    pub(crate) server: Process,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::in_world(World::new(), &json!({"attestations": ["store"]}))
    }

    pub(crate) fn in_world(world: World, config: &Value) -> Self {
        Self {
            server: Process::serve_configured(&world, config),
            world,
        }
    }

    pub(crate) fn gcloud(&self, words: &[&str]) -> Command {
        let apis = [
            "BINARYAUTHORIZATION",
            "CLOUDKMS",
            "CONTAINERANALYSIS",
            "CLOUDRESOURCEMANAGER",
            "SERVICEUSAGE",
        ];
        let address = format!("http://{}", self.server.address());
        gcloud(&self.world, &apis, &address, words)
    }

    /// What `gcloud container binauthz …` prints as JSON.
    pub(crate) fn binauthz(&self, words: &[&str], further: &[&str]) -> Value {
        let mut command = self.gcloud(&["container", "binauthz"]);
        let printed = postern_tests::run(command.args(words).args(further).arg("--format=json"));
        serde_json::from_slice(&printed).unwrap_or_default()
    }

    /// What `gcloud container binauthz …` says when it fails.
    pub(crate) fn refused(&self, words: &[&str], further: &[&str]) -> String {
        let mut command = self.gcloud(&["container", "binauthz"]);
        let output = postern_tests::output(command.args(words).args(further));
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn make_note(&self) {
        let note = json!({"attestation": {"hint": {"human_readable_name": "built by CI"}}});
        let path = "/v1/projects/demo-project/notes/?noteId=ci-note";
        assert_eq!(self.post(path, None, &note).status, 200);
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> http::Answer {
        http::post(self.server.address(), path, token, body)
    }

    pub(crate) fn require_attestations(&self) {
        let policy = json!({
            "name": "projects/demo-project/policy",
            "defaultAdmissionRule": {
                "evaluationMode": "REQUIRE_ATTESTATION",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                "requireAttestationsBy": ["projects/demo-project/attestors/ci"],
            },
        });
        self.world.write("policy.yaml", policy.to_string());
        self.binauthz(&["policy", "import", "policy.yaml"], &[]);
    }

    /// Why the gate lets the image go to Cloud Run, or does not.
    pub(crate) fn reason(&self) -> String {
        let request = json!({
            "images": [IMAGE],
            "target": "cloud-run:demo-project/us-central1/web",
        });
        let decision = self.post("/v1/decisions", None, &request).json();
        decision["images"][0]["reasons"][0]["code"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Signs the image's payload as `gcloud` prints it.
    fn payload(&self) -> Vec<u8> {
        let mut command = self.gcloud(&["container", "binauthz", "create-signature-payload"]);
        postern_tests::run(command.arg(format!("--artifact-url={IMAGE}")))
    }

    fn attest(&self, signature: &[u8], key_id: &str) -> Vec<String> {
        self.world.write("payload.sig", signature);
        vec![
            format!("--artifact-url={IMAGE}"),
            format!("--public-key-id={key_id}"),
            "--signature-file=payload.sig".to_owned(),
        ]
    }
}

fn words(words: &[String]) -> Vec<&str> {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.extend(OF_CI);
    words
}

pub(crate) fn add_key(served: &Served) -> (KeyPair, String) {
    let key = ec_key(served.world.folder(), "P-256");
    let added = served.binauthz(
        &["attestors", "public-keys", "add", "--attestor=ci"],
        &[
            &format!("--pkix-public-key-file={}", key.public.display()),
            "--pkix-public-key-algorithm=ecdsa-p256-sha256",
        ],
    );
    let id = added["id"].as_str().unwrap().to_owned();
    assert_eq!(id, served.world.key_id(&key.public));
    (key, id)
}

/// Signs the payload of the image with a key, and stores the attestation; gives back the words that did.
pub(crate) fn attest_as_gcloud(served: &Served, key: &KeyPair, id: &str) -> Vec<String> {
    let signature = sign(key, "sha256", Padding::None, &served.payload());
    let signed = served.attest(&signature, id);
    served.binauthz(&["attestations", "create", "--validate"], &words(&signed));
    signed
}

pub(crate) const NOTE_OF_CI: [&str; 2] = [
    "--attestation-authority-note=ci-note",
    "--attestation-authority-note-project=demo-project",
];

#[test]
fn a_chain_of_trust_is_set_up_with_gcloud_and_the_gate_judges_by_it() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let served = Served::new();
    served.make_note();
    served.binauthz(&["attestors", "create", "ci"], &NOTE_OF_CI);
    let again = served.refused(&["attestors", "create", "ci"], &NOTE_OF_CI);
    assert!(again.contains("already exists"), "{again}");
    let (key, id) = add_key(&served);
    served.require_attestations();
    assert_eq!(served.reason(), "NO_ATTESTATION");

    let create = ["attestations", "create", "--validate"];
    let forged = served.attest(&sign(&key, "sha256", Padding::None, b"other"), &id);
    let mut warned = served.gcloud(&["container", "binauthz"]);
    let warned = postern_tests::output(warned.args(create).args(words(&forged)));
    let warned = String::from_utf8(warned.stderr).unwrap();
    assert!(warned.contains("could not be validated!"), "{warned}");
    assert_eq!(served.reason(), "SIGNATURE_INVALID");

    let signed = attest_as_gcloud(&served, &key, &id);
    let twice = served.refused(&create[..2], &words(&signed));
    assert!(twice.contains("already exists in project"), "{twice}");
    assert_eq!(served.reason(), "ATTESTED");

    let about = format!("--artifact-url={IMAGE}");
    let listed = served.binauthz(&["attestations", "list", &about], &OF_CI);
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let other = format!("--artifact-url={}", IMAGE.replace("2d71", "2d72"));
    let listed = served.binauthz(&["attestations", "list", &other], &OF_CI);
    assert_eq!(listed.as_array().map(Vec::len), Some(0));

    served.binauthz(
        &["attestors", "public-keys", "remove", &id],
        &["--attestor=ci"],
    );
    assert_eq!(served.reason(), "ATTESTOR_WITHOUT_KEYS");
}

#[test]
fn openpgp_keys_are_taken_as_gcloud_sends_them() {
    if !have(&["gcloud", "gpg"]) {
        return;
    }
    let served = Served::new();
    let gpg = KeyRing::new();
    let fingerprint = gpg.key("rsa3072");
    served.world.write("key.asc", gpg.public(&fingerprint));
    served.make_note();
    served.binauthz(&["attestors", "create", "ci"], &NOTE_OF_CI);
    let added = served.binauthz(
        &["attestors", "public-keys", "add", "--attestor=ci"],
        &["--pgp-public-key-file=key.asc"],
    );
    assert_eq!(added["id"], json!(fingerprint));
    served.require_attestations();
    let signed = served.attest(&gpg.sign(&fingerprint, &served.payload()), &fingerprint);
    served.binauthz(&["attestations", "create", "--validate"], &words(&signed));
    assert_eq!(served.reason(), "ATTESTED");
}

#[test]
fn a_policy_that_somebody_else_changed_is_not_overwritten_and_every_change_is_a_case() {
    if !have(&["gcloud"]) {
        return;
    }
    let served = Served::new();
    let allow = json!({
        "defaultAdmissionRule": {
            "evaluationMode": "ALWAYS_ALLOW",
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        },
    });
    served.world.write("allow.yaml", allow.to_string());
    let first = served.binauthz(&["policy", "import", "allow.yaml"], &[]);
    served.world.write("mine.json", first.to_string());
    served.binauthz(&["policy", "import", "allow.yaml"], &[]);
    let stale = served.refused(&["policy", "import", "mine.json"], &[]);
    assert!(stale.contains("read it again"), "{stale}");

    assert_eq!(served.post("/v1/tick", None, &json!({})).status, 200);
    let cases = http::get(served.server.address(), "/v1/cases").json();
    let categories: Vec<&Value> = cases["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| &case["category"])
        .collect();
    assert_eq!(categories, ["POLICY_WEAKENED"; 2], "{cases}");
}

#[test]
fn the_bindings_that_are_stored_are_those_that_are_enforced() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let issuer = Issuer::start(world.folder());
    let ci = issuer.token("ci@demo-project.iam.gserviceaccount.com");
    let owner = issuer.token("owner@example.com");
    let callers = json!({"issuer": issuer.name(), "audience": AUDIENCE});
    let config = json!({
        "auth": {"trust": [callers]},
        "trust": {"owners": ["user:owner@example.com"]},
    });
    let served = Served::in_world(world, &config);
    let note = json!({"attestation": {}});
    let notes = "/v1/projects/demo-project/notes";
    let of_ci = "/v1/projects/demo-project/notes/ci";

    let stranger = served.post(&format!("{notes}?noteId=ci"), None, &note);
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.json()["error"]["status"], "UNAUTHENTICATED");
    let denied = served.post(&format!("{notes}?noteId=ci"), Some(&ci), &note);
    assert_eq!(denied.status, 403);
    assert_eq!(
        denied.json()["error"]["message"],
        "Permission 'containeranalysis.notes.create' denied on resource 'projects/demo-project' (or it \
         may not exist)."
    );
    let made = served.post(&format!("{notes}?noteId=ci"), Some(&owner), &note);
    assert_eq!(made.status, 200);

    let occurrences = "/v1/projects/demo-project/occurrences";
    let attestation = json!({
        "note_name": "projects/demo-project/notes/ci",
        "resource_uri": format!("https://eu.example.com/app@{DIGEST}"),
        "attestation": {"serialized_payload": "eA==", "signatures": []},
    });
    let attach = || served.post(occurrences, Some(&ci), &attestation).status;
    assert_eq!(attach(), 403);
    let bind = |resource: &str, role: &str| {
        let policy = json!({"policy": {"bindings": [{
            "role": role,
            "members": ["serviceAccount:ci@demo-project.iam.gserviceaccount.com"],
        }]}});
        let path = format!("{resource}:setIamPolicy");
        assert_eq!(served.post(&path, Some(&owner), &policy).status, 200);
    };
    bind(
        "/v1/projects/demo-project",
        "roles/containeranalysis.occurrences.editor",
    );
    assert_eq!(
        attach(),
        403,
        "the note is not open to everybody who may write occurrences"
    );
    bind(of_ci, "roles/containeranalysis.notes.attacher");
    assert_eq!(attach(), 200);
    assert_eq!(
        served
            .post(&format!("{of_ci}:setIamPolicy"), Some(&ci), &json!({}))
            .status,
        403
    );
}
