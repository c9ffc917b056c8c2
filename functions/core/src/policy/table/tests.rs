use super::*;

/// Synthetic: a strict default, exempt system images, one cluster that asks for attestations.
const TABLE: &str = "
policy:
  name: projects/my-project/policy
  globalPolicyEvaluationMode: ENABLE
  admissionWhitelistPatterns:
    - namePattern: quay.io/example-monitor/*
    - namePattern: gke.gcr.io/*
  clusterAdmissionRules:
    us-central1.my-cluster:
      evaluationMode: REQUIRE_ATTESTATION
      enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG
      requireAttestationsBy: [projects/my-project/attestors/build-attestor]
  defaultAdmissionRule:
    evaluationMode: ALWAYS_DENY
    enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG
attestors: attestors.yaml
cases:
  - name: an unsigned public image stays out of the cluster
    image: nginx:latest
    target: gke:us-central1.my-cluster/default
    expect: DENY
    rule: clusterAdmissionRules.us-central1.my-cluster
  - name: the signed digest goes in
    image: us-docker.pkg.dev/my-project/repo/app@sha256:4fb7a2dfb0e4f0f7d9e3b0f9f7cfa3e6d7b1ed0b9a1a4a1d2f35a2e4a1c0b9d8
    target: gke:us-central1.my-cluster/default
    attestedBy: [projects/my-project/attestors/build-attestor]
    expect: CONFORMANT
  - name: it asks for an attestation
    image: us-docker.pkg.dev/my-project/repo/app:v1
    target: gke:us-central1.my-cluster/default
    expect: REQUIRE_ATTESTATION
  - name: nothing runs on Cloud Run
    image: us-docker.pkg.dev/my-project/repo/app:v1
    expect: NON_CONFORMANT
    rule: defaultAdmissionRule
  - name: the monitor is exempt everywhere
    image: quay.io/example-monitor/agent:1
    expect: ALLOW
    rule: admissionWhitelistPatterns[0]
";

fn results(text: &str) -> Vec<CaseResult> {
    let table = Table::parse(text).unwrap();
    let FileOr::Inline(policy) = &table.policy else {
        panic!("the policy is inline")
    };
    table
        .cases
        .iter()
        .map(|case| case.run(policy, None))
        .collect()
}

#[test]
fn a_strict_policy_does_what_its_table_says() {
    let failed: Vec<_> = results(TABLE)
        .into_iter()
        .filter(|result| !result.passed)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn a_wrong_expectation_and_a_wrong_rule_fail() {
    let wrong_verdict = results(&TABLE.replace("expect: NON_CONFORMANT", "expect: CONFORMANT"));
    assert_eq!(
        wrong_verdict.iter().filter(|result| !result.passed).count(),
        1
    );
    let wrong_rule = results(&TABLE.replace("Patterns[0]", "Patterns[1]"));
    assert_eq!(wrong_rule.iter().filter(|result| !result.passed).count(), 1);
    let unsigned = results(&TABLE.replace(
        "    attestedBy: [projects/my-project/attestors/build-attestor]\n",
        "",
    ));
    assert_eq!(unsigned[1].verdict, Verdict::NonConformant);
    assert_eq!(
        unsigned[1].reasons[0].attestor.as_deref(),
        Some("projects/my-project/attestors/build-attestor")
    );
}

#[test]
fn a_dry_run_lets_through_what_does_not_conform() {
    let dry = results(&TABLE.replace("ENFORCED_BLOCK_AND_AUDIT_LOG", "DRYRUN_AUDIT_LOG_ONLY"));
    assert_eq!(
        (dry[0].verdict, dry[0].allowed, dry[0].passed),
        (Verdict::NonConformant, true, false)
    );
}

#[test]
fn a_tag_pattern_matches_on_gke_and_not_on_cloud_run() {
    let image: ImageReference = "quay.io/example-monitor/agent:1".parse().unwrap();
    let gke = "gke:us-central1.my-cluster/default".parse().unwrap();
    assert_eq!(as_evaluated(&image, &gke), image);
    assert!(
        as_evaluated(&image, &Target::any_cloud_run())
            .digest()
            .is_some()
    );
}

#[test]
fn files_are_named_relative_to_the_table() {
    let table =
        Table::parse("policy: policy.yaml\nattestors: [a.yaml, b.json]\ncases: []\n").unwrap();
    assert!(matches!(&table.policy, FileOr::File(name) if name == "policy.yaml"));
    assert_eq!(table.attestors.len(), 2);
}

#[test]
fn mistakes_in_a_table_have_a_place() {
    let error = Table::parse(&TABLE.replace("expect: DENY", "expect: REFUSE")).unwrap_err();
    assert!(error.position().is_some_and(|at| at.line == 21), "{error}");
    let error =
        Table::parse(&TABLE.replace("image: nginx:latest", "image: https://nginx")).unwrap_err();
    assert!(error.to_string().contains("has a scheme"), "{error}");
}
