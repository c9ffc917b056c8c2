use super::*;
use proptest::prelude::*;

/// Synthetic; every line but the last is wrong in some way.
const WRONG: &str = "name: demo
globalPolicyEvaluationMode: DISABLE
surprise: true
admissionWhitelistPattern: []
admissionWhitelistPatterns:
  - namePattern: gcr.io/project**
  - namePattern: '*'
  - namePattern: 'gcr.io/*/app'
  - namePattern: '*.gcr.io/app'
  - namePattern: https://gcr.io/p/app@*
  - namePattern: docker.io/**
  - namePattern: docker.io/library/*
  - namePattern: us-docker.pkg.dev/**
  - namePattern: gcr.io/p/app:v1
  - namePattern: gcr.io/p/app:v2.*
  - namePattern: gcr.io/p/app
  - namePattern: gcr.io/p/app
  - namePattern: gcr.io/P/app/**
  - namePattern: ''
  - namePattern: 'gcr.io/p/a b@*'
  - pattern: gcr.io/p/**
clusterAdmissionRules:
  prod: &rule {evaluationMode: ALWAYS_DENY, enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG}
  prod.us-central1-a: *rule
  my.cluster: *rule
  us-central1-a.prod: *rule
  us-central1-a.prod: *rule
kubernetesNamespaceAdmissionRules:
  Prod_*: *rule
kubernetesServiceAccountAdmissionRules:
  web@demo.iam.gserviceaccount.com: *rule
istioServiceIdentityAdmissionRules:
  spiffe://demo.svc.id.goog/prod/web: *rule
  cluster.local/ns/prod/sa/web: *rule
  spiffe://demo.svc.id.goog/ns/prod/sa/web:
    evaluationMode: REQUIRE_ATTESTATION
    enforcementMode: DRYRUN_AUDIT_LOG_ONLY
  spiffe://demo.svc.id.goog/ns/prod/sa/batch:
    evaluationMode: ALWAYS_DENY
    enforcementMode: BLOCK
    requireAttestationsBy: [built-by-ci]
  spiffe://demo.svc.id.goog/ns/prod/sa/list: []
defaultAdmissionRule:
  evaluationMode: ALWAYS_ALLOW
description: [a, list]
";

const GOOD: &str = "name: projects/demo/policy
globalPolicyEvaluationMode: ENABLE
admissionWhitelistPatterns:
  - namePattern: us-docker.pkg.dev/demo/trusted/**
  - namePattern: gcr.io/demo/app@*
clusterAdmissionRules:
  us-central1-a.prod:
    evaluationMode: REQUIRE_ATTESTATION
    enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG
    requireAttestationsBy:
      - projects/demo/attestors/built-by-ci
      - projects/demo/attestors/reviewed
defaultAdmissionRule:
  evaluationMode: ALWAYS_DENY
  enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG
";

/// Synthetic; the key material is no key.
const ATTESTORS: &str = "name: projects/demo/attestors/built-by-ci
userOwnedGrafeasNote:
  noteReference: projects/demo/notes/built-by-ci
  publicKeys:
    - id: ci
      pkixPublicKey:
        signatureAlgorithm: ECDSA_P256_SHA256
        publicKeyPem: |
          -----BEGIN PUBLIC KEY-----
          c3ludGhldGlj
          -----END PUBLIC KEY-----
---
name: projects/demo/attestors/reviewed
userOwnedGrafeasNote:
  noteReference: projects/demo/notes/reviewed
  publicKeys:
    - id: review
      pkixPublicKey:
        signatureAlgorithm: ECDSA_P256_SHA256
        publicKeyPem: |
          -----BEGIN PUBLIC KEY-----
          b3RoZXI=
          -----END PUBLIC KEY-----
";

fn found(policy: &str, attestors: &[&str]) -> String {
    let lines: Vec<String> = lint(policy, attestors)
        .iter()
        .map(ToString::to_string)
        .collect();
    lines.join("\n")
}

#[test]
fn every_mistake_has_a_line_and_a_fix() {
    insta::assert_snapshot!(found(WRONG, &[]), @r#"
    1:7: error[policy-name]: "demo" is no policy's name
      fix: write projects/PROJECT/policy
    2:29: warning[system-policy-off]: scoped rules are for GKE, and without the system policy they also judge the images that GKE itself runs
      fix: write globalPolicyEvaluationMode: ENABLE, or exempt the system images yourself
    3:1: error[unknown-field]: a policy has no field "surprise"
      fix: write one of `name`, `description`, `globalPolicyEvaluationMode`, `admissionWhitelistPatterns`, `clusterAdmissionRules`, `kubernetesNamespaceAdmissionRules`, `kubernetesServiceAccountAdmissionRules`, `istioServiceIdentityAdmissionRules`, `defaultAdmissionRule`, `etag`, `updateTime`
    4:1: error[unknown-field]: a policy has no field "admissionWhitelistPattern"
      fix: did you mean `admissionWhitelistPatterns`?
    6:18: warning[pattern-open-prefix]: gcr.io/project** also matches gcr.io/project-exploit/x, which may be a stranger's
      fix: write gcr.io/project/**
    7:18: error[pattern-invalid]: "*" has a wildcard in the registry; wildcards may stand only after REGISTRY/; it matches nothing
      fix: name the registry, such as us-docker.pkg.dev/PROJECT/REPOSITORY/**
    8:18: error[pattern-invalid]: "gcr.io/*/app" has a wildcard before its end; only a final * or ** is one; it matches nothing
      fix: write gcr.io/**, or a pattern for each image
    9:18: error[pattern-invalid]: "*.gcr.io/app" has a wildcard in the registry; wildcards may stand only after REGISTRY/; it matches nothing
      fix: name the registry, such as us-docker.pkg.dev/PROJECT/REPOSITORY/**
    10:18: error[pattern-invalid]: "https://gcr.io/p/app@*" has a scheme; image names have none; it matches nothing
      fix: write gcr.io/p/app@*
    11:18: warning[pattern-whole-registry]: docker.io/** exempts every publisher's images on docker.io, whatever is pushed there
      fix: name what you need, such as docker.io/ORGANISATION/IMAGE@*
    12:18: warning[pattern-whole-registry]: docker.io/library/* exempts every official image of docker.io, whatever is pushed there
      fix: name what you need, such as docker.io/ORGANISATION/IMAGE@*
    13:18: warning[pattern-whole-registry]: us-docker.pkg.dev/** exempts every publisher's images on us-docker.pkg.dev, whatever is pushed there
      fix: name what you need, such as us-docker.pkg.dev/ORGANISATION/IMAGE@*
    14:18: warning[pattern-needs-digest]: gcr.io/p/app:v1 never matches on Cloud Run, which resolves tags to digests before the policy is asked
      fix: write gcr.io/p/app@*
    15:18: warning[pattern-needs-digest]: gcr.io/p/app:v2.* never matches on Cloud Run, which resolves tags to digests before the policy is asked
      fix: write gcr.io/p/app@*
    16:18: warning[pattern-needs-digest]: gcr.io/p/app never matches on Cloud Run, which resolves tags to digests before the policy is asked
      fix: write gcr.io/p/app@*
    17:18: warning[pattern-needs-digest]: gcr.io/p/app never matches on Cloud Run, which resolves tags to digests before the policy is asked
      fix: write gcr.io/p/app@*
    17:18: warning[pattern-repeated]: gcr.io/p/app is also on line 16
      fix: remove one
    18:18: warning[pattern-never-matches]: gcr.io/P/app/** never matches: paths of images are lower-case
      fix: write gcr.io/p/app/**
    19:18: error[pattern-invalid]: the pattern is empty; it matches nothing
      fix: write HOST/PATH/** or remove the entry
    20:18: error[pattern-invalid]: "gcr.io/p/a b@*" has a space in it; it matches nothing
      fix: remove the space
    21:5: error[unknown-field]: an exempt pattern has no field "pattern"
      fix: write `namePattern`
    21:5: error[missing-field]: an exempt pattern needs the field namePattern
      fix: add namePattern
    23:3: error[cluster-key]: "prod" is not LOCATION.CLUSTER
      fix: write LOCATION.CLUSTER, such as us-central1-a.prod; `gcloud container clusters list` shows both
    24:3: warning[cluster-location]: "prod" looks like no zone and no region
      fix: write us-central1-a.prod
    25:3: warning[cluster-location]: "my" looks like no zone and no region
      fix: write LOCATION.CLUSTER, such as us-central1-a.prod
    27:3: error[duplicate-key]: the key "us-central1-a.prod" is also on line 26
      fix: keep one of them
    28:1: error[two-scoped-maps]: clusterAdmissionRules and kubernetesNamespaceAdmissionRules are both filled, and only one scoped map may be
      fix: keep one kind of scoped rule
    29:3: error[namespace-key]: "Prod_*" is no Kubernetes namespace
      fix: up to 63 lower-case letters, digits and `-`, such as prod; no wildcards
    30:1: error[two-scoped-maps]: clusterAdmissionRules and kubernetesServiceAccountAdmissionRules are both filled, and only one scoped map may be
      fix: keep one kind of scoped rule
    31:3: error[service-account-key]: "web@demo.iam.gserviceaccount.com" is not NAMESPACE:SERVICEACCOUNT
      fix: write the Kubernetes account, such as prod:web, not a Google e-mail address
    32:1: error[two-scoped-maps]: clusterAdmissionRules and istioServiceIdentityAdmissionRules are both filled, and only one scoped map may be
      fix: keep one kind of scoped rule
    33:3: error[istio-key]: "spiffe://demo.svc.id.goog/prod/web" is no Istio service identity
      fix: write spiffe://PROJECT.svc.id.goog/ns/NAMESPACE/sa/SERVICEACCOUNT
    34:3: warning[istio-domain]: "cluster.local" is no domain of a GKE cluster
      fix: on GKE the domain is PROJECT.svc.id.goog
    36:21: error[attestors-missing]: REQUIRE_ATTESTATION without attestors
      fix: list them: requireAttestationsBy: [projects/PROJECT/attestors/ID]
    37:22: warning[dry-run]: dry run: violations are logged and deployed all the same
      fix: write ENFORCED_BLOCK_AND_AUDIT_LOG once the log shows no violations
    40:22: error[unknown-value]: "BLOCK" is no value of this field
      fix: write one of `ENFORCED_BLOCK_AND_AUDIT_LOG`, `DRYRUN_AUDIT_LOG_ONLY`
    41:28: error[attestors-unused]: attestors are listed and ALWAYS_DENY does not ask for them
      fix: write evaluationMode: REQUIRE_ATTESTATION, or remove the list
    41:29: error[attestor-name]: "built-by-ci" is not of the form projects/PROJECT/attestors/ID
      fix: write projects/PROJECT/attestors/built-by-ci
    42:46: error[wrong-type]: an admission rule belongs here, and this is a list
      fix: write an admission rule; mind the indentation
    44:3: error[missing-field]: an admission rule needs the field enforcementMode
      fix: add enforcementMode
    44:19: warning[default-always-allow]: every image is allowed where no other rule holds, and always on Cloud Run
      fix: write ALWAYS_DENY, or REQUIRE_ATTESTATION with attestors
    45:14: error[wrong-type]: a text belongs here, and this is a list
      fix: write a text; mind the indentation
    "#);
}

#[test]
fn a_sound_policy_has_none() {
    assert_eq!(found(GOOD, &[]), "");
    assert_eq!(found(GOOD, &[ATTESTORS]), "");
    let json: serde_json::Value = serde_json::to_value(Policy::parse(GOOD).unwrap()).unwrap();
    assert_eq!(
        found(&serde_json::to_string_pretty(&json).unwrap(), &[ATTESTORS]),
        ""
    );
}

#[test]
fn attestors_are_compared_with_the_policy_and_with_each_other() {
    let shared = ATTESTORS.replace("b3RoZXI=", "c3ludGhl\n          dGlj");
    insta::assert_snapshot!(found(GOOD, &[&shared]), @"
    17:7: error[shared-key]: this key is also projects/demo/attestors/built-by-ci's: what is signed for one counts for the other
      fix: give each attestor a key of its own
    ");
    let same_id = ATTESTORS.replace("id: review", "id: ci");
    insta::assert_snapshot!(found(GOOD, &[&same_id]), @"
    17:7: error[shared-key]: this key is also projects/demo/attestors/built-by-ci's: what is signed for one counts for the other
      fix: give each attestor a key of its own
    ");
    let renamed = ATTESTORS.replace("attestors/reviewed", "attestors/other");
    insta::assert_snapshot!(found(GOOD, &[&renamed]), @"
    12:9: error[attestor-not-found]: there is no attestor projects/demo/attestors/reviewed
      fix: create it (`gcloud container binauthz attestors create`), or add it to the attestors file
    ");
    insta::assert_snapshot!(found(GOOD, &[ATTESTORS, ATTESTORS]), @"
    1:7: error[attestor-repeated]: projects/demo/attestors/built-by-ci is there twice
      fix: remove one
    13:7: error[attestor-repeated]: projects/demo/attestors/reviewed is there twice
      fix: remove one
    ");
}

#[test]
fn attestors_without_usable_keys_are_found() {
    let attestors = r#"{"attestors": [
      {"name": "projects/demo/attestors/built-by-ci",
       "userOwnedGrafeasNote": {"noteReference": "projects/demo/notes/n"}},
      {"name": "projects/demo/attestors/reviewed",
       "userOwnedGrafeasNote": {"noteReference": "projects/demo/notes/m", "publicKeys": [
         {"id": "empty"},
         {"id": "a", "pkixPublicKey": {"keyId": "b", "publicKeyPem": "x", "signatureAlgorithm": "ECDSA_P256_SHA256"}},
         {"asciiArmoredPgpPublicKey": "y", "pkixPublicKey": {"publicKeyPem": "z", "signatureAlgorithm": "ECDSA_P256_SHA256"}}
       ]}}]}"#;
    insta::assert_snapshot!(found(GOOD, &[attestors]), @r#"
    3:32: error[attestor-without-keys]: projects/demo/attestors/built-by-ci has no keys, so nothing can satisfy it
      fix: add one: gcloud container binauthz attestors public-keys add --attestor=projects/demo/attestors/built-by-ci …
    6:10: error[attestor-key]: the key is empty
      fix: give each entry one pkixPublicKey or one asciiArmoredPgpPublicKey, and one id
    7:10: error[attestor-key]: keyId "b" is not id "a"
      fix: give each entry one pkixPublicKey or one asciiArmoredPgpPublicKey, and one id
    8:10: error[attestor-key]: one entry holds two keys
      fix: give each entry one pkixPublicKey or one asciiArmoredPgpPublicKey, and one id
    "#);
}

#[test]
fn what_cannot_be_read_is_one_finding() {
    for text in ["", "a: [", "{\"a\": 1,}", "- 1", "a: b\n---\nc: d\n"] {
        let findings = lint(text, &[]);
        assert!(findings.iter().any(LintFinding::is_error), "{text:?}");
    }
    insta::assert_snapshot!(found("{\"name\": \"projects/p/policy\",\n}", &[]), @"
    2:1: error[syntax]: key must be a string
      fix: correct this place and run the check again
    ");
    insta::assert_snapshot!(found(GOOD, &["name: x"]), @r#"
    1:7: error[malformed]: "x" is not of the form projects/PROJECT/attestors/ID
      fix: correct this place and run the check again
    "#);
    let odd_time = format!("{GOOD}updateTime: yesterday\n");
    insta::assert_snapshot!(found(&odd_time, &[]), @"
    16:13: error[malformed]: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y
      fix: correct this place and run the check again
    ");
}

#[test]
fn an_article_style_policy_is_accepted() {
    let text = GOOD
        .replace("us-docker.pkg.dev/demo/trusted/**", "k8s.gcr.io/*")
        .replace("gcr.io/demo/app@*", "gcr.io/google-containers/*");
    assert_eq!(found(&text, &[]), "");
}

proptest! {
    #[test]
    fn any_text_is_judged_and_what_is_refused_is_an_error(
        text in "\\PC{0,100}",
        lines in "([a-zA-Z: \\-\\[\\]{}&*'\"#]{0,14}\n){0,8}",
    ) {
        for text in [text, lines] {
            let findings = lint(&text, &[&text]);
            if Policy::parse(&text).is_err() {
                prop_assert!(findings.iter().any(|f| f.is_error() && f.source == Source::Policy));
            }
        }
    }
}
