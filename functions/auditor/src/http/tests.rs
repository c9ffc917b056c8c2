use axum::http::Request;
use postern_core::bytes::Base64;
use postern_core::decision::Caller;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::auditor::Believed;
use crate::testing::{MemoryStore, catalogue, entry};

const SUBSCRIPTION: &str = "projects/acme-shop/subscriptions/audit";

fn service(believed: Believed) -> (Router, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let auditor = Auditor::new(store.clone(), catalogue(), believed);
    (router(Arc::new(auditor)), store)
}

fn caller(rights: &[Right]) -> Identity {
    let caller = Caller {
        issuer: "https://accounts.google.com".to_owned(),
        subject: "1".to_owned(),
        email: Some("push@acme-shop.iam.gserviceaccount.com".to_owned()),
    };
    Identity::with_rights(caller, rights)
}

fn request(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let method = if path.starts_with("/v1/events") {
        "POST"
    } else {
        "GET"
    };
    let request = headers
        .iter()
        .fold(Request::builder(), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.method(method).uri(path).body(body.into()).unwrap()
}

async fn answer(router: &Router, mut request: Request<Body>, identity: Identity) -> (u16, Value) {
    request.extensions_mut().insert(identity);
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn wrapped(data: &[u8]) -> String {
    json!({
        "message": {"data": Base64::encode(data), "messageId": "1", "message_id": "1"},
        "subscription": SUBSCRIPTION,
    })
    .to_string()
}

#[tokio::test]
async fn a_push_is_acknowledged_when_it_is_written() {
    let (router, store) = service(Believed::default());
    let body = wrapped(entry("cloud-run-break-glass").to_string().as_bytes());
    let (status, _) = answer(
        &router,
        request("/v1/events/pubsub", &[], body),
        caller(&[Right::Ingest]),
    )
    .await;
    assert_eq!(status, 204);
    store.with(|state| assert_eq!((state.cases.len(), state.outbox.len()), (1, 1)));
}

#[tokio::test]
async fn an_unwrapped_push_is_the_same_event() {
    let (router, store) = service(Believed::default());
    let entry = entry("cloud-run-break-glass").to_string();
    let headers = [("x-goog-pubsub-subscription-name", SUBSCRIPTION)];
    let wrapped = request("/v1/events/pubsub", &[], wrapped(entry.as_bytes()));
    let unwrapped = request("/v1/events/pubsub", &headers, entry);
    for request in [wrapped, unwrapped] {
        assert_eq!(
            answer(&router, request, caller(&[Right::Ingest])).await.0,
            204
        );
    }
    store.with(|state| assert_eq!(state.seen.len(), 1));
}

#[tokio::test]
async fn what_cannot_be_read_is_acknowledged_and_kept() {
    let (router, store) = service(Believed::default());
    for body in [
        wrapped(b"rubbish"),
        r#"{"message":{"data":"***"}}"#.to_owned(),
        String::new(),
    ] {
        let request = request("/v1/events/pubsub", &[], body);
        assert_eq!(
            answer(&router, request, caller(&[Right::Ingest])).await.0,
            204
        );
    }
    store.with(|state| {
        let expected: [&[u8]; 3] = [b"rubbish", br#"{"message":{"data":"***"}}"#, b""];
        assert_eq!(state.quarantined, expected);
    });
}

#[tokio::test]
async fn an_outage_is_not_acknowledged() {
    let (router, store) = service(Believed::default());
    store.with(|state| state.outage = true);
    let body = wrapped(entry("cloud-run-break-glass").to_string().as_bytes());
    let request = request("/v1/events/pubsub", &[], body);
    let (status, problem) = answer(&router, request, caller(&[Right::Ingest])).await;
    assert_eq!(
        (status, &problem["code"]),
        (503, &json!("STORE_UNAVAILABLE"))
    );
}

#[tokio::test]
async fn callers_and_subscriptions_must_be_believed() {
    let believed = Believed {
        subscriptions: vec!["projects/other/subscriptions/x".to_owned()],
        ..Believed::default()
    };
    let (router, store) = service(believed);
    let push = || request("/v1/events/pubsub", &[], wrapped(b"{}"));
    let (status, problem) = answer(&router, push(), caller(&[Right::View])).await;
    assert_eq!((status, &problem["code"]), (403, &json!("RIGHT_MISSING")));
    let (status, problem) = answer(&router, push(), caller(&[Right::Ingest])).await;
    assert_eq!(
        (status, &problem["code"]),
        (403, &json!("SUBSCRIPTION_REFUSED"))
    );
    store.with(|state| assert!(state.seen.is_empty() && state.quarantined.is_empty()));
}

#[tokio::test]
async fn cloud_events_report_what_became_of_each() {
    let (router, store) = service(Believed::default());
    let event = |data: Value| {
        json!({"specversion": "1.0", "type": "google.cloud.audit.log.v1.written", "id": "1",
               "source": "//cloudaudit.googleapis.com/projects/acme-shop/logs/system_event", "data": data})
    };
    let batch = json!([
        event(entry("cloud-run-break-glass")),
        event(json!("rubbish"))
    ])
    .to_string();
    let headers = [("content-type", "application/cloudevents-batch+json")];
    let (status, report) = answer(
        &router,
        request("/v1/events", &headers, batch),
        caller(&[Right::Ingest]),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        report,
        json!({"recorded": 1, "known": 0, "quarantined": 1, "findings": 1})
    );
    store.with(|state| assert_eq!(state.cases.len(), 2));

    let (status, _) = answer(
        &router,
        request("/v1/events", &[], "{}"),
        caller(&[Right::Ingest]),
    )
    .await;
    assert_eq!(status, 415);
}

#[tokio::test]
async fn what_aws_sends_is_taken_as_plain_json() {
    let (router, store) = service(Believed::default());
    let record = |id: &str| {
        json!({"eventVersion": "1.11", "eventID": id, "eventTime": "2026-03-03T03:10:00Z",
               "eventSource": "kms.amazonaws.com", "eventName": "Sign", "awsRegion": "eu-west-1",
               "recipientAccountId": "111122223333", "userIdentity": {"invokedBy": "x"}})
    };
    let event = json!({"detail-type": "AWS API Call via CloudTrail", "account": "111122223333",
                       "region": "eu-west-1", "detail": record("e-1")});
    let file = json!({"Records": [record("e-1"), record("e-2"), {"eventVersion": "2"}]});
    let headers = [("content-type", "Application/JSON; charset=utf-8")];
    for (body, expected) in [
        (
            event,
            json!({"recorded": 1, "known": 0, "quarantined": 0, "findings": 1}),
        ),
        (
            file,
            json!({"recorded": 1, "known": 1, "quarantined": 1, "findings": 1}),
        ),
    ] {
        let request = request("/v1/events", &headers, body.to_string());
        let (status, report) = answer(&router, request, caller(&[Right::Ingest])).await;
        assert_eq!((status, report), (200, expected));
    }
    store.with(|state| {
        let raw: Vec<_> = state.quarantined.iter().map(|raw| raw.as_slice()).collect();
        assert_eq!(raw, [br#"{"eventVersion":"2"}"#]);
    });
}

#[tokio::test]
async fn cases_are_shown_to_those_who_may_look() {
    let (router, store) = service(Believed::default());
    let body = wrapped(entry("gke-break-glass").to_string().as_bytes());
    answer(
        &router,
        request("/v1/events/pubsub", &[], body),
        Identity::local(),
    )
    .await;
    let id = store.with(|state| state.cases.keys().next().unwrap().clone());
    let look = |path: String| request(&path, &[], Body::empty());
    let viewer = || caller(&[Right::View]);
    let (_, list) = answer(&router, look("/v1/cases?limit=5".to_owned()), viewer()).await;
    assert_eq!(list["cases"][0]["id"], json!(id));
    let (_, case) = answer(&router, look(format!("/v1/cases/{id}")), viewer()).await;
    assert_eq!(case["state"], "OPEN");
    assert_eq!(
        answer(&router, look("/v1/cases/none".to_owned()), viewer())
            .await
            .0,
        404
    );
    let ingest = caller(&[Right::Ingest]);
    assert_eq!(
        answer(&router, look("/v1/cases".to_owned()), ingest)
            .await
            .0,
        403
    );
}
