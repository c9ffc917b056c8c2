use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// Synthetic, in the form of an export.
const POLICY: &str = r#"admissionWhitelistPatterns:
- namePattern: us-docker.pkg.dev/demo-project/trusted/**
clusterAdmissionRules:
  us-central1-a.dev:
    enforcementMode: DRYRUN_AUDIT_LOG_ONLY
    evaluationMode: ALWAYS_ALLOW
defaultAdmissionRule:
  enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG
  evaluationMode: REQUIRE_ATTESTATION
  requireAttestationsBy:
  - projects/demo-project/attestors/built-by-ci
etag: '"AbCd/EfGhIj1"'
globalPolicyEvaluationMode: ENABLE
name: projects/demo-project/policy
updateTime: '2026-01-02T03:04:05.678901Z'
"#;

/// Synthetic.
const ATTESTOR: &str = r#"{"name": "projects/demo-project/attestors/a",
  "userOwnedGrafeasNote": {"noteReference": "projects/demo-project/notes/a"}}"#;

fn complaint(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

fn names(text: &str) -> Vec<String> {
    let attestors = parse_attestors(text).unwrap();
    attestors
        .iter()
        .map(|attestor| attestor.name.to_string())
        .collect()
}

#[test]
fn an_export_is_read_in_both_forms() {
    let policy = Policy::parse(POLICY).unwrap();
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(Policy::parse(&json).unwrap(), policy);
    assert_eq!(policy.cluster_admission_rules.len(), 1);
    assert_eq!(policy.etag.as_deref(), Some("\"AbCd/EfGhIj1\""));
}

#[test]
fn complaints_have_a_place_and_a_fix() {
    let cases = [
        POLICY.replace(
            "evaluationMode: ALWAYS_ALLOW",
            "evalutionMode: ALWAYS_ALLOW",
        ),
        POLICY.replace("ALWAYS_ALLOW", "ALLOW_ALL"),
        POLICY.replace("globalPolicyEvaluationMode", "surprise"),
        POLICY.replace("REQUIRE_ATTESTATION", "ALWAYS_DENY"),
        POLICY.replace(
            "\n  requireAttestationsBy:\n  - projects/demo-project/attestors/built-by-ci",
            "",
        ),
        POLICY.replace("projects/demo-project/attestors/built-by-ci", "built-by-ci"),
        POLICY.replace(
            "  us-central1-a.dev:",
            "  us-central1-a.dev: {evaluationMode: ALWAYS_ALLOW, enforcementMode: \
             DRYRUN_AUDIT_LOG_ONLY}\n  us-central1-a.dev:",
        ),
        POLICY.replace("'2026-01-02T03:04:05.678901Z'", "yesterday"),
        "defaultAdmissionRule: [".to_owned(),
        "name: projects/p/policy\n".to_owned(),
        "# nothing\n---\n".to_owned(),
        format!("{POLICY}---\n{POLICY}"),
    ];
    let complaints: Vec<String> = cases.iter().map(|text| complaint(text)).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    line 6, column 5: unknown field `evalutionMode`; did you mean `evaluationMode`?
    line 6, column 21: unknown variant `ALLOW_ALL`; write one of `ALWAYS_ALLOW`, `REQUIRE_ATTESTATION`, `ALWAYS_DENY`
    line 13, column 1: unknown field `surprise`; write one of `name`, `description`, `globalPolicyEvaluationMode`, `admissionWhitelistPatterns`, `clusterAdmissionRules`, `kubernetesNamespaceAdmissionRules`, `kubernetesServiceAccountAdmissionRules`, `istioServiceIdentityAdmissionRules`, `defaultAdmissionRule`, `etag`, `updateTime`
    line 8, column 3: requireAttestationsBy has no effect with ALWAYS_DENY: write evaluationMode: REQUIRE_ATTESTATION, or remove the list
    line 8, column 3: REQUIRE_ATTESTATION without attestors: list them in requireAttestationsBy
    line 11, column 5: "built-by-ci" is not of the form projects/PROJECT/attestors/ID
    line 5, column 3: the key "us-central1-a.dev" is there twice
    line 15, column 13: failed to parse four digit integer as year: invalid digit, expected 0-9 but got y
    line 1, column 23: expected mapping start
    line 1, column 1: missing field `defaultAdmissionRule`
    the file is empty; `gcloud container binauthz policy export` writes a policy
    line 17, column 1: a second document; one is expected
    "#);
}

#[test]
fn complaints_about_json_have_a_place_too() {
    let rule = r#"{"evaluationMode": "ALWAYS_DENY", "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY"}"#;
    let cases = [
        format!("{{\"defaultAdmissionRules\": {rule}}}"),
        format!("{{\"defaultAdmissionRule\": {rule},\n}}"),
        format!(
            "{{\"defaultAdmissionRule\": {rule},\n\"clusterAdmissionRules\": {{\"a-b1.c\": {rule},\n\
             \"a-b1.c\": {rule}}}}}"
        ),
    ];
    let complaints: Vec<String> = cases.iter().map(|text| complaint(text)).collect();
    insta::assert_snapshot!(complaints.join("\n"), @r#"
    line 1, column 24: unknown field `defaultAdmissionRules`; did you mean `defaultAdmissionRule`?
    line 2, column 1: trailing comma
    line 3, column 8: the key "a-b1.c" is there twice
    "#);
}

#[test]
fn attestors_come_in_many_shapes() {
    let yaml = "name: projects/demo-project/attestors/b\nuserOwnedGrafeasNote:\n  noteReference: \
                projects/demo-project/notes/b\n";
    let a = "projects/demo-project/attestors/a";
    let b = "projects/demo-project/attestors/b";
    assert_eq!(names(ATTESTOR), [a]);
    assert_eq!(names(&format!("[{ATTESTOR}]")), [a]);
    assert_eq!(
        names(&format!(
            r#"{{"attestors": [{ATTESTOR}], "nextPageToken": ""}}"#
        )),
        [a]
    );
    assert_eq!(names(yaml), [b]);
    assert_eq!(
        names(&format!("---\n{yaml}---\n{}", yaml.replace("/b", "/a"))),
        [b, a]
    );
    assert_eq!(
        names(&format!("- {}", yaml.trim().replace('\n', "\n  "))),
        [b]
    );
    assert_eq!(names("attestors: []\n"), [""; 0]);
}

#[rstest]
#[case("{}", "missing field `name`")]
#[case(
    r#"{"name": "projects/p/attestors/a"}"#,
    "missing field `userOwnedGrafeasNote`"
)]
#[case(r#"{"attestors": [], "nextPageToken": "x"}"#, "one page of several")]
#[case(r#"{"attestors": [], "name": "projects/p/attestors/a"}"#, "not both")]
#[case("- 1", "")]
#[case("", "empty")]
fn attestors_are_refused(#[case] text: &str, #[case] because: &str) {
    let error = parse_attestors(text).unwrap_err().to_string();
    assert!(error.contains(because), "{error}");
}

#[test]
fn input_is_bounded() {
    let large = format!("{POLICY}#{}", "x".repeat(MAX_BYTES));
    assert!(matches!(
        Policy::parse(&large),
        Err(PolicyError::TooLarge(_))
    ));
    assert!(Policy::parse(&"[".repeat(100_000)).is_err());
    assert!(Policy::parse(&format!("a: {}", "[".repeat(100_000))).is_err());
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "description: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let previous = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("x{level}: &a{level} [{previous}]\n"));
    }
    assert!(Policy::parse(&text).is_err());
    let listed = text.replace("description", "attestors");
    assert!(parse_attestors(&listed).is_err());
}

#[test]
fn long_texts_are_shortened_before_they_are_quoted() {
    let error = complaint(&POLICY.replace("ALWAYS_ALLOW", &"A".repeat(5_000)));
    assert!(error.len() < 600, "{}", error.len());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}", lines in "([a-z: \\-\\[\\]{}&*'\"#]{0,12}\n){0,8}") {
        for text in [text, lines] {
            let _ = Policy::parse(&text);
            let _ = parse_attestors(&text);
        }
    }
}
