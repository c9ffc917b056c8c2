//! What `gcloud` prints and posts is taken unchanged.

use std::process::Command;

use postern_tests::have;
use postern_tests::openssl::{Padding, sign};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{ATTESTOR, DIGEST, IMAGE, Reply, StandIn, World, gcloud};

/// `gcloud container binauthz`, asking only this server.
fn binauthz(world: &World, server: &str) -> Command {
    let apis = ["BINARYAUTHORIZATION", "CONTAINERANALYSIS"];
    gcloud(world, &apis, server, &["container", "binauthz"])
}

/// Binary Authorization and Container Analysis, in the person of a stand-in: it knows one policy
/// and one attestor, and takes occurrences.
fn google(policy: Value, attestor: Value) -> StandIn {
    StandIn::start(move |request| {
        let path = request.target.split('?').next().unwrap();
        match (request.method.as_str(), path) {
            ("GET", "/v1/projects/demo-project/policy") => Reply::json(&policy),
            ("GET", "/v1/projects/demo-project/attestors/built-by-ci") => Reply::json(&attestor),
            ("POST", "/v1/projects/demo-project/occurrences") => Reply::json(&request.json()),
            _ => Reply::status(404),
        }
    })
}

#[rstest]
#[case::plain("us-central1-docker.pkg.dev/demo-project/repo/app@")]
#[case::with_a_scheme("https://us-central1-docker.pkg.dev/demo-project/repo/app@")]
#[case::with_a_tag("gcr.io/demo-project/app:v1@")]
#[case::with_a_deep_path("eu.gcr.io/demo-project/a/b/c-d_e.f@")]
#[case::with_a_port("https://localhost:5000/app@")]
fn payloads_are_byte_for_byte_those_of_gcloud(#[case] image: &str) {
    if !have(&["gcloud"]) {
        return;
    }
    let world = World::new();
    let url = format!("{image}{DIGEST}");
    let mut gcloud = binauthz(&world, "http://127.0.0.1:9");
    gcloud
        .arg("create-signature-payload")
        .arg(format!("--artifact-url={url}"));
    let theirs = postern_tests::run(&mut gcloud);
    assert_eq!(
        String::from_utf8(world.payload(&url)),
        String::from_utf8(theirs)
    );
}

#[rstest]
#[case::by_tag("us-central1-docker.pkg.dev/demo-project/repo/app:v1")]
#[case::upper_case(&format!("us-central1-docker.pkg.dev/demo-project/REPO/app@{DIGEST}"))]
#[case::a_short_digest("us-central1-docker.pkg.dev/demo-project/repo/app@sha256:2d71")]
fn what_gcloud_refuses_is_a_mistake(#[case] image: &str) {
    if !have(&["gcloud"]) {
        return;
    }
    let world = World::new();
    let mut gcloud = binauthz(&world, "http://127.0.0.1:9");
    gcloud
        .arg("create-signature-payload")
        .arg(format!("--artifact-url={image}"));
    assert!(!postern_tests::output(&mut gcloud).status.success());
    let ours = postern_tests::output(&mut world.postern(&["payload", image]));
    assert_eq!(ours.status.code(), Some(2));
}

#[test]
fn an_attestation_that_gcloud_creates_counts_unchanged() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let attestors = std::fs::read_to_string(world.path("attestors.json")).unwrap();
    let google = google(json!({}), serde_json::from_str(&attestors).unwrap());
    let server = google.url();
    let payload = postern_tests::run(
        binauthz(&world, &server)
            .arg("create-signature-payload")
            .arg(format!("--artifact-url={IMAGE}")),
    );
    world.write("payload.sig", sign(&key, "sha256", Padding::None, &payload));
    postern_tests::run(
        binauthz(&world, &server)
            .args(["attestations", "create", "--signature-file=payload.sig"])
            .args(["--attestor=built-by-ci", "--attestor-project=demo-project"])
            .arg(format!("--artifact-url={IMAGE}"))
            .arg(format!("--public-key-id={}", world.key_id(&key.public))),
    );
    let seen = google.seen();
    let posted = seen
        .iter()
        .find(|request| request.method == "POST")
        .unwrap();
    world.write("occurrences.json", [b"[", &posted.body[..], b"]"].concat());
    world.check(IMAGE, &[]).is_attested();
    // The same in the other forms of a listing.
    world.write(
        "occurrences.json",
        [b"{\"occurrences\":[", &posted.body[..], b"]}"].concat(),
    );
    world.check(IMAGE, &[]).is_attested();
    world.write("occurrences.json", [&posted.body[..], b"\n"].concat());
    world.check(IMAGE, &[]).is_attested();
}

#[test]
fn what_gcloud_exports_is_taken_unchanged() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let attestors = std::fs::read_to_string(world.path("attestors.json")).unwrap();
    let google = google(policy(), serde_json::from_str(&attestors).unwrap());
    for format in ["yaml", "json"] {
        let export = |words: &[&str]| {
            let mut gcloud = binauthz(&world, &google.url());
            postern_tests::run(gcloud.args(words).arg(format!("--format={format}")))
        };
        world.write("policy.json", export(&["policy", "export"]));
        world.write(
            "attestors.json",
            export(&["attestors", "describe", "built-by-ci"]),
        );
        world.write("occurrences.json", "[]");
        let checked = world.check(IMAGE, &[]);
        checked.is_denied("NO_ATTESTATION");
        assert_eq!(
            checked.decision["policy"]["name"],
            "projects/demo-project/policy"
        );
        assert_eq!(
            checked.decision["images"][0]["reasons"][0]["attestor"],
            ATTESTOR
        );
        let exempt = format!("us-docker.pkg.dev/demo-project/trusted/a/b@{DIGEST}");
        let checked = world.check(&exempt, &[]);
        assert_eq!(
            (checked.exit, checked.codes()),
            (Some(0), vec!["ALLOWLISTED"])
        );
        let target = ["--target", "gke:us-central1-a.dev/default"];
        let checked = world.check(IMAGE, &target);
        assert_eq!(
            (checked.exit, checked.codes()),
            (Some(0), vec!["ALWAYS_ALLOW"])
        );
        assert_eq!(
            checked.decision["images"][0]["rule"],
            "clusterAdmissionRules.us-central1-a.dev"
        );
        let lint = ["policy", "lint", "policy.json"];
        postern_tests::run(&mut world.postern(&lint));
    }
}

/// A policy as the API returns it.
fn policy() -> Value {
    json!({
        "name": "projects/demo-project/policy",
        "globalPolicyEvaluationMode": "ENABLE",
        "admissionWhitelistPatterns": [{"namePattern": "us-docker.pkg.dev/demo-project/trusted/**"}],
        "defaultAdmissionRule": {
            "evaluationMode": "REQUIRE_ATTESTATION",
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "requireAttestationsBy": [ATTESTOR],
        },
        "clusterAdmissionRules": {
            "us-central1-a.dev": {
                "evaluationMode": "ALWAYS_ALLOW",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            },
        },
        "etag": "\"AbCd/EfGhIj1\"",
        "updateTime": "2026-01-02T03:04:05.678901Z",
    })
}
