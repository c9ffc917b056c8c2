use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ENFORCED: &str = "ENFORCED_BLOCK_AND_AUDIT_LOG";

fn rule(mode: &str, enforcement: &str, attestors: &[&str]) -> Value {
    let names: Vec<String> = attestors
        .iter()
        .map(|id| format!("projects/demo-mart/attestors/{id}"))
        .collect();
    json!({"evaluationMode": mode, "enforcementMode": enforcement, "requireAttestationsBy": names})
}

fn required(attestors: &[&str]) -> Value {
    rule("REQUIRE_ATTESTATION", ENFORCED, attestors)
}

fn allow() -> Value {
    rule("ALWAYS_ALLOW", ENFORCED, &[])
}

fn deny() -> Value {
    rule("ALWAYS_DENY", ENFORCED, &[])
}

fn policy(default: Value, further: Value) -> Policy {
    let mut fields = further;
    fields["defaultAdmissionRule"] = default;
    serde_json::from_value(fields).unwrap()
}

fn shown(live: &Policy, wanted: &Policy) -> String {
    let changes = differences(live, wanted, &ProjectNumbers::default());
    let lines = changes.iter().map(|change| {
        let mark = if change.weaker { "WEAKER " } else { "" };
        format!("{mark}{}: {}", change.place, change.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_server_sets_and_the_order_are_no_difference() {
    let live = policy(
        required(&["ci", "qa"]),
        json!({"etag": "\"1\"", "updateTime": "2026-02-03T04:05:06Z",
               "globalPolicyEvaluationMode": "DISABLE"}),
    );
    assert_eq!(
        shown(&live, &policy(required(&["qa", "ci"]), json!({}))),
        ""
    );
}

#[test]
fn every_way_to_weaken_a_rule_is_named() {
    let live = policy(required(&["ci", "qa"]), json!({}));
    insta::assert_snapshot!(shown(&live, &policy(required(&["ci"]), json!({}))), @"WEAKER defaultAdmissionRule: attestations by projects/demo-mart/attestors/qa are no longer required");
    insta::assert_snapshot!(shown(&live, &policy(required(&["ci", "new"]), json!({}))), @"
    defaultAdmissionRule: attestations by projects/demo-mart/attestors/new are required as well
    WEAKER defaultAdmissionRule: attestations by projects/demo-mart/attestors/qa are no longer required
    ");
    insta::assert_snapshot!(shown(&live, &policy(allow(), json!({}))), @"WEAKER defaultAdmissionRule: attestations by projects/demo-mart/attestors/ci and projects/demo-mart/attestors/qa are required → every image is allowed (ALWAYS_ALLOW)");
    let dry = rule(
        "REQUIRE_ATTESTATION",
        "DRYRUN_AUDIT_LOG_ONLY",
        &["ci", "qa"],
    );
    insta::assert_snapshot!(shown(&live, &policy(dry, json!({}))), @"WEAKER defaultAdmissionRule: dry run: violations are logged and deployed all the same");
    insta::assert_snapshot!(shown(&policy(deny(), json!({})), &live), @"WEAKER defaultAdmissionRule: every image is denied (ALWAYS_DENY) → attestations by projects/demo-mart/attestors/ci and projects/demo-mart/attestors/qa are required");
    insta::assert_snapshot!(shown(&live, &policy(deny(), json!({}))), @"defaultAdmissionRule: attestations by projects/demo-mart/attestors/ci and projects/demo-mart/attestors/qa are required → every image is denied (ALWAYS_DENY)");
}

#[test]
fn exemptions_and_the_system_policy_let_more_through() {
    let pattern = |text: &str| json!([{"namePattern": text}]);
    let live = policy(
        deny(),
        json!({"admissionWhitelistPatterns": pattern("eu.example.com/old/*")}),
    );
    let wanted = policy(
        deny(),
        json!({"admissionWhitelistPatterns": pattern("eu.example.com/new/**"),
               "globalPolicyEvaluationMode": "ENABLE", "description": "shop"}),
    );
    insta::assert_snapshot!(shown(&live, &wanted), @r#"
    description: the description becomes "shop"
    WEAKER globalPolicyEvaluationMode: images of the system policy are let through on GKE
    WEAKER admissionWhitelistPatterns: images like eu.example.com/new/** become exempt
    admissionWhitelistPatterns: images like eu.example.com/old/* are no longer exempt
    "#);
}

#[test]
fn a_scoped_rule_is_held_against_the_default_that_it_replaces() {
    for (field, key) in [
        ("clusterAdmissionRules", "europe-west1-b.prod"),
        ("kubernetesNamespaceAdmissionRules", "shop"),
        ("kubernetesServiceAccountAdmissionRules", "shop:web"),
        (
            "istioServiceIdentityAdmissionRules",
            "spiffe://demo-mart.svc.id.goog/ns/shop/sa/web",
        ),
    ] {
        let with = |scoped: Value, default: Value| policy(default, json!({field: {key: scoped}}));
        let without = policy(deny(), json!({}));
        let changes = |live: &Policy, wanted: &Policy| {
            let changes = differences(live, wanted, &ProjectNumbers::default());
            assert!(
                changes.iter().all(|c| c.place == format!("{field}.{key}")),
                "{changes:?}"
            );
            changes.iter().map(|c| c.weaker).collect::<Vec<_>>()
        };
        assert_eq!(changes(&without, &with(allow(), deny())), [true], "{field}");
        assert_eq!(changes(&with(allow(), deny()), &without), [false]);
        assert_eq!(
            changes(&with(deny(), allow()), &policy(allow(), json!({}))),
            [true]
        );
        assert_eq!(
            changes(&with(required(&["ci"]), deny()), &with(allow(), deny())),
            [true]
        );
        assert_eq!(changes(&with(deny(), deny()), &without), [false]);
    }
}

#[test]
fn a_project_goes_by_id_or_by_number() {
    let numbers = ProjectNumbers([("demo-mart".to_owned(), 123)].into());
    let live = policy(required(&["ci"]), json!({}));
    let mut wanted = live.clone();
    wanted.default_admission_rule.require_attestations_by =
        vec!["projects/123/attestors/ci".parse().unwrap()];
    assert_eq!(differences(&live, &wanted, &numbers), []);
    wanted.default_admission_rule.require_attestations_by =
        vec!["projects/124/attestors/ci".parse().unwrap()];
    assert_eq!(differences(&live, &wanted, &numbers).len(), 2);
}

fn any_rule() -> impl Strategy<Value = Value> {
    let attestors = proptest::sample::subsequence(vec!["ci", "qa", "sec"], 1..=3);
    let enforcement = prop_oneof![Just(ENFORCED), Just("DRYRUN_AUDIT_LOG_ONLY")];
    (0..3, attestors, enforcement).prop_map(|(mode, attestors, enforcement)| match mode {
        0 => rule("ALWAYS_ALLOW", enforcement, &[]),
        1 => rule("ALWAYS_DENY", enforcement, &[]),
        _ => rule("REQUIRE_ATTESTATION", enforcement, &attestors),
    })
}

proptest! {
    #[test]
    fn there_are_changes_if_and_only_if_the_rules_are_others(a in any_rule(), b in any_rule()) {
        let (live, wanted) = (policy(a.clone(), json!({})), policy(b.clone(), json!({})));
        prop_assert_eq!(shown(&live, &wanted).is_empty(), live == wanted);
    }

    /// Nobody gets somewhere by steps none of which is said to weaken, without one of the ways back
    /// being said to: what is not weaker in either direction is the same.
    #[test]
    fn two_rules_of_which_neither_is_weaker_are_the_same(a in any_rule(), b in any_rule()) {
        let (one, other) = (policy(a, json!({})), policy(b, json!({})));
        let weaker = |live: &Policy, wanted: &Policy| shown(live, wanted).contains("WEAKER");
        if !weaker(&one, &other) && !weaker(&other, &one) {
            prop_assert_eq!(one, other);
        }
    }
}
