use std::sync::LazyLock;

use proptest::prelude::*;

use serde_json::json;

use super::*;
use crate::parse::event;
use crate::testing::{entry, patched};

fn read(entry: &Value) -> Result<AuditEvent, Unreadable> {
    event(entry.to_string().as_bytes(), Form::LogEntry)
}

#[test]
fn an_entry_becomes_a_typed_event() {
    let event = read(&entry("gke-break-glass")).unwrap();
    assert_eq!(event.stream, Stream::Activity);
    assert_eq!(
        event.actor.principal.as_deref(),
        Some("night-duty@example.com")
    );
    assert_eq!(event.actor.ip.as_deref(), Some("203.0.113.40"));
    assert_eq!(event.project, "acme-shop");
    assert_eq!(event.method, "io.k8s.core.v1.pods.create");
}

#[test]
fn impersonation_and_exported_keys_are_kept() {
    let entry = patched(
        &entry("gke-break-glass"),
        &[(
            "/protoPayload/authenticationInfo",
            json!({
                "principalEmail": "deployer@acme-shop.iam.gserviceaccount.com",
                "serviceAccountKeyName": "//iam.googleapis.com/projects/acme-shop/keys/k1",
                "serviceAccountDelegationInfo": [
                    {"firstPartyPrincipal": {"principalEmail": "eve@example.com"}},
                    {"principalSubject": "serviceAccount:hop@acme-shop.iam.gserviceaccount.com"}
                ]
            }),
        )],
    );
    let actor = read(&entry).unwrap().actor;
    assert_eq!(
        actor.via,
        [
            "eve@example.com",
            "serviceAccount:hop@acme-shop.iam.gserviceaccount.com"
        ]
    );
    assert!(actor.key_name.is_some());
}

