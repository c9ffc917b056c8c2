use super::*;
use crate::policy::explain;
use proptest::prelude::*;
use rstest::rstest;

/// Synthetic. Google lets only one scoped map be filled; the order among them is ours to keep.
const POLICY: &str = "
name: projects/demo/policy
globalPolicyEvaluationMode: ENABLE
admissionWhitelistPatterns:
  - namePattern: 'gcr.io/*/broken'
  - namePattern: gcr.io/demo/exempt/**
istioServiceIdentityAdmissionRules:
  spiffe://demo.svc.id.goog/ns/prod/sa/web: &deny
    {evaluationMode: ALWAYS_DENY, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}
  demo.svc.id.goog/ns/prod/sa/bare: *deny
kubernetesServiceAccountAdmissionRules:
  prod:web: *deny
  prod:batch: *deny
  test:default: *deny
kubernetesNamespaceAdmissionRules:
  prod: *deny
clusterAdmissionRules:
  us-central1-a.main: *deny
defaultAdmissionRule:
  evaluationMode: REQUIRE_ATTESTATION
  enforcementMode: DRYRUN_AUDIT_LOG_ONLY
  requireAttestationsBy:
    - projects/demo/attestors/a
    - projects/demo/attestors/b
    - projects/demo/attestors/a
";

const SYSTEM: &str = "
admissionWhitelistPatterns: [{namePattern: gke.gcr.io/**}]
defaultAdmissionRule: {evaluationMode: ALWAYS_ALLOW, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}
";

fn policy() -> Policy {
    Policy::parse(POLICY).unwrap()
}

fn routed(policy: &Policy, target: &str, image: &str) -> String {
    let system = Policy::parse(SYSTEM).unwrap();
    let (target, image) = (target.parse().unwrap(), image.parse().unwrap());
    route(policy, Some(&system), &target, &image)
        .place
        .to_string()
}

#[rstest]
#[case(
    "gke:us-central1-a.main/prod:web@demo",
    "gke.gcr.io/dns:1",
    "systemPolicy"
)]
#[case("cloud-run", "gke.gcr.io/dns:1", "defaultAdmissionRule")]
#[case(
    "gke:us-central1-a.main/prod:web@demo",
    "gcr.io/demo/exempt/x:1",
    "admissionWhitelistPatterns[1]"
)]
#[case("cloud-run", "gcr.io/demo/exempt/x:1", "admissionWhitelistPatterns[1]")]
#[case(
    "lambda:eu-west-1/f",
    "gcr.io/demo/exempt/x:1",
    "admissionWhitelistPatterns[1]"
)]
#[case(
    "gke:us-central1-a.main/prod:web@demo",
    "nginx",
    "istioServiceIdentityAdmissionRules.spiffe://demo.svc.id.goog/ns/prod/sa/web"
)]
#[case(
    "gke:us-central1-a.main/prod:bare@demo",
    "nginx",
    "istioServiceIdentityAdmissionRules.demo.svc.id.goog/ns/prod/sa/bare"
)]
// Without a project of its own, the target is taken to be in the policy's.
#[case(
    "gke:us-central1-a.main/prod:web",
    "nginx",
    "istioServiceIdentityAdmissionRules.spiffe://demo.svc.id.goog/ns/prod/sa/web"
)]
#[case(
    "gke:us-central1-a.main/prod:web@other",
    "nginx",
    "kubernetesServiceAccountAdmissionRules.prod:web"
)]
#[case(
    "gke:us-central1-a.main/prod:batch@demo",
    "nginx",
    "kubernetesServiceAccountAdmissionRules.prod:batch"
)]
#[case(
    "gke:us-central1-a.main/test@demo",
    "nginx",
    "kubernetesServiceAccountAdmissionRules.test:default"
)]
#[case(
    "gke:us-central1-a.main/prod:other@demo",
    "nginx",
    "kubernetesNamespaceAdmissionRules.prod"
)]
#[case(
    "gke:us-central1-a.main/dev:web@demo",
    "nginx",
    "clusterAdmissionRules.us-central1-a.main"
)]
#[case("gke:us-central1-b.main/dev:web@demo", "nginx", "defaultAdmissionRule")]
#[case("cloud-run:demo/us-central1/web", "nginx", "defaultAdmissionRule")]
#[case("cloud-run-job:demo/us-central1/job", "nginx", "defaultAdmissionRule")]
#[case("lambda:eu-west-1/f", "nginx", "defaultAdmissionRule")]
#[case("ecs:eu-west-1/main/orders", "nginx", "defaultAdmissionRule")]
fn the_order_of_evaluation(#[case] target: &str, #[case] image: &str, #[case] place: &str) {
    assert_eq!(routed(&policy(), target, image), place);
}

#[rstest]
#[case(None)]
#[case(Some(GlobalPolicyEvaluationMode::Disable))]
#[case(Some(GlobalPolicyEvaluationMode::GlobalPolicyEvaluationModeUnspecified))]
fn the_system_policy_is_consulted_only_when_switched_on(
    #[case] mode: Option<GlobalPolicyEvaluationMode>,
) {
    let policy = Policy {
        global_policy_evaluation_mode: mode,
        ..policy()
    };
    let place = routed(&policy, "gke:us-central1-b.main/dev", "gke.gcr.io/dns:1");
    assert_eq!(place, "defaultAdmissionRule");
}

#[test]
fn an_attestor_named_twice_is_asked_once_and_the_rules_mode_counts() {
    let ruling = route(
        &policy(),
        None,
        &Target::any_cloud_run(),
        &"nginx".parse().unwrap(),
    );
    let names = ["a", "b"].map(|id| format!("projects/demo/attestors/{id}").parse().unwrap());
    assert_eq!(ruling.demand, Demand::RequireAttestation(names.to_vec()));
    assert_eq!(ruling.enforcement, EnforcementMode::DryRun);
}

#[test]
fn an_explanation_shows_the_way() {
    let explained = |target: &str, image: &str| {
        let system = Policy::parse(SYSTEM).unwrap();
        let (target, image) = (target.parse().unwrap(), image.parse().unwrap());
        explain(&policy(), Some(&system), &target, &image).to_string()
    };
    insta::assert_snapshot!(explained("gke:us-central1-a.main/dev:web@demo", "nginx:latest"), @r#"
    no match  systemPolicy                            none of its 1 patterns
    skipped   admissionWhitelistPatterns[0]           matches nothing: "gcr.io/*/broken" has a wildcard before its end; only a final * or ** is one
    no match  admissionWhitelistPatterns[1]           gcr.io/demo/exempt/**
    no match  istioServiceIdentityAdmissionRules      spiffe://demo.svc.id.goog/ns/dev/sa/web
    no match  istioServiceIdentityAdmissionRules      demo.svc.id.goog/ns/dev/sa/web
    no match  kubernetesServiceAccountAdmissionRules  dev:web
    no match  kubernetesNamespaceAdmissionRules       dev
    matched   clusterAdmissionRules                   us-central1-a.main
    => clusterAdmissionRules.us-central1-a.main: ALWAYS_DENY, enforced
    "#);
    insta::assert_snapshot!(explained("cloud-run", "nginx:latest"), @r#"
    skipped   systemPolicy                            it applies to GKE only
    skipped   admissionWhitelistPatterns[0]           matches nothing: "gcr.io/*/broken" has a wildcard before its end; only a final * or ** is one
    no match  admissionWhitelistPatterns[1]           gcr.io/demo/exempt/**
    skipped   istioServiceIdentityAdmissionRules      scoped rules apply to GKE only
    skipped   kubernetesServiceAccountAdmissionRules  scoped rules apply to GKE only
    skipped   kubernetesNamespaceAdmissionRules       scoped rules apply to GKE only
    skipped   clusterAdmissionRules                   scoped rules apply to GKE only
    matched   defaultAdmissionRule                    no other rule holds
    => defaultAdmissionRule: REQUIRE_ATTESTATION by projects/demo/attestors/a and projects/demo/attestors/b, dry run: only logged
    "#);
    insta::assert_snapshot!(explained("cloud-run", "gcr.io/demo/exempt/x"), @r#"
    skipped   systemPolicy                   it applies to GKE only
    skipped   admissionWhitelistPatterns[0]  matches nothing: "gcr.io/*/broken" has a wildcard before its end; only a final * or ** is one
    matched   admissionWhitelistPatterns[1]  gcr.io/demo/exempt/**
    => admissionWhitelistPatterns[1]: exempt by gcr.io/demo/exempt/**
    "#);
    insta::assert_snapshot!(explained("gke:us-central1-a.main/dev", "gke.gcr.io/dns"), @"
    matched   systemPolicy  gke.gcr.io/**
    => systemPolicy: exempt by gke.gcr.io/**
    ");
}

#[test]
fn an_explanation_is_data_too() {
    let image = "gcr.io/demo/exempt/x".parse().unwrap();
    let explanation = explain(&policy(), None, &Target::any_cloud_run(), &image);
    insta::assert_json_snapshot!(explanation, @r#"
    {
      "steps": [
        {
          "place": "systemPolicy",
          "outcome": "SKIPPED",
          "note": "it applies to GKE only"
        },
        {
          "place": "admissionWhitelistPatterns[0]",
          "outcome": "SKIPPED",
          "note": "matches nothing: \"gcr.io/*/broken\" has a wildcard before its end; only a final * or ** is one"
        },
        {
          "place": "admissionWhitelistPatterns[1]",
          "outcome": "MATCHED",
          "note": "gcr.io/demo/exempt/**"
        }
      ],
      "ruling": {
        "place": "admissionWhitelistPatterns[1]",
        "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "demand": {
          "ALLOWLISTED": "gcr.io/demo/exempt/**"
        }
      }
    }
    "#);
}

