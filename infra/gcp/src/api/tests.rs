//! Against a server of the tests' own on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;

const ACCESS: Access<'_> = Access {
    service: "example.googleapis.com",
    resource: "projects/demo-mart",
    permission: "example.things.get",
    role: "roles/example.viewer",
};

async fn api(router: Router) -> Api {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let endpoint = Endpoint::parse(&format!("http://{address}")).unwrap();
    Api::new("Things", endpoint, None).unwrap().hasty()
}

/// An API that answers these one after the other, the last one for ever; and how often it was asked.
async fn answering(answers: Vec<(StatusCode, HeaderMap, Value)>) -> (Api, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let answer = get(move || {
        let n = count.fetch_add(1, Ordering::SeqCst) as usize;
        let (status, headers, body) = answers[n.min(answers.len() - 1)].clone();
        async move { (status, headers, body.to_string()).into_response() }
    });
    (api(Router::new().route("/v1/things", answer)).await, asked)
}

async fn things(api: &Api) -> Result<Value, Unavailable> {
    let call = Call {
        method: Method::GET,
        path: "/v1/things",
        query: &[],
        timeout: Duration::from_secs(30),
        access: ACCESS,
    };
    api.call::<(), Value>(&call, None).await
}

fn status(status: u16) -> (StatusCode, HeaderMap, Value) {
    (
        StatusCode::from_u16(status).unwrap(),
        HeaderMap::new(),
        json!({}),
    )
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let mut wait = HeaderMap::new();
    wait.insert(RETRY_AFTER, "0".parse().unwrap());
    let good = (StatusCode::OK, HeaderMap::new(), json!({"things": 1}));
    let (api, asked) = answering(vec![
        (StatusCode::TOO_MANY_REQUESTS, wait, json!({})),
        status(500),
        status(503),
        good,
    ])
    .await;
    assert_eq!(things(&api).await, Ok(json!({"things": 1})));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_stays_is_an_outage_and_not_an_empty_answer() {
    let (api, asked) = answering(vec![status(503)]).await;
    let error = things(&api).await.unwrap_err();
    assert_eq!(error.message, "projects/demo-mart: it answered 503");
    assert!(error.source_name.starts_with("Things at http://127.0.0.1:"));
    assert_eq!(asked.load(Ordering::SeqCst), TRIES);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_says_what_is_missing() {
    let (api, asked) = answering(vec![status(403)]).await;
    let error = things(&api).await.unwrap_err();
    assert!(
        error.message.contains("lacks example.things.get"),
        "{error}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (api, asked) = answering(vec![status(302)]).await;
    let error = things(&api).await.unwrap_err();
    assert!(error.message.contains("302"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_without_end_is_given_up() {
    let endless = get(|| async { "x".repeat(BODY_LIMIT + 1) });
    let api = api(Router::new().route("/v1/things", endless)).await;
    let error = things(&api).await.unwrap_err();
    assert!(error.limit, "{error:?}");
}

#[tokio::test]
async fn an_answer_of_another_form_is_an_error() {
    let other = get(|| async { "[" });
    let api = api(Router::new().route("/v1/things", other)).await;
    let error = things(&api).await.unwrap_err();
    assert!(error.message.contains("answered something else"), "{error}");
}

#[tokio::test]
async fn only_the_api_itself_says_that_something_is_not_there() {
    let call = Call {
        method: Method::GET,
        path: "/v1/things",
        query: &[],
        timeout: Duration::from_secs(30),
        access: ACCESS,
    };
    let absent = json!({"error": {"code": 404, "status": "NOT_FOUND"}});
    let (api, _) = answering(vec![(StatusCode::NOT_FOUND, HeaderMap::new(), absent)]).await;
    assert_eq!(api.find::<Value>(&call).await, Ok(None));
    let (api, _) = answering(vec![status(404)]).await;
    assert!(api.find::<Value>(&call).await.is_err());
}