#[rstest::rstest]
#[case::slash(
    "projects/acme-shop/logs/cloudaudit.googleapis.com/activity",
    Stream::Other
)]
#[case::custom(
    "projects/acme-shop/logs/my-cloudaudit.googleapis.com%2Factivity",
    Stream::Other
)]
#[case::data(
    "projects/acme-shop/logs/cloudaudit.googleapis.com%2Fdata_access",
    Stream::DataAccess
)]
#[case::policy(
    "projects/acme-shop/logs/cloudaudit.googleapis.com%2Fpolicy",
    Stream::PolicyDenied
)]
#[case::real(
    "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity",
    Stream::Activity
)]
fn only_the_exact_log_name_is_an_audit_log(#[case] log: &str, #[case] expected: Stream) {
    let entry = patched(&entry("gke-break-glass"), &[("/logName", log.into())]);
    match read(&entry) {
        Ok(event) => assert_eq!(event.stream, expected),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_no_log_entry_is_says_why() {
    let base = entry("gke-break-glass");
    let messages = [
        (
            "/logName",
            Value::from("users/1/logs/cloudaudit.googleapis.com%2Factivity"),
        ),
        ("/insertId", Value::from("")),
        ("/timestamp", Value::from("yesterday")),
        (
            "/protoPayload/@type",
            Value::from("type.googleapis.com/other.Thing"),
        ),
        ("/protoPayload/status", Value::from("no")),
    ]
    .map(|change| read(&patched(&base, &[change])).unwrap_err().to_string())
    .join("\n");
    insta::assert_snapshot!(messages, @r#"
"users/1/logs/cloudaudit.googleapis.com%2Factivity" is not the name of a log
the entry has no insertId
"yesterday" is no RFC 3339 timestamp
an entry of "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity" holds "type.googleapis.com/other.Thing" and not an AuditLog
it is no LogEntry: invalid type: string "no", expected struct Status at line 1 column 1707
"#);
}

#[rstest::rstest]
#[case::organization("organizations/1", "activity", Stream::Activity)]
#[case::folder("folders/1", "system_event", Stream::SystemEvent)]
#[case::billing("billingAccounts/01-AB", "data_access", Stream::DataAccess)]
fn logs_of_other_owners_are_read(#[case] owner: &str, #[case] log: &str, #[case] expected: Stream) {
    let log = format!("{owner}/logs/cloudaudit.googleapis.com%2F{log}");
    let event = read(&patched(
        &entry("gke-break-glass"),
        &[("/logName", log.into())],
    ))
    .unwrap();
    assert_eq!((event.stream, event.project.as_str()), (expected, owner));
}

#[test]
fn a_payload_of_another_type_is_another_kind_of_entry() {
    let requests = json!({
        "logName": "projects/acme-shop/logs/appengine.googleapis.com%2Frequest_log",
        "insertId": "request-1",
        "timestamp": "2026-03-03T03:10:00Z",
        "protoPayload": {
            "@type": "type.googleapis.com/google.appengine.logging.v1.RequestLog",
            "status": 200,
            "resource": "/",
            "responseSize": "12"
        }
    });
    assert_eq!(read(&requests).unwrap().stream, Stream::Other);
    let audit_log = patched(
        &requests,
        &[(
            "/logName",
            "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity".into(),
        )],
    );
    assert!(matches!(
        read(&audit_log),
        Err(Unreadable::NotAnAuditLog { .. })
    ));
    let claims = patched(&audit_log, &[("/protoPayload/@type", AUDIT_LOG.into())]);
    assert!(matches!(read(&claims), Err(Unreadable::NotAnEntry(_))));
}

/// A synthetic entry in the log of continuous validation.
fn validation(payload: Value) -> Value {
    json!({
        "insertId": "cv-1",
        "logName": "projects/demo-mart/logs/binaryauthorization.googleapis.com%2Fcontinuous_validation",
        "timestamp": "2026-03-03T00:00:00Z",
        "resource": {"type": "k8s_cluster", "labels": {"location": "europe-west1-b", "cluster_name": "shop"}},
        "jsonPayload": payload
    })
}

#[rstest::rstest]
#[case::kind(json!({"@type": "type.googleapis.com/google.cloud.binaryauthorization.v1beta1.ContinuousValidationEvent"}), true)]
#[case::pod(json!({"podEvent": {"verdict": "VIOLATES_POLICY"}}), true)]
#[case::error(json!({"configErrorEvent": {"description": "synthetic"}}), true)]
#[case::other(json!({"message": "podEvent"}), false)]
#[case::other_kind(json!({"@type": "type.googleapis.com/other.Event"}), false)]
#[case::text(json!("podEvent"), false)]
#[case::none(json!(null), false)]
fn the_log_of_continuous_validation_holds_its_events(#[case] payload: Value, #[case] ok: bool) {
    match read(&validation(payload.clone())) {
        Ok(event) => {
            assert!(ok);
            assert_eq!(event.stream, Stream::ContinuousValidation);
            assert_eq!(event.service, "binaryauthorization.googleapis.com");
            assert_eq!(event.response, Some(payload));
        }
        Err(reason) => {
            assert!(!ok);
            assert!(matches!(reason, Unreadable::NotAValidation(_)), "{reason}");
        }
    }
}

#[test]
fn what_the_service_says_besides_is_kept() {
    let event = read(&patched(
        &entry("gke-break-glass"),
        &[
            ("/protoPayload/serviceData", json!({"policyDelta": {}})),
            ("/protoPayload/metadata", json!({"violationReason": "x"})),
        ],
    ))
    .unwrap();
    assert_eq!(event.service_data, Some(json!({"policyDelta": {}})));
    assert_eq!(event.metadata, Some(json!({"violationReason": "x"})));
}

#[test]
fn the_user_of_another_issuer_is_kept() {
    let hops = json!([
        {"thirdPartyPrincipal": {"thirdPartyClaims": {"iss": "https://idp.example.com", "sub": "repo:demo-mart/shop"}}},
        {"thirdPartyPrincipal": {"thirdPartyClaims": {"@type": "t", "who": "eve"}}},
        {"firstPartyPrincipal": null, "principalSubject": "principal://idp/subject/x"},
        {}
    ]);
    let who = json!({
        "thirdPartyPrincipal": {"thirdPartyClaims": {"email": "eve@example.org"}},
        "serviceAccountDelegationInfo": hops
    });
    let entry = patched(
        &entry("gke-break-glass"),
        &[("/protoPayload/authenticationInfo", who)],
    );
    let actor = read(&entry).unwrap().actor;
    assert_eq!(actor.principal.as_deref(), Some("eve@example.org"));
    assert_eq!(
        actor.via,
        ["repo:demo-mart/shop", "eve", "principal://idp/subject/x"]
    );
}

#[test]
fn nulls_are_what_is_not_there() {
    let nulls = [
        "/resource",
        "/labels",
        "/operation",
        "/split",
        "/jsonPayload",
        "/protoPayload/status",
        "/protoPayload/requestMetadata",
        "/protoPayload/authenticationInfo",
        "/protoPayload/request",
        "/protoPayload/resourceName",
    ]
    .map(|pointer| (pointer, Value::Null));
    let event = read(&patched(&entry("gke-break-glass"), &nulls)).unwrap();
    assert_eq!((event.resource.as_str(), event.request), ("", None));
    assert!(event.labels.is_empty() && event.operation.is_none());
}

#[test]
fn the_head_is_what_the_event_says() {
    let value = patched(
        &entry("gke-break-glass"),
        &[(
            "/protoPayload/authenticationInfo/serviceAccountKeyName",
            json!("k"),
        )],
    )
    .to_string();
    let borrowed = log_entry(value.as_bytes()).unwrap();
    let identity = identity(&borrowed, Form::LogEntry).unwrap();
    let expected = Head {
        stream: Stream::Activity,
        service: "k8s.io",
        method: "io.k8s.core.v1.pods.create",
        has_key: true,
    };
    assert_eq!(identity.head(&borrowed), expected);
}

#[test]
fn a_name_twice_is_no_entry() {
    let entry = entry("gke-break-glass").to_string();
    let twice = entry.replacen('{', r#"{"logName":"projects/a/logs/b","#, 1);
    assert!(matches!(
        event(twice.as_bytes(), Form::LogEntry),
        Err(Unreadable::NotAnEntry(_))
    ));
}

#[test]
fn eventarc_leaves_the_type_out_and_says_the_same() {
    let base = entry("cloud-run-break-glass");
    let mut data = base.clone();
    data["protoPayload"]
        .as_object_mut()
        .unwrap()
        .remove("@type");
    data["receiveTimestamp"] = "2026-03-03T09:09:09Z".into();
    let exported = read(&base).unwrap();
    let delivered = event(data.to_string().as_bytes(), Form::LogEntryData).unwrap();
    assert_eq!(delivered.key(), exported.key());
    assert_eq!(delivered.content(), exported.content());
    assert!(event(data.to_string().as_bytes(), Form::LogEntry).is_err());
}

#[test]
fn too_large_and_too_deep_are_refused() {
    assert_eq!(
        event(&vec![b' '; ENTRY_LIMIT + 1], Form::LogEntry),
        Err(Unreadable::TooLarge(ENTRY_LIMIT + 1))
    );
    let deep = format!(
        r#"{{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","insertId":"i",
        "timestamp":"2026-01-02T03:04:05Z","protoPayload":{{"@type":"{AUDIT_LOG}","request":{}1{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(matches!(
        event(deep.as_bytes(), Form::LogEntry),
        Err(Unreadable::NotAnEntry(_))
    ));
}

static WHOLE: LazyLock<Vec<u8>> =
    LazyLock::new(|| entry("gke-break-glass").to_string().into_bytes());

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = event(&bytes, Form::LogEntry);
    }

    #[test]
    fn no_damage_panics(at in 0usize..1300, byte: u8, cut in 0usize..1300) {
        let mut bytes = WHOLE.clone();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = event(&bytes, Form::LogEntry);
        bytes.truncate(cut % length);
        let _ = event(&bytes, Form::LogEntry);
    }
}
