use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::parse::{Form, event};
use crate::testing::patched;

/// Synthetic.
fn sign() -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEEXAMPLE001:night-duty",
            "arn": "arn:aws:sts::111122223333:assumed-role/emergency/night-duty",
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLEEXAMPLE01",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": "arn:aws:iam::111122223333:role/emergency",
                    "userName": "emergency"
                },
                "attributes": {"creationDate": "2026-03-03T03:00:00Z", "mfaAuthenticated": "true"},
                "sourceIdentity": "dana@example.com"
            }
        },
        "eventTime": "2026-03-03T03:10:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Sign",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.40",
        "userAgent": "aws-cli/2.17.0",
        "requestParameters": {"keyId": "alias/attest", "signingAlgorithm": "ECDSA_SHA_256"},
        "responseElements": null,
        "additionalEventData": {"keyMaterialId": "example"},
        "requestID": "11111111-1111-4111-8111-111111111111",
        "eventID": "22222222-2222-4222-8222-222222222222",
        "readOnly": true,
        "resources": [{
            "accountId": "111122223333",
            "type": "AWS::KMS::Key",
            "ARN": "arn:aws:kms:eu-west-1:111122223333:key/example"
        }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management"
    })
}

fn read(record: &Value) -> Result<AuditEvent, Unreadable> {
    event(record.to_string().as_bytes(), Form::CloudTrail)
}

#[test]
fn a_record_becomes_a_typed_event() {
    insta::assert_json_snapshot!(read(&sign()).unwrap(), @r#"
{
  "source": "aws.cloudtrail",
  "id": "22222222-2222-4222-8222-222222222222",
  "log": "cloudtrail",
  "stream": "cloudtrail",
  "at": "2026-03-03T03:10:00Z",
  "project": "111122223333",
  "service": "kms.amazonaws.com",
  "method": "Sign",
  "resource": "alias/attest",
  "resourceKind": "AWS::KMS::Key",
  "resourceLabels": {
    "account": "111122223333",
    "arn": "arn:aws:kms:eu-west-1:111122223333:key/example",
    "region": "eu-west-1"
  },
  "labels": {},
  "operation": null,
  "actor": {
    "principal": "arn:aws:sts::111122223333:assumed-role/emergency/night-duty",
    "via": [
      "dana@example.com",
      "arn:aws:iam::111122223333:role/emergency"
    ],
    "keyName": null,
    "ip": "203.0.113.40"
  },
  "userAgent": "aws-cli/2.17.0",
  "statusCode": 0,
  "statusMessage": "",
  "readOnly": true,
  "request": {
    "keyId": "alias/attest",
    "signingAlgorithm": "ECDSA_SHA_256"
  },
  "response": null,
  "serviceData": null,
  "metadata": {
    "keyMaterialId": "example"
  }
}
"#);
}

#[test]
fn the_key_is_id_account_and_region() {
    insta::assert_snapshot!(read(&sign()).unwrap().key(), @"aws|22222222-2222-4222-8222-222222222222|111122223333|eu-west-1");
}

#[rstest::rstest]
#[case::user(
    json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve", "userName": "eve", "accessKeyId": "AKIAEXAMPLEEXAMPLE02"}),
    "arn:aws:iam::111122223333:user/eve", &[], Some("AKIAEXAMPLEEXAMPLE02")
)]
#[case::service(
    json!({"type": "AWSService", "invokedBy": "ecs.amazonaws.com"}),
    "ecs.amazonaws.com", &[], None
)]
#[case::on_behalf(
    json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve", "invokedBy": "cloudformation.amazonaws.com"}),
    "arn:aws:iam::111122223333:user/eve", &["cloudformation.amazonaws.com"], None
)]
#[case::web_identity(
    json!({"type": "WebIdentityUser", "principalId": "idp:aud:repo:demo", "userName": "repo:demo-mart/shop", "identityProvider": "idp"}),
    "repo:demo-mart/shop", &[], None
)]
#[case::federated_role(
    json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/ci/run-1",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/ci"},
            "webIdFederationData": {"federatedProvider": "arn:aws:iam::111122223333:oidc-provider/idp.example.com",
                "attributes": {"idp.example.com:sub": "repo:demo-mart/shop"}}}}),
    "arn:aws:sts::111122223333:assumed-role/ci/run-1",
    &["arn:aws:iam::111122223333:role/ci", "repo:demo-mart/shop"], None
)]
#[case::identity_center(
    json!({"type": "IdentityCenterUser", "principalId": "p-1", "sessionContext": null, "onBehalfOf": {"userId": "u-1", "identityStoreArn": "x"}}),
    "p-1", &["u-1"], None
)]
#[case::nameless(
    json!({"type": "IdentityCenterUser", "accountId": "111122223333", "onBehalfOf": {"userId": "u-1"}}),
    "u-1", &[], None
)]
fn every_identity_behind_a_call_is_kept(
    #[case] identity: Value,
    #[case] principal: &str,
    #[case] via: &[&str],
    #[case] key: Option<&str>,
) {
    let actor = read(&patched(&sign(), &[("/userIdentity", identity)]))
        .unwrap()
        .actor;
    assert_eq!(actor.principal.as_deref(), Some(principal));
    assert_eq!(actor.via, via);
    assert_eq!(actor.key_name.as_deref(), key);
}

