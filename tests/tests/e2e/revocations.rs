//! The revocation list, by the command line and in a running gate: it beats everything.

use postern_tests::have;
use postern_tests::openssl::{Padding, sign};
use serde_json::{Value, json};

use crate::support::{Attestation, DIGEST, IMAGE, Process, World, http, occurrences, ours};

/// A folder in which [`IMAGE`] is attested, and the id of the key.
fn world() -> (World, String) {
    let (world, key) = World::with_key();
    let payload = world.payload(IMAGE);
    let signature = sign(&key, "sha256", Padding::None, &payload);
    let id = world.key_id(&key.public);
    world.attested(&occurrences(&[
        Attestation::of(&payload).signed(&id, &signature)
    ]));
    (world, id)
}

fn postern(world: &World, words: &[&str]) -> String {
    let said = postern_tests::run(world.postern(words).args(["--data", "data"]));
    String::from_utf8(said).unwrap()
}

const DATA: [&str; 2] = ["--data", "data"];

#[test]
fn a_revoked_digest_is_denied_whatever_would_let_it_through() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = world();
    world.check(IMAGE, &DATA).is_attested();
    postern(
        &world,
        &["revoke", DIGEST, "--reason", "synthetic backdoor"],
    );
    let denied = |why: &str, further: &[&str]| {
        let checked = world.check(IMAGE, &[&DATA[..], further].concat());
        assert_eq!(checked.exit, Some(1), "{why}: {checked:#?}");
        assert_eq!(checked.codes(), ["REVOKED"], "{why}");
        let reason = &checked.decision["images"][0]["reasons"][0];
        assert!(
            reason["message"]
                .as_str()
                .unwrap()
                .contains("synthetic backdoor")
        );
    };
    denied("attested", &[]);
    denied("break-glass", &["--break-glass", "INC-1 hotfix"]);
    let policy = std::fs::read_to_string(world.path("policy.json")).unwrap();
    let mut exempt: Value = serde_json::from_str(&policy).unwrap();
    exempt["admissionWhitelistPatterns"] =
        json!([{"namePattern": "us-central1-docker.pkg.dev/demo-project/**"}]);
    world.write("policy.json", exempt.to_string());
    denied("exempt", &[]);
    let mut dry: Value = serde_json::from_str(&policy).unwrap();
    dry["defaultAdmissionRule"]["enforcementMode"] = json!("DRYRUN_AUDIT_LOG_ONLY");
    world.write("policy.json", dry.to_string());
    denied("dry run", &[]);
    world.write("policy.json", policy);
    assert!(postern(&world, &["revoked"]).contains(DIGEST));
    postern(&world, &["unrevoke", DIGEST, "--reason", "a mistake"]);
    world.check(IMAGE, &DATA).is_attested();
}

#[test]
fn a_revoked_key_attests_nothing() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = world();
    postern(
        &world,
        &["revoke", &key, "--reason", "the laptop was stolen"],
    );
    world.check(IMAGE, &DATA).is_denied("REVOKED");
    postern(&world, &["unrevoke", &key, "--reason", "it was found"]);
    world.check(IMAGE, &DATA).is_attested();
}

/// No verdict outlives a revocation, however warm the caches are.
#[test]
fn a_running_gate_knows_at_once() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = world();
    let config = json!({
        "listen": "127.0.0.1:0", "store": "sqlite:data/postern.db", "policy": "policy.json",
        "attestors": "attestors.json", "attestations": ["occurrences.json"],
    });
    std::fs::create_dir_all(world.path("data")).unwrap();
    world.write("postern.yaml", config.to_string());
    let mut command = ours("postern-gate");
    command.current_dir(world.folder());
    let gate = Process::serve(command.env("POSTERN_CONFIG", "postern.yaml"));
    let status = || {
        let body = json!({"images": [IMAGE]});
        http::post(gate.address(), "/v1/decisions?enforce=true", None, &body).status
    };
    for what in [DIGEST, &key] {
        assert_eq!((status(), status()), (200, 200));
        postern(&world, &["revoke", what, "--reason", "synthetic"]);
        assert_eq!(status(), 403, "{what}");
        postern(&world, &["unrevoke", what, "--reason", "synthetic"]);
    }
    assert_eq!(status(), 200);
}
