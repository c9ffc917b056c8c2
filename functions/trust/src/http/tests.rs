use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use postern_core::entry::Record;
use postern_host::problem::Problem;
use rstest::rstest;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::testing::World;

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKGUcBTJP6egESYAnedgiQMIBXjQL\n\
    3m6ZfjkjCs8P1EY4CcKoi95HUIBOnwj0ue2bzs/Eq/Fz4L7qtS9qmIOrPw==\n\
    -----END PUBLIC KEY-----\n";
const NOTE: &str = "/v1/projects/shop/notes?noteId=ci";
const ATTESTOR: &str = "/v1/projects/shop/attestors/ci";
const POLICY: &str = "/v1/projects/shop/policy";

async fn with_note() -> World {
    let world = World::new();
    let hint = json!({"attestation": {"hint": {"human_readable_name": "CI"}}});
    world.done("POST", NOTE, &hint).await;
    world
}

async fn with_attestor() -> World {
    let world = with_note().await;
    let attestor = json!({"userOwnedGrafeasNote": {"noteReference": "projects/shop/notes/ci"}});
    world
        .done(
            "POST",
            "/v1/projects/shop/attestors?attestorId=ci",
            &attestor,
        )
        .await;
    world
}

#[tokio::test]
async fn a_project_without_a_policy_has_the_one_that_allows_everything() {
    let policy = World::new().done("GET", POLICY, &Value::Null).await;
    assert_eq!(
        policy["defaultAdmissionRule"]["evaluationMode"],
        "ALWAYS_ALLOW"
    );
    assert_eq!(policy["name"], "projects/shop/policy");
}