#[rstest::rstest]
#[case(json!(null), 0)]
#[case(json!("AccessDenied"), 7)]
#[case(json!("AccessDeniedException"), 7)]
#[case(json!("UnauthorizedOperation"), 7)]
#[case(json!("Client.UnauthorizedOperation"), 7)]
#[case(json!("ResourceNotFoundException"), 2)]
#[case(json!("NotUnauthorized"), 2)]
fn errors_are_status_codes(#[case] code: Value, #[case] expected: i32) {
    let failed = patched(&sign(), &[("/errorCode", code.clone())]);
    let event = read(&failed).unwrap();
    assert_eq!(event.status_code, expected);
    let failed = patched(&failed, &[("/errorMessage", json!("no"))]);
    let message = code
        .as_str()
        .map_or("no".to_owned(), |code| format!("{code}: no"));
    assert_eq!(read(&failed).unwrap().status_message, message);
}

#[test]
fn a_failed_sign_in_is_no_success() {
    let login = patched(
        &sign(),
        &[
            ("/eventName", json!("ConsoleLogin")),
            ("/responseElements", json!({"ConsoleLogin": "Failure"})),
        ],
    );
    assert_eq!(read(&login).unwrap().status_code, 7);
}

#[rstest::rstest]
#[case(json!({"functionName": "checkout", "name": "live"}), "checkout")]
#[case(json!({"name": "demo-trail"}), "demo-trail")]
#[case(json!({"family": "web", "name": ""}), "web")]
#[case(json!({"unknown": "x"}), "arn:aws:kms:eu-west-1:111122223333:key/example")]
#[case(json!({"functionName": 5, "resource": "r"}), "r")]
fn the_resource_is_the_most_special_name(#[case] request: Value, #[case] expected: &str) {
    let event = read(&patched(&sign(), &[("/requestParameters", request)])).unwrap();
    assert_eq!(event.resource, expected);
}

#[rstest::rstest]
#[case("Insight", Stream::Other)]
#[case("NetworkActivity", Stream::Other)]
#[case("Data", Stream::CloudTrail)]
#[case("SomethingNew", Stream::CloudTrail)]
fn what_is_no_call_is_another_stream(#[case] category: &str, #[case] expected: Stream) {
    let event = read(&patched(&sign(), &[("/eventCategory", json!(category))])).unwrap();
    assert_eq!(event.stream, expected);
}

