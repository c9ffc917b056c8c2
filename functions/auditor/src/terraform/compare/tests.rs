use postern_core::policy::parse_attestors;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::terraform::configured::Configured;

const ENFORCED: &str = "ENFORCED_BLOCK_AND_AUDIT_LOG";
/// Synthetic; no key that anybody has.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
const KEY: &str = "//cloudkms.googleapis.com/v1/projects/demo-mart/locations/us-east1/keyRings/postern/cryptoKeys/ci/cryptoKeyVersions/1";

/// A state as Terraform writes it. Synthetic.
fn state() -> Value {
    json!({
        "format_version": "1.0",
        "values": {"root_module": {"child_modules": [{"resources": [
            {
                "address": "module.trust.google_binary_authorization_policy.this[\"acme-shop\"]",
                "mode": "managed", "type": "google_binary_authorization_policy",
                "values": {
                    "project": "acme-shop", "description": "Managed by Terraform",
                    "global_policy_evaluation_mode": "ENABLE",
                    "admission_whitelist_patterns": [{"name_pattern": "us-docker.pkg.dev/demo-mart/base/**"}],
                    "cluster_admission_rules": [{"cluster": "us-central1-a.prod",
                        "evaluation_mode": "REQUIRE_ATTESTATION", "enforcement_mode": ENFORCED,
                        "require_attestations_by": ["projects/demo-mart/attestors/scan"]}],
                    "default_admission_rule": [{
                        "evaluation_mode": "REQUIRE_ATTESTATION", "enforcement_mode": ENFORCED,
                        "require_attestations_by": ["projects/demo-mart/attestors/scan", "projects/demo-mart/attestors/ci"]}],
                },
            },
            {
                "address": "module.trust.google_binary_authorization_attestor.this[\"ci\"]",
                "mode": "managed", "type": "google_binary_authorization_attestor",
                "values": {
                    "project": "demo-mart", "name": "ci", "description": "",
                    "attestation_authority_note": [{"note_reference": "projects/demo-mart/notes/ci", "public_keys": [{
                        "id": KEY, "comment": "1", "ascii_armored_pgp_public_key": "",
                        "pkix_public_key": [{"public_key_pem": PEM, "signature_algorithm": "ECDSA_P256_SHA256"}]}]}],
                },
            },
        ]}]}},
    })
}

fn configured() -> Configured {
    let configured = Configured::parse(state().to_string().as_bytes()).unwrap();
    assert!(
        configured.unreadable.is_empty(),
        "{:?}",
        configured.unreadable
    );
    configured
}

/// The policy as the API answers it.
fn live() -> Value {
    json!({
        "name": "projects/acme-shop/policy", "description": "Managed by Terraform",
        "globalPolicyEvaluationMode": "ENABLE",
        "admissionWhitelistPatterns": [{"namePattern": "us-docker.pkg.dev/demo-mart/base/**"}],
        "clusterAdmissionRules": {"us-central1-a.prod": {"evaluationMode": "REQUIRE_ATTESTATION",
            "enforcementMode": ENFORCED, "requireAttestationsBy": ["projects/demo-mart/attestors/scan"]}},
        "defaultAdmissionRule": {"evaluationMode": "REQUIRE_ATTESTATION", "enforcementMode": ENFORCED,
            "requireAttestationsBy": ["projects/demo-mart/attestors/ci", "projects/demo-mart/attestors/scan"]},
        "etag": "\"synthetic\"", "updateTime": "2026-01-02T03:04:05Z",
    })
}

/// `field: configured -> live` of each difference.
fn differences(live: Option<Value>) -> Vec<String> {
    let live = live.map(|live| Policy::parse(&live.to_string()).unwrap());
    let configured = &configured().policies["acme-shop"];
    let found = policies(
        "acme-shop",
        configured,
        live.as_ref(),
        &ProjectNumbers::default(),
    );
    shown(&found)
}

fn shown(found: &[Difference]) -> Vec<String> {
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    let show = |d: &Difference| {
        format!(
            "{}: {} -> {}",
            d.field,
            or_nothing(&d.configured),
            or_nothing(&d.live)
        )
    };
    found.iter().map(show).collect()
}

#[test]
fn the_same_policy_is_no_difference() {
    assert!(differences(Some(live())).is_empty());
}

#[rstest]
#[case::an_attestor_that_the_provider_did_not_send("/defaultAdmissionRule/requireAttestationsBy",
    json!(["projects/demo-mart/attestors/scan"]),
    "defaultAdmissionRule.requireAttestationsBy: projects/demo-mart/attestors/ci -> nothing")]
#[case::one_of_a_cluster("/clusterAdmissionRules/us-central1-a.prod/requireAttestationsBy",
    json!(["projects/demo-mart/attestors/scan", "projects/evil/attestors/x"]),
    "clusterAdmissionRules.us-central1-a.prod.requireAttestationsBy: nothing -> projects/evil/attestors/x")]
#[case::a_dry_run("/defaultAdmissionRule/enforcementMode", json!("DRYRUN_AUDIT_LOG_ONLY"),
    "defaultAdmissionRule.enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG -> DRYRUN_AUDIT_LOG_ONLY")]
#[case::an_exemption("/admissionWhitelistPatterns/0/namePattern", json!("us-docker.pkg.dev/demo-mart/base/**/x"),
    "admissionWhitelistPatterns: us-docker.pkg.dev/demo-mart/base/** -> nothing")]
