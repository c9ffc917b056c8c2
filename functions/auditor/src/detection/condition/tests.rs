use postern_host::config::TrustSet;
use serde_json::json;

use super::*;
use crate::testing::{entry, patched, read};

fn condition(yaml: &str) -> Result<Condition, ConditionError> {
    let raw: RawCondition = serde_saphyr::from_str(yaml).unwrap();
    Ok(compile_all(vec![raw])?.remove(0))
}

fn holds(yaml: &str) -> bool {
    let base = entry("gke-break-glass");
    let event = read(&patched(
        &base,
        &[
            ("/protoPayload/request/list", json!([["a"], [{"b": "C"}]])),
            ("/protoPayload/request/none", json!([])),
            ("/protoPayload/request/hollow", json!([{}, null, ""])),
            ("/protoPayload/request/blank", json!(" ")),
            ("/protoPayload/request/braces", json!("{}")),
        ],
    ));
    let trust = Trust::from(&TrustSet {
        operators: vec!["night-*@example.com".to_owned()],
        ..TrustSet::default()
    });
    let subject = Lazily::of(&event);
    let scene = Scene {
        event: &event,
        subject: &subject,
        trust: &trust,
    };
    condition(yaml).unwrap().holds(scene)
}

#[rstest::rstest]
#[case("{field: principal, equals: night-duty@example.com}", true)]
#[case("{field: principal, equals: [x, night-duty@example.com]}", true)]
#[case("{field: [via, principal], startsWith: night}", true)]
#[case("{field: principal, startsWith: duty}", false)]
#[case("{field: principal, endsWith: [.org, .com]}", true)]
#[case("{field: principal, contains: NIGHT-duty}", true)]
#[case("{field: principal, matches: '^night-[a-z]+@'}", true)]
#[case("{field: principal, matches: '^duty'}", false)]
#[case("{field: principal, in: operators}", true)]
#[case("{field: principal, in: ci}", false)]
#[case("{configured: operators}", true)]
#[case("{configured: ci}", false)]
#[case("{not: {configured: ci}}", true)]
#[case("{field: request.list, equals: a}", true)]
#[case("{field: request.list.b, equals: C}", true)]
#[case("{field: request.none, present: false}", true)]
#[case("{field: request.hollow, present: false}", true)]
#[case("{field: request.blank, present: true}", true)]
#[case("{field: request.braces, present: true}", true)]
#[case("{field: request.hollow, equals: '{}'}", true)]
#[case("{field: request.absent, present: true}", false)]
#[case("{field: outcome, equals: success}", true)]
#[case("{field: statusCode, equals: '0'}", true)]
#[case("{field: service, equals: k8s.io}", true)]
#[case("{field: project, equals: acme-shop}", true)]
#[case("{field: ip, startsWith: 203.0.113.}", true)]
#[case("{field: readOnly, present: true}", false)]
#[case("{all: [{configured: operators}, {configured: ci}]}", false)]
#[case("{any: [{configured: operators}, {configured: ci}]}", true)]
fn every_test_tests(#[case] yaml: &str, #[case] expected: bool) {
    assert_eq!(holds(yaml), expected, "{yaml}");
}

#[rstest::rstest]
#[case("{field: method}", ConditionError::Form)]
#[case("{field: method, equals: a, present: true}", ConditionError::Form)]
#[case("{equals: a}", ConditionError::Form)]
#[case("{configured: ci, field: method, equals: a}", ConditionError::Form)]
#[case(
    "{all: [{configured: ci}], any: [{configured: ci}]}",
    ConditionError::Form
)]
#[case("{all: []}", ConditionError::Empty)]
#[case("{field: method, equals: []}", ConditionError::Empty)]
#[case("{field: [], equals: a}", ConditionError::Empty)]
#[case("{field: mehtod, equals: a}", ConditionError::Field("mehtod".to_owned()))]
fn what_is_no_condition_is_refused(#[case] yaml: &str, #[case] error: ConditionError) {
    assert_eq!(condition(yaml).unwrap_err(), error);
}

#[test]
fn what_is_no_expression_is_refused() {
    let error = condition("{field: method, matches: '(a'}").unwrap_err();
    assert!(
        matches!(error, ConditionError::Expression { .. }),
        "{error}"
    );
    let error = condition("{field: method, matches: '(a{1000}){1000}'}").unwrap_err();
    assert!(
        matches!(error, ConditionError::Expression { .. }),
        "{error}"
    );
}

#[test]
fn an_unknown_list_of_the_trust_set_is_refused() {
    assert!(serde_saphyr::from_str::<RawCondition>("{field: method, in: kyes}").is_err());
}

#[rstest::rstest]
#[case("{field: principal, in: ci}", false)]
#[case("{not: {field: principal, in: ci}}", true)]
#[case("{any: [{configured: ci}, {field: method, equals: a}]}", true)]
#[case("{all: [{configured: ci}, {field: method, equals: a}]}", false)]
#[case(
    "{any: [{field: principal, in: ci}, {field: principal, in: gate}]}",
    false
)]
#[case("{not: {not: {configured: ci}}}", false)]
fn what_needs_a_list_is_impossible_without_it(#[case] yaml: &str, #[case] possible: bool) {
    let condition = condition(yaml).unwrap();
    assert_eq!(condition.possible(&Trust::default()), possible);
    let ci = Trust::from(&TrustSet {
        ci: vec!["x".to_owned()],
        ..TrustSet::default()
    });
    assert!(condition.possible(&ci));
}

#[rstest::rstest]
#[case("{field: keyName, present: true}", true)]
#[case("{field: keyName, present: false}", false)]
#[case("{field: [keyName, method], present: true}", false)]
#[case(
    "{all: [{field: method, equals: a}, {field: keyName, equals: b}]}",
    true
)]
#[case(
    "{any: [{field: method, equals: a}, {field: keyName, equals: b}]}",
    false
)]
#[case("{not: {field: keyName, equals: b}}", false)]
fn what_needs_a_key_says_so(#[case] yaml: &str, #[case] expected: bool) {
    assert_eq!(condition(yaml).unwrap().needs_key(), expected);
}

#[test]
fn conditions_read_like_sentences() {
    let words = |yaml| condition(yaml).unwrap().to_string();
    insta::assert_snapshot!(
        words("{all: [{not: {configured: ci}}, {any: [{field: [resource, request.a], in: keys}, {field: method, matches: x}]}]}"),
        @"no `ci` are configured and (resource or request.a is one of your `keys` or method matches /x/)"
    );
}
