//! Platform policies: `gcloud` writes them, and evaluates images by them.

use postern_tests::{have, output};
use serde_json::{Value, json};

use crate::support::IMAGE;
use crate::trust::{NOTE_OF_CI, Served};

/// Where the policy is, on `gcloud`'s command line.
const PP: [&str; 2] = ["pp", "--platform=gke"];

/// What `gcloud beta container binauthz policy …` exits with, and what it prints.
fn policy(served: &Served, words: &[&str], further: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = served.gcloud(&["beta", "container", "binauthz", "policy"]);
    let output = output(command.args(words).args(further).arg("--format=json"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code(), printed, said)
}

fn done(served: &Served, words: &[&str], further: &[&str]) -> Value {
    let (exit, printed, said) = policy(served, words, further);
    assert_eq!(exit, Some(0), "{words:?}: {said}");
    printed
}

fn write(served: &Served, checks: &Value) {
    let policy = json!({"gkePolicy": {"checkSets": [{"displayName": "all", "checks": checks}]}});
    served.world.write("pp.yaml", policy.to_string());
}

fn evaluate(served: &Served) -> (Option<i32>, Value) {
    let image = format!("--image={IMAGE}");
    let (exit, printed, said) = policy(served, &["evaluate"], &[&PP[..], &[&image]].concat());
    assert!(!said.contains("crashed"), "{said}");
    (exit, printed)
}

#[test]
fn gcloud_keeps_platform_policies_and_exits_by_their_verdicts() {
    if !have(&["gcloud"]) {
        return;
    }
    let served = Served::new();
    let file = "--policy-file=pp.yaml";
    let with_file = [PP[0], PP[1], file];
    write(
        &served,
        &json!([{"displayName": "dirs", "trustedDirectoryCheck": {"trustedDirPatterns": ["*-docker.pkg.dev/demo-project/repo"]}}]),
    );
    let made = done(&served, &["create"], &with_file);
    let name = "projects/demo-project/platforms/gke/policies/pp";
    assert_eq!(made["name"], name);
    assert_eq!(done(&served, &["describe"], &PP), made);
    let (exit, evaluated) = evaluate(&served);
    assert_eq!(
        (exit, &evaluated["verdict"]),
        (Some(0), &json!("CONFORMANT"))
    );

    write(&served, &json!([{"alwaysDeny": true}]));
    done(&served, &["update"], &with_file);
    let (exit, evaluated) = evaluate(&served);
    assert_eq!(
        (exit, &evaluated["verdict"]),
        (Some(2), &json!("NON_CONFORMANT"))
    );

    write(
        &served,
        &json!([{"imageFreshnessCheck": {"maxUploadAgeDays": 30}}]),
    );
    done(&served, &["update"], &with_file);
    let (exit, evaluated) = evaluate(&served);
    assert_eq!((exit, &evaluated["verdict"]), (Some(2), &json!("ERROR")));

    write(&served, &json!([{"displayName": "nothing"}]));
    let (exit, _, said) = policy(&served, &["update"], &with_file);
    assert_eq!(exit, Some(1));
    assert!(said.contains("exactly one kind of check"), "{said}");
    let listed = done(&served, &["list", "gke"], &[]);
    assert_eq!(listed[0]["name"], name);
    done(&served, &["delete"], &[PP[0], PP[1], "--quiet"]);
    assert_eq!(done(&served, &["list", "gke"], &[]), json!([]));
}

#[test]
fn what_gcloud_attested_satisfies_a_policy_with_the_key() {
    if !have(&["gcloud", "openssl"]) {
        return;
    }
    let served = Served::new();
    served.make_note();
    served.binauthz(&["attestors", "create", "ci"], &NOTE_OF_CI);
    let (key, id) = crate::trust::add_key(&served);
    let pem = std::fs::read_to_string(&key.public).unwrap();
    let key_of =
        json!({"publicKeyPem": pem, "signatureAlgorithm": "ECDSA_P256_SHA256", "keyId": id});
    let check = json!({"simpleSigningAttestationCheck": {
        "containerAnalysisAttestationProjects": ["projects/demo-project"],
        "attestationAuthenticators": [{"pkixPublicKeySet": {"pkixPublicKeys": [key_of]}}],
    }});
    write(&served, &json!([check]));
    done(
        &served,
        &["create"],
        &[PP[0], PP[1], "--policy-file=pp.yaml"],
    );
    assert_eq!(evaluate(&served).0, Some(2));
    crate::trust::attest_as_gcloud(&served, &key, &id);
    let (exit, evaluated) = evaluate(&served);
    assert_eq!(exit, Some(0), "{evaluated}");
}