fn a_policy() -> impl Strategy<Value = Policy> {
    let mode = prop::sample::select(vec!["ALWAYS_ALLOW", "ALWAYS_DENY"]);
    let key = "[a-z0-9.:/-]{1,12}";
    let maps = prop::collection::vec(prop::collection::btree_map(key, mode.clone(), 0..3), 4);
    let patterns = prop::collection::vec("[a-z./*:@]{0,12}", 0..4);
    (maps, patterns, mode, any::<bool>()).prop_map(|(maps, patterns, default, on)| {
        let rule = |mode: &str| {
            serde_json::json!({"evaluationMode": mode,
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG"})
        };
        let map = |index: usize| -> serde_json::Value {
            maps[index]
                .iter()
                .map(|(key, mode)| (key.clone(), rule(mode)))
                .collect()
        };
        let patterns: Vec<_> = patterns
            .iter()
            .map(|p| serde_json::json!({"namePattern": p}))
            .collect();
        serde_json::from_value(serde_json::json!({
            "globalPolicyEvaluationMode": if on { "ENABLE" } else { "DISABLE" },
            "admissionWhitelistPatterns": patterns,
            "clusterAdmissionRules": map(0),
            "kubernetesNamespaceAdmissionRules": map(1),
            "kubernetesServiceAccountAdmissionRules": map(2),
            "istioServiceIdentityAdmissionRules": map(3),
            "defaultAdmissionRule": rule(default),
        }))
        .unwrap()
    })
}

proptest! {
    /// Every image gets a rule, the place names one that is there, and off GKE it is a pattern or
    /// the default.
    #[test]
    fn there_is_always_one_rule(
        policy in a_policy(),
        target in prop::sample::select(vec!["cloud-run", "lambda:r/f", "ecs:r/c/s", "gke:a.b/c:d@p"]),
        image in "[a-z]{1,3}(\\.[a-z]{2})?/[a-z]{1,5}(:[a-z]{1,3})?",
    ) {
        let (target, image): (Target, ImageReference) =
            (target.parse().unwrap(), image.parse().unwrap());
        let ruling = route(&policy, None, &target, &image);
        let explanation = explain(&policy, None, &target, &image);
        prop_assert_eq!(&explanation.ruling, &ruling);
        prop_assert!(matches!(
            explanation.steps.last().map(|step| step.outcome),
            Some(crate::policy::StepOutcome::Matched)
        ));
        match &ruling.place {
            Place::Pattern(index) => prop_assert!(*index < policy.admission_whitelist_patterns.len()),
            Place::Scoped(scope, key) => {
                prop_assert!(target.is_gke());
                prop_assert!(policy.scoped_rules(*scope).contains_key(key));
            }
            Place::SystemPolicy => prop_assert!(false, "no system policy was given"),
            Place::Default => {}
        }
    }
}
