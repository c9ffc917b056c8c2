//! Against a stand-in. Everything in it is synthetic.

use postern_core::attestor::AttestorName;
use serde_json::{Value, json};

use super::*;
use crate::testing::Recorder;

fn client(recorder: &Recorder) -> BinaryAuthorization {
    BinaryAuthorization::new(recorder.endpoint(), None)
        .unwrap()
        .hasty()
}

fn policy() -> Value {
    json!({
        "name": "projects/demo-mart/policy",
        "defaultAdmissionRule": {
            "evaluationMode": "ALWAYS_DENY", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        },
        "etag": "\"one\"", "updateTime": "2026-02-03T04:05:06Z",
    })
}

fn attestor(id: &str) -> Value {
    json!({
        "name": format!("projects/demo-mart/attestors/{id}"),
        "userOwnedGrafeasNote": {"noteReference": "projects/demo-mart/notes/ci"},
    })
}

fn name(id: &str) -> AttestorName {
    format!("projects/demo-mart/attestors/{id}")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_policy_is_read_as_it_stands() {
    let recorder = Recorder::start(|_, _| policy()).await;
    let sourced = client(&recorder).policy(Some("demo-mart")).await.unwrap();
    let sourced = sourced.unwrap();
    assert_eq!(sourced.name, "projects/demo-mart/policy");
    assert_eq!(sourced.policy.etag.as_deref(), Some("\"one\""));
    assert_eq!(recorder.asked(), "GET /v1/projects/demo-mart/policy");
}

#[tokio::test]
async fn a_policy_that_was_never_set_is_none() {
    let recorder = Recorder::start(|_, _| {
        json!({
            "name": "projects/demo-mart/policy", "globalPolicyEvaluationMode": "ENABLE",
            "defaultAdmissionRule": {
                "evaluationMode": "ALWAYS_ALLOW",
                "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            },
        })
    })
    .await;
    let client = client(&recorder);
    assert_eq!(client.policy(Some("demo-mart")).await, Ok(None));
    assert!(!client.live("demo-mart").await.unwrap().was_set);
}

#[tokio::test]
async fn what_a_policy_says_that_is_not_understood_is_an_outage() {
    let recorder = Recorder::start(|_, _| {
        let mut policy = policy();
        policy["surprise"] = json!(true);
        policy
    })
    .await;
    let error = client(&recorder).policy(Some("demo-mart")).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("unknown field `surprise`"), "{error}");
}

#[tokio::test]
async fn an_attestor_that_is_not_there_is_none_and_one_that_is_not_shown_an_outage() {
    let refusal = |status: u16, word: &'static str| {
        Recorder::answering(
            status,
            move |_, _| json!({"error": {"code": status, "status": word, "message": "synthetic"}}),
        )
    };
    let absent = refusal(404, "NOT_FOUND").await;
    assert_eq!(client(&absent).attestor(&name("ci")).await, Ok(None));
    for (status, word) in [
        (403, "PERMISSION_DENIED"),
        (404, "OTHER"),
        (429, "RESOURCE_EXHAUSTED"),
        (503, "UNAVAILABLE"),
    ] {
        let recorder = refusal(status, word).await;
        let answer = client(&recorder).attestor(&name("ci")).await;
        assert!(answer.is_err(), "{status}");
    }
    let denied = refusal(403, "PERMISSION_DENIED").await;
    let error = client(&denied).attestor(&name("ci")).await.unwrap_err();
    let error = error.message;
    insta::assert_snapshot!(error, @"projects/demo-mart/attestors/ci: it answered 403 (synthetic); this identity lacks binaryauthorization.attestors.get; grant it: gcloud container binauthz attestors add-iam-policy-binding ci --project=demo-mart --member=serviceAccount:EMAIL --role=roles/binaryauthorization.attestorsViewer");
}

#[tokio::test]
async fn another_attestor_than_was_asked_for_is_none_at_all() {
    let recorder = Recorder::start(|_, _| attestor("other")).await;
    assert!(client(&recorder).attestor(&name("ci")).await.is_err());
}

#[tokio::test]
async fn a_name_cannot_lead_elsewhere() {
    let recorder = Recorder::start(|_, _| attestor("ci")).await;
    let client = client(&recorder);
    assert!(client.attestor(&name("ci?x=")).await.is_err());
    assert!(client.attestor(&name("..")).await.is_err());
    assert!(client.policy(Some("a b")).await.is_err());
    assert_eq!(recorder.asked(), "");
}

#[tokio::test]
async fn every_page_of_attestors_is_read_and_no_more_than_twenty() {
    let recorder = Recorder::start(|_, _| json!({"attestors": [attestor("ci")]})).await;
    let all = client(&recorder).attestors("demo-mart").await.unwrap();
    assert_eq!(all.len(), 1);
    let endless =
        Recorder::start(|_, _| json!({"attestors": [attestor("ci")], "nextPageToken": "more"}))
            .await;
    let error = client(&endless).attestors("demo-mart").await.unwrap_err();
    assert!(error.limit);
    assert_eq!(endless.asked().lines().count(), PAGES);
    assert!(endless.asked().ends_with("pageSize=100&pageToken=more"));
}

#[tokio::test]
async fn a_policy_that_somebody_else_changed_is_not_replaced() {
    let answering =
        |status: u16, body: Value| Recorder::answering(status, move |_, _| body.clone());
    let sent: Policy = serde_json::from_value(policy()).unwrap();
    let written = answering(200, policy()).await;
    assert_eq!(
        client(&written).replace("demo-mart", &sent).await,
        Ok(Replaced::Written(Box::new(sent.clone())))
    );
    assert!(written.asked().contains(r#""etag":"\"one\"""#));
    let aborted = json!({"error": {"status": "ABORTED", "message": "changed"}});
    let stale = answering(409, aborted).await;
    assert!(matches!(
        client(&stale).replace("demo-mart", &sent).await,
        Ok(Replaced::Stale(_))
    ));
    let wrong = json!({"error": {"status": "INVALID_ARGUMENT", "message": "no such attestor"}});
    let refused = answering(400, wrong).await;
    assert!(matches!(
        client(&refused).replace("demo-mart", &sent).await,
        Ok(Replaced::Refused(why)) if why.contains("no such attestor")
    ));
    let down = answering(503, json!({})).await;
    assert!(client(&down).replace("demo-mart", &sent).await.is_err());
}
