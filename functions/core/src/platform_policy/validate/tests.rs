use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn refused(policy: Value, platform: &str) -> String {
    match serde_json::from_value::<PlatformPolicy>(policy) {
        Ok(policy) => policy.check(platform).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

fn with_check(check: Value) -> Value {
    json!({"gkePolicy": {"checkSets": [{"checks": [check]}]}})
}

#[rstest]
#[case::nothing(json!({}), "gkePolicy: this")]
#[case::the_other(json!({"cloudRunPolicy": {"rule": {"evaluationMode": "ALWAYS_DENY", "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY"}}}), "gkePolicy: this")]
#[case::unknown(json!({"gkePolicy": {"checks": []}}), "unknown field `checks`")]
#[case::no_catch_all(json!({"gkePolicy": {"checkSets": [{"scope": {"kubernetesNamespace": "web"}}]}}), "must have no scope")]
#[case::unreachable(json!({"gkePolicy": {"checkSets": [{}, {}]}}), "only the last")]
#[case::out_of_order(json!({"gkePolicy": {"checkSets": [
    {"scope": {"kubernetesNamespace": "web"}}, {"scope": {"kubernetesServiceAccount": "web:ci"}}, {},
]}}), "checkSets[1]: an earlier")]
#[case::twice(json!({"gkePolicy": {"checkSets": [
    {"scope": {"kubernetesNamespace": "web"}}, {"scope": {"kubernetesNamespace": "web"}}, {},
]}}), "checkSets[1]: an earlier")]
#[case::no_account(json!({"gkePolicy": {"checkSets": [{"scope": {"kubernetesServiceAccount": "ci"}}, {}]}}), "NAMESPACE:NAME")]
#[case::no_kind(with_check(json!({"displayName": "x"})), "exactly one kind")]
#[case::not_denying(with_check(json!({"alwaysDeny": false})), "exactly one kind")]
#[case::two_kinds(with_check(json!({"alwaysDeny": true, "imageFreshnessCheck": {"maxUploadAgeDays": 3}})), "exactly one kind")]
#[case::no_days(with_check(json!({"imageFreshnessCheck": {"maxUploadAgeDays": 0}})), "maxUploadAgeDays")]
#[case::no_directory(with_check(json!({"trustedDirectoryCheck": {"trustedDirPatterns": ["gcr.i*"]}})), "is no directory")]
#[case::no_keys(with_check(json!({"simpleSigningAttestationCheck": {"attestationAuthenticators": [{"pkixPublicKeySet": {"pkixPublicKeys": []}}]}})), "pkixPublicKeys")]
#[case::no_project(with_check(json!({"vulnerabilityCheck": {"maximumFixableSeverity": "LOW", "maximumUnfixableSeverity": "LOW", "containerAnalysisVulnerabilityProjects": ["shop"]}})), "projects/ID")]
#[case::no_severity(with_check(json!({"vulnerabilityCheck": {"maximumFixableSeverity": "LOW"}})), "maximumUnfixableSeverity")]
#[case::wide(json!({"gkePolicy": {"imageAllowlist": {"allowPattern": ["gcr.io/shop**"]}}}), "only behind a /")]
#[case::no_pattern(json!({"gkePolicy": {"imageAllowlist": {"allowPattern": ["*/app"]}}}), "wildcard")]
fn a_policy_for_gke_that_cannot_hold_is_refused(#[case] policy: Value, #[case] said: &str) {
    let refused = refused(policy, "gke");
    assert!(refused.contains(said), "{refused}");
}

#[test]
fn attestors_for_cloud_run_are_there_when_they_are_required() {
    let policy = |mode: &str, ids: &[&str]| {
        let attestor = |id: &&str| json!({"id": id, "attestationNote": "projects/shop/notes/ci"});
        let attestors: Vec<Value> = ids.iter().map(attestor).collect();
        json!({"cloudRunPolicy": {"rule": {
            "evaluationMode": mode,
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "requiredAttestors": attestors,
        }}})
    };
    let (required, denied) = ("REQUIRE_ATTESTATION", "ALWAYS_DENY");
    let fine: PlatformPolicy = serde_json::from_value(policy(required, &["ci", "qa"])).unwrap();
    assert_eq!(fine.check("cloudRun"), Ok(()));
    assert!(refused(policy(required, &[]), "cloudRun").contains("name the attestors"));
    assert!(refused(policy(required, &["ci", "ci"]), "cloudRun").contains("of its own"));
    assert!(refused(policy(denied, &["ci"]), "cloudRun").contains("no effect"));
}

#[test]
fn the_most_specific_check_set_holds() {
    let policy = json!({"checkSets": [
        {"scope": {"kubernetesServiceAccount": "web:ci"}},
        {"scope": {"kubernetesNamespace": "web"}},
        {},
    ]});
    let policy: GkePolicy = serde_json::from_value(policy).unwrap();
    assert_eq!(policy.check(), Ok(()));
    let place = |namespace, account| policy.check_set(namespace, account).unwrap().0;
    assert_eq!(place("web", "ci"), 0);
    assert_eq!(place("web", "default"), 1);
    assert_eq!(place("pay", "ci"), 2);
    assert!(GkePolicy::default().check_set("web", "ci").is_none());
}