#[rstest]
#[case::no_default(json!({}), "defaultAdmissionRule")]
#[case::unknown_field(json!({"defaultRule": {}}), "defaultRule")]
#[case::nobody_attests(json!({"defaultAdmissionRule": {
    "evaluationMode": "REQUIRE_ATTESTATION", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
}}), "without attestors")]
#[case::attestors_for_nothing(json!({"defaultAdmissionRule": {
    "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    "requireAttestationsBy": ["projects/shop/attestors/ci"],
}}), "has no effect")]
#[case::attestor_not_there(json!({"defaultAdmissionRule": {
    "evaluationMode": "REQUIRE_ATTESTATION", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    "requireAttestationsBy": ["projects/shop/attestors/other"],
}}), "does not exist")]
#[case::two_scopes(json!({
    "defaultAdmissionRule": {
        "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    },
    "clusterAdmissionRules": {"us-central1-a.prod": {
        "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }},
    "kubernetesNamespaceAdmissionRules": {"web": {
        "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }},
}), "only one kind")]
#[tokio::test]
async fn a_policy_that_contradicts_itself_is_refused(#[case] policy: Value, #[case] said: &str) {
    let world = with_attestor().await;
    let (status, message) = world.refused("PUT", POLICY, &policy).await;
    assert_eq!(status, "INVALID_ARGUMENT");
    assert!(message.contains(said), "{message}");
    let kept = world.done("GET", POLICY, &Value::Null).await;
    assert_eq!(kept["etag"], Value::Null, "nothing was written");
}

#[tokio::test]
async fn a_policy_is_replaced_as_a_whole_and_an_old_etag_replaces_nothing() {
    let world = with_attestor().await;
    let policy = json!({
        "name": "projects/other/policy",
        "admission_whitelist_patterns": [{"name_pattern": "eu.example.com/base/*"}],
        "default_admission_rule": {
            "evaluation_mode": "REQUIRE_ATTESTATION",
            "enforcement_mode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "require_attestations_by": ["projects/shop/attestors/ci"],
        },
    });
    let first = world.done("PUT", POLICY, &policy).await;
    assert_eq!(first["name"], "projects/shop/policy");
    assert_eq!(
        first["admissionWhitelistPatterns"][0]["namePattern"],
        "eu.example.com/base/*"
    );
    let mut next = first.clone();
    next.as_object_mut()
        .unwrap()
        .remove("admissionWhitelistPatterns");
    let second = world
        .done("PUT", "/v1beta1/projects/shop/policy", &next)
        .await;
    assert_eq!(second["admissionWhitelistPatterns"], Value::Null);
    let (status, _) = world.refused("PUT", POLICY, &first).await;
    assert_eq!(status, "ABORTED");
    assert_eq!(world.done("GET", POLICY, &Value::Null).await, second);
}

#[tokio::test]
async fn every_write_is_told_as_an_audit_entry() {
    let world = with_attestor().await;
    let rule = json!({"defaultAdmissionRule": {
        "evaluationMode": "ALWAYS_ALLOW", "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY",
    }});
    let (status, _) = world
        .call_by(
            "owner@example.com",
            "PUT",
            "/v1beta1/projects/shop/policy",
            &rule,
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    let told: Vec<_> = world.store.with(|kept| {
        let records = kept.entries.iter().map(|entry| match &entry.record {
            Record::TrustChange(change) => change.clone(),
            other => panic!("{other:?}"),
        });
        records.collect()
    });
    let methods: Vec<&str> = told
        .iter()
        .map(|told| told.method.rsplit('.').next().unwrap())
        .collect();
    assert_eq!(methods, ["CreateNote", "CreateAttestor", "UpdatePolicy"]);
    let mut entry: Value = serde_json::from_str(&told[2].audit_entry).unwrap();
    entry["insertId"] = json!("a ULID");
    insta::assert_json_snapshot!(entry, @r#"
    {
      "insertId": "a ULID",
      "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
      "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {
          "principalEmail": "owner@example.com"
        },
        "authorizationInfo": [
          {
            "granted": true,
            "permission": "binaryauthorization.policy.update",
            "resource": "projects/shop/policy"
          }
        ],
        "methodName": "google.cloud.binaryauthorization.v1beta1.BinauthzManagementServiceV1Beta1.UpdatePolicy",
        "request": {
          "policy": {
            "defaultAdmissionRule": {
              "enforcementMode": "DRYRUN_AUDIT_LOG_ONLY",
              "evaluationMode": "ALWAYS_ALLOW"
            },
            "name": "projects/shop/policy"
          }
        },
        "requestMetadata": {
          "callerIp": null,
          "callerSuppliedUserAgent": null
        },
        "resourceName": "projects/shop/policy",
        "serviceName": "binaryauthorization.googleapis.com",
        "status": {}
      },
      "receiveTimestamp": "2026-01-02T03:04:08Z",
      "resource": {
        "labels": {
          "method": "google.cloud.binaryauthorization.v1beta1.BinauthzManagementServiceV1Beta1.UpdatePolicy",
          "project_id": "shop",
          "service": "binaryauthorization.googleapis.com"
        },
        "type": "audited_resource"
      },
      "severity": "NOTICE",
      "timestamp": "2026-01-02T03:04:08Z"
    }
    "#);
}

#[tokio::test]
async fn keys_get_their_ids_and_what_is_no_key_is_refused() {
    let world = with_attestor().await;
    let with_keys = |keys: Value| json!({"userOwnedGrafeasNote": {"noteReference": "projects/shop/notes/ci", "publicKeys": keys}});
    let key = json!({"pkixPublicKey": {"publicKeyPem": PEM, "signatureAlgorithm": "EC_SIGN_P256_SHA256"}});
    let updated = world.done("PUT", ATTESTOR, &with_keys(json!([key]))).await;
    let id = updated["userOwnedGrafeasNote"]["publicKeys"][0]["id"]
        .as_str()
        .unwrap();
    assert_eq!(
        id,
        "ni:///sha-256;2KRcuKawTEn2oUSnLwaf9i-erjcLaoxvY03ulI_jPAY"
    );
    let email = updated["userOwnedGrafeasNote"]["delegationServiceAccountEmail"]
        .as_str()
        .unwrap();
    assert!(email.ends_with("@gcp-sa-binaryauthorization.iam.gserviceaccount.com"));
    for (keys, said) in [
        (json!([key, key]), "is there twice"),
        (
            json!([{"asciiArmoredPgpPublicKey": "nothing"}]),
            "public key 1",
        ),
        (json!([{"id": "x"}]), "public key 1"),
    ] {
        let (status, message) = world.refused("PUT", ATTESTOR, &with_keys(keys)).await;
        assert_eq!(status, "INVALID_ARGUMENT");
        assert!(message.contains(said), "{message}");
    }
    for version in ["v1beta1", "v1alpha2"] {
        let path = format!("/{version}/projects/shop/attestors/ci");
        let older = world.done("GET", &path, &Value::Null).await;
        let note = &older["userOwnedDrydockNote"]["noteReference"];
        assert_eq!(note, "projects/shop/notes/ci", "{version}");
    }
}

#[tokio::test]
async fn the_note_of_an_attestor_stays_and_one_made_again_is_another() {
    let world = with_attestor().await;
    let moved = json!({"userOwnedGrafeasNote": {"noteReference": "projects/evil/notes/ci"}});
    let (_, message) = world.refused("PUT", ATTESTOR, &moved).await;
    assert!(message.contains("cannot be changed"), "{message}");
    world
        .done("DELETE", "/v1/projects/shop/notes/ci", &Value::Null)
        .await;
    world.done("POST", NOTE, &json!({"attestation": {}})).await;
    let asked = json!({
        "attestation": {"serializedPayload": "e30=", "signatures": []},
        "occurrenceNote": "projects/shop/notes/ci",
        "occurrenceResourceUri": format!("eu.example.com/app@sha256:{}", "2".repeat(64)),
    });
    let path = format!("{ATTESTOR}:validateAttestationOccurrence");
    let answer = world.done("POST", &path, &asked).await;
    assert_eq!(answer["result"], "ATTESTATION_NOT_VERIFIABLE");
    let reason = answer["denialReason"].as_str().unwrap();
    assert!(reason.contains("made again"), "{reason}");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = with_note().await;
    for id in ["a", "b", "c"] {
        let attestor = json!({"userOwnedGrafeasNote": {"noteReference": "projects/shop/notes/ci"}});
        world
            .done(
                "POST",
                &format!("/v1/projects/shop/attestors?attestorId={id}"),
                &attestor,
            )
            .await;
    }
    let first = world
        .done(
            "GET",
            "/v1/projects/shop/attestors?pageSize=2",
            &Value::Null,
        )
        .await;
    assert_eq!(first["attestors"].as_array().unwrap().len(), 2);
    let token = first["nextPageToken"].as_str().unwrap();
    let path = format!("/v1/projects/shop/attestors?pageSize=2&pageToken={token}");
    let last = world.done("GET", &path, &Value::Null).await;
    assert_eq!(last["attestors"].as_array().unwrap().len(), 1);
    assert_eq!(last["nextPageToken"], Value::Null);
}

#[tokio::test]
async fn occurrences_are_of_their_notes_kind_and_found_by_filters() {
    let world = with_note().await;
    let occurrence = |uri: &str| json!({"note_name": "projects/shop/notes/ci", "resource_uri": uri, "attestation": {}});
    let path = "/v1/projects/mart/occurrences";
    let made = world
        .done("POST", path, &occurrence("https://eu.example.com/a"))
        .await;
    assert_eq!(made["kind"], "ATTESTATION");
    let batch =
        json!({"occurrences": [occurrence("eu.example.com/b"), occurrence("eu.example.com/c")]});
    world
        .done("POST", "/v1/projects/mart/occurrences:batchCreate", &batch)
        .await;
    let found = async |of: &str, filter: &str| {
        let path = format!("/v1/projects/{of}?filter={filter}");
        let answer = world.done("GET", &path, &Value::Null).await;
        answer["occurrences"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(found("mart/occurrences", "").await, 3);
    assert_eq!(found("shop/occurrences", "").await, 0);
    assert_eq!(found("shop/notes/ci/occurrences", "").await, 3);
    assert_eq!(
        found("mart/occurrences", "has_suffix(resourceUrl,%22/b%22)").await,
        1
    );
    let name = made["name"].as_str().unwrap();
    let note = world
        .done("GET", &format!("/v1/{name}/notes"), &Value::Null)
        .await;
    assert_eq!(note["name"], "projects/shop/notes/ci");
    let remediation = json!({"remediation": "rebuild", "resourceUri": "ignored"});
    let patched = world
        .done(
            "PATCH",
            &format!("/v1/{name}?updateMask=remediation"),
            &remediation,
        )
        .await;
    assert_eq!(
        (&patched["remediation"], &patched["resourceUri"]),
        (&json!("rebuild"), &made["resourceUri"])
    );
    world
        .done("DELETE", &format!("/v1/{name}"), &Value::Null)
        .await;
    assert_eq!(found("mart/occurrences", "").await, 2);
    for (body, said) in [
        (
            json!({"noteName": "projects/shop/notes/ci", "resourceUri": "x", "build": {}}),
            "of kind BUILD",
        ),
        (
            json!({"noteName": "projects/shop/notes/other", "resourceUri": "x", "build": {}}),
            "was not found",
        ),
        (
            json!({"noteName": "nonsense", "resourceUri": "x", "build": {}}),
            "noteName",
        ),
        (
            json!({"noteName": "projects/shop/notes/ci", "attestation": {}}),
            "resourceUri is missing",
        ),
        (
            json!({"noteName": "projects/shop/notes/ci", "resourceUri": "x"}),
            "exactly one",
        ),
        (
            json!({"noteName": "projects/shop/notes/ci", "resourceUri": "x", "attestaton": {}}),
            "attestaton",
        ),
    ] {
        let (_, message) = world.refused("POST", path, &body).await;
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn notes_are_changed_by_their_masks() {
    let world = with_note().await;
    let batch = json!({"notes": {"scan_1": {"vulnerability": {"severity": "HIGH"}}}});
    world
        .done("POST", "/v1/projects/shop/notes:batchCreate", &batch)
        .await;
    let notes = world
        .done(
            "GET",
            "/v1/projects/shop/notes?filter=kind%3D%22VULNERABILITY%22",
            &Value::Null,
        )
        .await;
    assert_eq!(notes["notes"][0]["name"], "projects/shop/notes/scan_1");
    let change = json!({"shortDescription": "signed by CI", "longDescription": "ignored"});
    let path = "/v1/projects/shop/notes/ci?update_mask=short_description";
    let changed = world.done("PATCH", path, &change).await;
    assert_eq!(changed["shortDescription"], "signed by CI");
    assert_eq!(changed["longDescription"], Value::Null);
    assert_eq!(changed["attestation"]["hint"]["humanReadableName"], "CI");
}

#[tokio::test]
async fn bindings_open_what_they_name_and_nothing_else() {
    let world = with_attestor().await;
    let ci = "ci@shop.iam.gserviceaccount.com";
    let read = async || world.call_by(ci, "GET", ATTESTOR, &Value::Null).await.0;
    assert_eq!(read().await, StatusCode::FORBIDDEN);
    let bind = async |resource: &str, role: &str, condition: Value| {
        let mut binding = json!({"role": role, "members": [format!("serviceAccount:{ci}")]});
        if !condition.is_null() {
            binding["condition"] = condition;
        }
        let policy = json!({"policy": {"bindings": [binding]}});
        world
            .done("POST", &format!("{resource}:setIamPolicy"), &policy)
            .await
    };
    let viewer = "roles/binaryauthorization.attestorsViewer";
    let condition = json!({"expression": "true"});
    bind("/v1/projects/shop", viewer, condition).await;
    assert_eq!(
        read().await,
        StatusCode::FORBIDDEN,
        "conditions are not evaluated"
    );
    bind("/v1/projects/other", viewer, Value::Null).await;
    assert_eq!(read().await, StatusCode::FORBIDDEN);
    let set = bind(ATTESTOR, viewer, Value::Null).await;
    assert_eq!(read().await, StatusCode::OK);
    let (deleted, _) = world.call_by(ci, "DELETE", ATTESTOR, &Value::Null).await;
    assert_eq!(deleted, StatusCode::FORBIDDEN);
    let asked = json!({"permissions": [
        "binaryauthorization.attestors.get", "binaryauthorization.attestors.delete",
    ]});
    let path = format!("{ATTESTOR}:testIamPermissions");
    let (_, may) = world.call_by(ci, "POST", &path, &asked).await;
    assert_eq!(
        may,
        json!({"permissions": ["binaryauthorization.attestors.get"]})
    );
    let nothing = "/v1/projects/shop/attestors/other:setIamPolicy";
    let (status, _) = world.refused("POST", nothing, &json!({})).await;
    assert_eq!(status, "NOT_FOUND");
    let stale = json!({"policy": {"bindings": [], "etag": "b2xk"}});
    let (status, _) = world
        .refused("POST", &format!("{ATTESTOR}:setIamPolicy"), &stale)
        .await;
    assert_eq!(status, "ABORTED");
    let kept = world
        .done("GET", &format!("{ATTESTOR}:getIamPolicy"), &Value::Null)
        .await;
    assert_eq!(kept, set);
}

#[tokio::test]
async fn an_outage_is_no_missing_policy() {
    let world = World::new();
    world.store.with(|kept| kept.outage = true);
    let (status, _) = world.refused("GET", POLICY, &Value::Null).await;
    assert_eq!(status, "UNAVAILABLE");
    let (status, _) = world
        .call_by("ci@example.com", "GET", POLICY, &Value::Null)
        .await;
    assert_eq!(
        status,
        StatusCode::SERVICE_UNAVAILABLE,
        "nobody knows who may"
    );
}

#[tokio::test]
async fn what_clients_ask_of_a_project_is_answered() {
    let world = World::new();
    let project = world.done("GET", "/v1/projects/shop", &Value::Null).await;
    assert_eq!(project["projectId"], "shop");
    let billing = "/v1/projects/shop/billingInfo";
    let answer = world.done("GET", billing, &Value::Null).await;
    assert_eq!(answer["billingEnabled"], false);
    let service = "/v1/projects/shop/services/run.googleapis.com";
    let answer = world.done("GET", service, &Value::Null).await;
    assert_eq!(answer["state"], "ENABLED");
    let wanted = json!({"serviceIds": ["run.googleapis.com", "container.googleapis.com"]});
    let (status, message) = world
        .refused("POST", "/v1/projects/shop/services:batchEnable", &wanted)
        .await;
    assert_eq!(status, "NOT_FOUND");
    let expected =
        "container.googleapis.com is not served here, so there is nothing to enable: leave it out";
    assert!(message.starts_with(expected), "{message}");
    let (status, message) = world
        .refused("GET", "/v1/projects/shop/secrets", &Value::Null)
        .await;
    assert_eq!(status, "UNIMPLEMENTED");
    assert_eq!(message, "GET /v1/projects/shop/secrets is not served here");
}

#[tokio::test]
async fn what_stands_in_front_answers_as_google_does() {
    let refusing =
        async || Problem::new(StatusCode::UNAUTHORIZED, "TOKEN_INVALID", "no").into_response();
    let router = Router::new()
        .route("/", get(refusing))
        .route("/fine", get(async || "fine"));
    let router = as_google(router);
    let ask = async |path: &str| {
        let request = Request::builder()
            .uri(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        (
            status,
            axum::body::to_bytes(answer.into_body(), 1024)
                .await
                .unwrap(),
        )
    };
    let (status, body) = ask("/").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body,
        json!({"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}})
    );
    assert_eq!(ask("/fine").await.1, "fine");
}
