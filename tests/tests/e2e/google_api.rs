//! Binary Authorization and Container Analysis, asked over their APIs: the trust function of another process
//! stands at the addresses, with everything that `gcloud` would have set up there.

use std::path::Path;
use std::process::{Command, Output};

use postern_tests::have;
use postern_tests::openssl::{KeyPair, rsa_key};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{
    ATTESTOR, Checked, IMAGE, Process, Reply, StandIn, World, attestor, http, ours,
};

const POLICY: &str = "projects/demo-project/policy";
const ATTESTATIONS: &str = "containeranalysis:projects/demo-project";
/// Nobody listens there: it is the discard service's port.
const NOWHERE: &str = "http://127.0.0.1:9";

/// `postern serve --only trust` over `trust-data`, with this configuration.
pub(crate) fn serve_trust(world: &World, config: &Value) -> Process {
    world.write("trust.json", config.to_string());
    let mut command = ours("postern");
    command
        .current_dir(world.folder())
        .args(["serve", "--only", "trust", "--data", "trust-data"])
        .args(["--listen", "127.0.0.1:0", "--config", "trust.json"]);
    Process::serve(&mut command)
}

pub(crate) fn put(server: &Process, path: &str, body: &Value) -> http::Answer {
    let headers = [("content-type", "application/json")];
    let body = body.to_string();
    http::send(server.address(), "PUT", path, &headers, body.as_bytes())
}

/// A note, its attestor with this key, and a policy that asks for it.
fn set_up(server: &Process, key: &KeyPair) {
    let made = |path: &str, body: &Value| {
        let answer = http::post(server.address(), path, None, body);
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.json());
    };
    let project = "/v1/projects/demo-project";
    let note = json!({"attestation": {"hint": {"humanReadableName": "synthetic"}}});
    made(&format!("{project}/notes?noteId=built-by-ci"), &note);
    let pem = std::fs::read_to_string(&key.public).unwrap();
    // Of one payload, such a key has one signature.
    let mut attestor = attestor(&[json!({
        "pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": "RSA_SIGN_PKCS1_2048_SHA256"},
    })]);
    attestor.as_object_mut().unwrap().remove("updateTime");
    made(
        &format!("{project}/attestors?attestorId=built-by-ci"),
        &attestor,
    );
    let policy = json!({"defaultAdmissionRule": {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBy": [ATTESTOR],
    }});
    let answer = put(server, &format!("/v1/{POLICY}"), &policy);
    assert_eq!(answer.status, 200, "{:?}", answer.json());
}

/// Points a command's clients at an address.
pub(crate) fn pointed<'c>(command: &'c mut Command, url: &str) -> &'c mut Command {
    for api in ["BINARYAUTHORIZATION", "CONTAINERANALYSIS"] {
        command.env(format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"), url);
    }
    command
}

fn check(world: &World, url: &str, words: &[&str]) -> Checked {
    let mut command = world.postern(&["check", IMAGE, "--format", "json"]);
    pointed(command.args(words), url);
    Checked::of(&postern_tests::output(&mut command))
}

fn attest(world: &World, url: &str, key: &Path) -> Output {
    let key = format!("file:{}", key.display());
    let mut command = world.postern(&["attest", IMAGE, "--attestor", "built-by-ci", "--key", &key]);
    command.args(["--attestors", "projects/demo-project", "--to", ATTESTATIONS]);
    postern_tests::output(pointed(&mut command, url))
}

