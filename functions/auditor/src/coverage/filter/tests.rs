use rstest::rstest;
use serde_json::json;

use super::*;

/// Synthetic.
fn entry() -> Value {
    json!({
        "insertId": "s-1",
        "logName": "projects/demo-mart/logs/cloudaudit.googleapis.com%2Factivity",
        "severity": "NOTICE",
        "resource": {"type": "cloud_run_revision", "labels": {"project_id": "demo-mart", "service_name": "web"}},
        "labels": {"imagepolicywebhook.image-policy.k8s.io/dry-run": "true"},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "run.googleapis.com",
            "methodName": "google.cloud.run.v2.Services.UpdateService",
            "authenticationInfo": {"principalEmail": "dev@example.com"},
            "response": {"status": {"conditions": [{"reason": "Other"}, {"reason": "ContainerImageUnauthorized"}]}},
        },
    })
}

fn passes(filter: &str) -> &'static str {
    match Filter::parse(filter).unwrap().passes(&entry()) {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Unknown(_) => "unknown",
    }
}

#[rstest]
#[case("", "yes")]
#[case("resource.type=\"cloud_run_revision\"", "yes")]
#[case("resource.type = CLOUD_RUN_revision", "yes")]
#[case("resource.type=\"k8s_cluster\"", "no")]
#[case("resource.type!=\"k8s_cluster\"", "yes")]
#[case("logName:\"cloudaudit.googleapis.com%2Factivity\"", "yes")]
#[case("log_id(\"cloudaudit.googleapis.com/activity\")", "yes")]
#[case("log_id(\"cloudaudit.googleapis.com/data_access\")", "no")]
#[case("protoPayload.methodName=~\"Services\\.(Create|Update)\"", "yes")]
#[case("protoPayload.methodName!~\"Services\\.\"", "no")]
#[case(
    "protoPayload.methodName:(\"CreateService\" OR \"UpdateService\")",
    "yes"
)]
#[case("protoPayload.methodName:(\"Services\" AND \"Jobs\")", "no")]
#[case(
    "protoPayload.\"@type\"=\"type.googleapis.com/google.cloud.audit.AuditLog\"",
    "yes"
)]
#[case("protoPayload.@type:AuditLog", "yes")]
#[case(
    "labels.\"imagepolicywebhook.image-policy.k8s.io/dry-run\"=\"true\"",
    "yes"
)]
#[case(
    "protoPayload.response.status.conditions.reason=\"ContainerImageUnauthorized\"",
    "yes"
)]
#[case("severity>=INFO", "yes")]
#[case("severity>NOTICE", "no")]
#[case("\"dry-run\"", "yes")]
#[case("breakglass", "no")]
#[case("-breakglass", "yes")]
#[case("NOT resource.type:cloud", "no")]
#[case("resource.type:cloud -- a comment\nseverity=NOTICE", "yes")]
#[case("jsonPayload.message:x", "no")]
#[case("protoPayload.authenticationInfo.principalEmail:*", "yes")]
#[case("resource.labels.project_id=\"other\"", "no")]
// OR binds tighter than AND: (b OR a) AND c.
#[case(
    "resource.type:nothing OR resource.type:cloud AND severity=ERROR",
    "no"
)]
#[case(
    "severity=ERROR AND resource.type:nothing OR resource.type:cloud",
    "no"
)]
#[case("severity=NOTICE resource.type:nothing OR resource.type:cloud", "yes")]
#[case(
    "(severity=ERROR AND resource.type:nothing) OR resource.type:cloud",
    "yes"
)]
fn a_filter_answers(#[case] filter: &str, #[case] expected: &str) {
    assert_eq!(passes(filter), expected, "{filter}");
}

#[rstest]
// Values that the sample made up decide nothing by being others.
#[case("resource.labels.service_name=\"api\"")]
#[case("protoPayload.authenticationInfo.principalEmail!=\"ci@example.com\"")]
#[case("NOT protoPayload.authenticationInfo.principalEmail=\"ci@example.com\"")]
#[case("protoPayload.resourceName:\"keyRings/trust\"")]
#[case("timestamp>=\"2026-01-01T00:00:00Z\"")]
// What is not evaluated.
#[case("sample(insertId, 0.1)")]
#[case("SEARCH(\"dry run\")")]
#[case("nonsense.path=1")]
#[case("protoPayload.request.x!=\"y\"")]
#[case("protoPayload.methodName=~\"(?=x)\"")]
fn what_cannot_be_told_is_no_yes(#[case] filter: &str) {
    assert_eq!(passes(filter), "unknown", "{filter}");
}

#[rstest]
#[case("resource.type=")]
#[case("(resource.type:a")]
#[case("resource.type:a)")]
#[case("\"open")]
#[case("AND a")]
#[case("a OR")]
#[case("resource.type:(a OR")]
#[case("=x")]
fn what_is_no_filter_is_refused(#[case] filter: &str) {
    assert!(Filter::parse(filter).is_err(), "{filter}");
}

#[test]
fn a_filter_is_bounded() {
    assert!(Filter::parse(&"(".repeat(10_000)).is_err());
    assert!(Filter::parse(&"NOT ".repeat(4_000)).is_err());
    assert!(Filter::parse(&"x".repeat(LIMIT + 1)).is_err());
}