#[test]
fn what_no_record_is_says_why() {
    let long = "x".repeat(300);
    let changes = [
        ("/eventID", json!("")),
        ("/eventID", json!(long)),
        ("/eventVersion", json!("2.0")),
        ("/eventVersion", json!("1.")),
        ("/eventTime", json!("yesterday")),
        ("/eventSource", json!("kms.amazonaws.com/x")),
        ("/eventSource", json!(null)),
        ("/eventName", json!("Sign\nnow")),
        ("/awsRegion", json!("eu west")),
        ("/recipientAccountId", json!("12345")),
        ("/recipientAccountId", json!("1111222233334")),
        ("/userIdentity", json!("eve")),
        ("/resources", json!("none")),
    ];
    let messages = changes
        .map(|change| read(&patched(&sign(), &[change])).unwrap_err().to_string())
        .join("\n");
    insta::assert_snapshot!(messages, @r#"
the entry has no eventID
a CloudTrail record cannot have the eventID "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
a CloudTrail record cannot have the eventVersion "2.0"
a CloudTrail record cannot have the eventVersion "1."
"yesterday" is no RFC 3339 timestamp
a CloudTrail record cannot have the eventSource "kms.amazonaws.com/x"
the entry has no eventSource
a CloudTrail record cannot have the eventName "Sign�now"
a CloudTrail record cannot have the awsRegion "eu west"
a CloudTrail record cannot have the recipientAccountId "12345"
a CloudTrail record cannot have the recipientAccountId "1111222233334"
it is no CloudTrail record: invalid type: string "eve", expected struct UserIdentity at line 1 column 721
it is no CloudTrail record: invalid type: string "none", expected a sequence at line 1 column 6
"#);
}

#[test]
fn the_head_is_what_the_record_says() {
    let user = json!({"arn": "x", "accessKeyId": "AKIAEXAMPLEEXAMPLE02"});
    let value = patched(&sign(), &[("/userIdentity", user)]).to_string();
    let borrowed = record(value.as_bytes()).unwrap();
    let identity = identity(&borrowed).unwrap();
    let expected = Head {
        stream: Stream::CloudTrail,
        service: "kms.amazonaws.com",
        method: "Sign",
        has_key: true,
    };
    assert_eq!(identity.head(&borrowed), expected);
}

#[test]
fn forms_are_told_apart() {
    assert_eq!(Form::of(sign().to_string().as_bytes()), Form::CloudTrail);
    let both = patched(&sign(), &[("/logName", json!("x"))]).to_string();
    assert!(event(both.as_bytes(), Form::CloudTrail).is_err());
    for other in [both.as_str(), r#"{"logName":"x"}"#, "{}", "rubbish", ""] {
        assert_eq!(Form::of(other.as_bytes()), Form::LogEntry, "{other}");
    }
}

#[test]
fn the_account_of_an_old_record_is_the_callers() {
    let mut old = sign();
    old.as_object_mut().unwrap().remove("recipientAccountId");
    assert_eq!(read(&old).unwrap().project, "111122223333");
    old["userIdentity"] = json!({"type": "AWSService", "invokedBy": "ecs.amazonaws.com"});
    assert_eq!(read(&old), Err(Unreadable::Missing("recipientAccountId")));
}

#[test]
fn too_large_and_too_deep_are_refused() {
    let large = vec![b' '; ENTRY_LIMIT + 1];
    assert_eq!(
        event(&large, Form::CloudTrail),
        Err(Unreadable::TooLarge(ENTRY_LIMIT + 1))
    );
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let record = sign().to_string().replace("\"alias/attest\"", &deep);
    assert!(matches!(
        event(record.as_bytes(), Form::CloudTrail),
        Err(Unreadable::NotARecord(_))
    ));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = event(&bytes, Form::CloudTrail);
    }

    #[test]
    fn no_damage_panics(at in 0usize..2000, byte: u8, cut in 0usize..2000) {
        let mut bytes = sign().to_string().into_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = event(&bytes, Form::CloudTrail);
        bytes.truncate(cut % length);
        let _ = event(&bytes, Form::CloudTrail);
    }
}