#[test]
fn what_the_apis_hold_decides_here_and_in_another_gate() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = rsa_key(world.folder(), 2048);
    let trust = serve_trust(&world, &json!({}));
    set_up(&trust, &key);
    let url = format!("http://{}", trust.address());
    let live = ["--policy", POLICY, "--attestations", ATTESTATIONS];
    check(&world, &url, &live).is_denied("NO_ATTESTATION");

    let first = attest(&world, &url, &key.private);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let named = String::from_utf8(first.stdout).unwrap();
    assert!(
        named.starts_with("projects/demo-project/occurrences/"),
        "{named}"
    );
    let second = attest(&world, &url, &key.private);
    assert_eq!(second.status.code(), Some(0), "{second:?}");
    assert_eq!(String::from_utf8(second.stdout).unwrap(), named);

    let attested = check(&world, &url, &live);
    attested.is_attested();
    assert_eq!(attested.decision["policy"]["name"], POLICY);
    let evidence = &attested.decision["images"][0]["evidence"][0];
    assert_eq!(evidence["source"], ATTESTATIONS);

    let config = json!({
        "policy": POLICY, "attestors": "projects/demo-project", "attestations": [ATTESTATIONS],
        "endpoints": {"binaryAuthorization": url, "containerAnalysis": url},
    });
    world.write("gate.json", config.to_string());
    let mut command = ours("postern");
    command
        .current_dir(world.folder())
        .args(["serve", "--only", "gate", "--data", "gate-data"])
        .args(["--listen", "127.0.0.1:0", "--config", "gate.json"]);
    let gate = Process::serve(&mut command);
    let asked = json!({"images": [IMAGE], "target": "cloud-run:demo-project/us-central1/web"});
    let decided = || http::post(gate.address(), "/v1/decisions", None, &asked);
    assert_eq!(decided().code(), "ATTESTED");

    // What holds there now counts: nothing of it is kept here.
    let deny = json!({"defaultAdmissionRule": {
        "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }});
    assert_eq!(put(&trust, &format!("/v1/{POLICY}"), &deny).status, 200);
    assert_eq!(decided().code(), "ALWAYS_DENY");
    drop(trust);
    assert_eq!(decided().code(), "POLICY_UNAVAILABLE");
}

#[test]
fn what_is_not_there_is_told_from_what_cannot_be_read() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let trust = serve_trust(&world, &json!({}));
    let url = format!("http://{}", trust.address());
    let never = ["--policy", "projects/demo-project/policy"];
    let unset = check(&world, &url, &never);
    unset.is_undetermined("POLICY_UNAVAILABLE");
    let message = unset.decision["images"][0]["reasons"][0]["message"].as_str();
    assert!(
        message.unwrap().contains("no policy was ever set"),
        "{message:?}"
    );

    let by_file = [
        "--policy",
        "policy.json",
        "--attestors",
        "projects/demo-project",
    ];
    check(&world, &url, &by_file).is_denied("ATTESTOR_NOT_FOUND");
}

#[rstest]
#[case::of_the_policy(&["--policy", POLICY], "POLICY_UNAVAILABLE")]
#[case::of_the_attestor(
    &["--policy", "policy.json", "--attestors", "projects/demo-project"],
    "ATTESTOR_NOT_READABLE"
)]
#[case::of_the_attestations(
    &["--policy", "policy.json", "--attestors", "attestors.json", "--attestations", ATTESTATIONS],
    "EVIDENCE_UNAVAILABLE"
)]
fn an_outage_leaves_it_open(#[case] words: &[&str], #[case] code: &str) {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    check(&world, NOWHERE, words).is_undetermined(code);
}

/// A certificate of this machine that stands for itself, and its key.
fn certificate(world: &World) -> [String; 2] {
    let [certificate, key] = ["api.pem", "api-key.pem"].map(|name| world.path(name));
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    postern_tests::run(&mut openssl);
    [certificate, key].map(|path| path.to_str().unwrap().to_owned())
}

/// A metadata server whose access token is this one.
fn metadata(token: String) -> StandIn {
    StandIn::start(move |request| {
        let flavor = ("metadata-flavor".to_owned(), "Google".to_owned());
        let body = match request.target.contains("/service-accounts/default/token") {
            true => json!({"access_token": token, "expires_in": 600, "token_type": "Bearer"}),
            false => json!({}),
        };
        let json = ("content-type".to_owned(), "application/json".to_owned());
        Reply::Http(200, vec![flavor, json], body.to_string().into_bytes())
    })
}

#[test]
fn the_identity_of_the_process_is_shown_and_what_it_lacks_is_named() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = rsa_key(world.folder(), 2048);
    set_up(&serve_trust(&world, &json!({})), &key);
    let issuer = Issuer::start(world.folder());
    let [certificate, private] = certificate(&world);
    let config = json!({
        "auth": {"trust": [{"issuer": issuer.name(), "audience": AUDIENCE}]},
        "trust": {"owners": ["serviceAccount:gate@demo-project.iam.gserviceaccount.com"]},
        "gate": {"tls": {"certificate": certificate, "key": private}},
    });
    let trust = serve_trust(&world, &config);
    let url = format!("https://{}", trust.address());
    let as_caller = |email: &str| {
        let metadata = metadata(issuer.token(email));
        let mut command = world.postern(&["check", IMAGE, "--format", "json", "--policy", POLICY]);
        command
            .args(["--attestations", ATTESTATIONS])
            .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
            .env("HOME", world.folder())
            .env("GCE_METADATA_HOST", metadata.address())
            .env("SSL_CERT_FILE", &certificate);
        Checked::of(&postern_tests::output(pointed(&mut command, &url)))
    };
    as_caller("gate@demo-project.iam.gserviceaccount.com").is_denied("NO_ATTESTATION");
    let stranger = as_caller("stranger@demo-project.iam.gserviceaccount.com");
    stranger.is_undetermined("POLICY_UNAVAILABLE");
    let reasons = stranger.decision["images"][0]["reasons"].to_string();
    assert!(
        reasons.contains("it answered 403")
            && reasons.contains("--role=roles/binaryauthorization.policyViewer"),
        "{reasons}"
    );
}