#[case::the_system_policy("/globalPolicyEvaluationMode", json!("DISABLE"), "globalPolicyEvaluationMode: ENABLE -> DISABLE")]
#[case::a_description("/description", json!("mine"), "description: Managed by Terraform -> mine")]
fn what_is_otherwise_is_told(#[case] pointer: &str, #[case] value: Value, #[case] told: &str) {
    let mut live = live();
    *live.pointer_mut(pointer).unwrap() = value;
    let differences = differences(Some(live));
    assert_eq!(differences[0], told, "{differences:?}");
}

#[test]
fn one_of_the_same_short_name_is_another_one() {
    let mut live = live();
    live["defaultAdmissionRule"]["requireAttestationsBy"] = json!([
        "projects/evil/attestors/ci",
        "projects/demo-mart/attestors/scan"
    ]);
    assert_eq!(
        differences(Some(live)),
        [
            "defaultAdmissionRule.requireAttestationsBy: projects/demo-mart/attestors/ci -> nothing",
            "defaultAdmissionRule.requireAttestationsBy: nothing -> projects/evil/attestors/ci",
        ]
    );
}

#[test]
fn rules_that_come_or_go_are_told() {
    let mut live = live();
    live["clusterAdmissionRules"] = json!({});
    assert_eq!(
        differences(Some(live.clone())),
        ["clusterAdmissionRules.us-central1-a.prod: REQUIRE_ATTESTATION -> nothing"]
    );
    live.as_object_mut()
        .unwrap()
        .remove("clusterAdmissionRules");
    live["kubernetesNamespaceAdmissionRules"] =
        json!({"dev": {"evaluationMode": "ALWAYS_ALLOW", "enforcementMode": ENFORCED}});
    assert!(
        differences(Some(live))
            .contains(&"kubernetesNamespaceAdmissionRules.dev: nothing -> ALWAYS_ALLOW".to_owned())
    );
    assert_eq!(differences(None), [": a policy -> nothing"]);
}

fn attestor(change: impl Fn(&mut Value)) -> Vec<String> {
    let mut live = json!({
        "name": "projects/demo-mart/attestors/ci",
        "userOwnedGrafeasNote": {
            "noteReference": "projects/demo-mart/notes/ci",
            "publicKeys": [{"id": KEY, "pkixPublicKey": {
                "publicKeyPem": PEM.trim(), "signatureAlgorithm": "EC_SIGN_P256_SHA256"}}],
            "delegationServiceAccountEmail": "service-11@gcp-sa-binaryauthorization.iam.gserviceaccount.com",
        },
        "etag": "\"synthetic\"",
    });
    change(&mut live);
    let live = parse_attestors(&live.to_string()).unwrap();
    let configured = configured();
    let configured = configured.attestors.values().next().unwrap();
    shown(&attestors(
        configured,
        live.first(),
        &ProjectNumbers::default(),
    ))
}

#[test]
fn attestors_are_compared_by_their_note_and_by_what_their_keys_are() {
    assert!(attestor(|_| {}).is_empty());
    let note = attestor(|live| {
        live["userOwnedGrafeasNote"]["noteReference"] = "projects/evil/notes/ci".into();
    });
    assert_eq!(
        note,
        [
            "userOwnedGrafeasNote.noteReference: projects/demo-mart/notes/ci -> projects/evil/notes/ci"
        ]
    );

    let swapped = attestor(|live| {
        let key = &mut live["userOwnedGrafeasNote"]["publicKeys"][0]["pkixPublicKey"];
        key["publicKeyPem"] = PEM.replace("AAAA", "AAAB").into();
    });
    assert_eq!(swapped.len(), 1);
    assert!(
        swapped[0].starts_with(&format!("userOwnedGrafeasNote.publicKeys[{}", &KEY[..40])),
        "{swapped:?}"
    );

    let added = attestor(|live| {
        let mut key = live["userOwnedGrafeasNote"]["publicKeys"][0].clone();
        key["id"] = "mine".into();
        live["userOwnedGrafeasNote"]["publicKeys"]
            .as_array_mut()
            .unwrap()
            .push(key);
    });
    assert!(
        added[0]
            .starts_with("userOwnedGrafeasNote.publicKeys[mine]: nothing -> ECDSA_P256_SHA256 "),
        "{added:?}"
    );

    let removed = attestor(|live| live["userOwnedGrafeasNote"]["publicKeys"] = json!([]));
    assert!(removed[0].ends_with(" -> nothing"), "{removed:?}");
}

#[test]
fn what_is_known_later_is_not_compared_and_said_to_be() {
    let mut state = state();
    let resources = state
        .pointer_mut("/values/root_module/child_modules/0/resources")
        .unwrap();
    resources[0]["values"]["default_admission_rule"][0]["require_attestations_by"] = json!([null]);
    resources[1]["values"]["attestation_authority_note"][0]["public_keys"][0]["pkix_public_key"] =
        json!([]);
    let configured = Configured::parse(state.to_string().as_bytes()).unwrap();
    assert!(configured.policies.is_empty() && configured.attestors.is_empty());
    let reasons: Vec<_> = configured
        .unreadable
        .iter()
        .map(|u| u.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "an attestor is known only after the plan is applied",
            "a public key of it is known only after the plan is applied",
        ]
    );
}
