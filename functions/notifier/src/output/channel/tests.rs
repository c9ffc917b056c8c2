use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use jiff::SignedDuration;
use postern_core::ports::Buses;
use postern_host::config;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::output::{Retry, output};
use crate::testing::sample::{closed, opened};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What came: the path with its query, the headers and the body.
type Got = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;
type Answers = Arc<Mutex<VecDeque<u16>>>;

/// A receiver that gives these answers, then 200, and remembers what came.
struct Peer {
    url: String,
    got: Got,
}

impl Peer {
    async fn answering(answers: &[u16]) -> Self {
        async fn receive(
            State((answers, got)): State<(Answers, Got)>,
            uri: Uri,
            headers: HeaderMap,
            body: Bytes,
        ) -> Response<Body> {
            let body = serde_json::from_slice(&body).unwrap();
            got.lock().unwrap().push((uri.to_string(), headers, body));
            let status = answers.lock().unwrap().pop_front().unwrap_or(200);
            let answer = Response::builder()
                .status(status)
                .header("location", "/elsewhere");
            let answer = match status {
                429 | 503 => answer.header("retry-after", "90"),
                _ => answer,
            };
            answer.body(Body::from("synthetic answer")).unwrap()
        }
        let got = Got::default();
        let answers: Answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let router = Router::new()
            .fallback(receive)
            .with_state((answers, got.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, got }
    }
}

/// An output of a type, at a peer. What is secret is given by reference.
fn at(type_name: &str, url: &str) -> Box<dyn Output> {
    let mut fields = json!({"name": "a", "type": type_name, "url": url, "allowPrivate": true});
    match type_name {
        "slack" | "teams" => fields["url"] = json!("env:URL"),
        "googleChat" => fields["url"] = json!("env:URL_WITH_TOKEN"),
        "pagerduty" => fields["routingKey"] = json!("env:KEY"),
        _ => fields["token"] = json!("env:TOKEN"),
    }
    let config: config::Output = serde_json::from_value(fields).unwrap();
    let secret = |reference: &config::SecretReference| match reference.0.as_str() {
        "env:URL" => Ok(format!("{url}\n")),
        "env:URL_WITH_TOKEN" => Ok(format!("{url}?key=k&token=t")),
        "env:KEY" => Ok(KEY.to_owned()),
        "env:TOKEN" => Ok("synthetic-token".to_owned()),
        other => Err(format!("no secret {other}")),
    };
    output(&config, &secret, &Buses::new()).unwrap()
}

#[rstest::rstest]
#[case::slack("slack")]
#[case::teams("teams")]
#[case::google_chat("googleChat")]
#[case::pagerduty("pagerduty")]
#[case::alertmanager("alertmanager")]
#[case::cloud_events("cloudEvents")]
#[tokio::test]
async fn an_answer_means_the_same_in_every_channel(#[case] type_name: &str) {
    let wait = Some(SignedDuration::from_secs(90));
    let table = [
        (200, None),
        (202, None),
        (302, Some(Retry::Again(None))),
        (400, Some(Retry::Dead)),
        (403, Some(Retry::Again(None))),
        (404, Some(Retry::Again(None))),
        (410, Some(Retry::Off)),
        (413, Some(Retry::Dead)),
        (429, Some(Retry::Again(wait))),
        (500, Some(Retry::Again(None))),
        (503, Some(Retry::Again(wait))),
    ];
    let peer = Peer::answering(&table.map(|(status, _)| status)).await;
    let output = at(type_name, &peer.url);
    for (status, expected) in table {
        let outcome = output.send(&opened(), Timestamp::UNIX_EPOCH).await;
        let retry = outcome.as_ref().err().map(|refusal| refusal.retry);
        assert_eq!(retry, expected, "{status}");
        if let Err(refusal) = outcome {
            assert!(
                refusal.error.contains("synthetic answer"),
                "{}",
                refusal.error
            );
            assert!(!refusal.error.contains("token"), "{}", refusal.error);
        }
    }
    let got = peer.got.lock().unwrap();
    assert_eq!(got.len(), table.len(), "no redirect is followed");
}

#[rstest::rstest]
#[case::slack("slack", "/in", "application/json", None)]
#[case::teams("teams", "/in", "application/json", None)]
#[case::google_chat(
    "googleChat",
    "/in?key=k&token=t&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD",
    "application/json",
    None
)]
#[case::pagerduty("pagerduty", "/in", "application/json", None)]
#[case::alertmanager(
    "alertmanager",
    "/in/api/v2/alerts",
    "application/json",
    Some("Bearer synthetic-token")
)]
#[case::cloud_events(
    "cloudEvents",
    "/in",
    "application/cloudevents+json",
    Some("Bearer synthetic-token")
)]
#[tokio::test]
async fn each_channel_posts_where_and_how_it_is_documented(
    #[case] type_name: &str,
    #[case] path: &str,
    #[case] content_type: &str,
    #[case] authorization: Option<&str>,
) {
    let peer = Peer::answering(&[]).await;
    let output = at(type_name, &peer.url);
    output.send(&closed(), Timestamp::UNIX_EPOCH).await.unwrap();
    let got = peer.got.lock().unwrap();
    let (to, headers, body) = &got[0];
    assert_eq!(to, path);
    assert_eq!(headers["content-type"], content_type);
    let sent = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    assert_eq!(sent, authorization);
    let says = match type_name {
        "slack" => body["blocks"][0]["type"] == "header",
        "teams" => body["attachments"][0]["content"]["type"] == "AdaptiveCard",
        "googleChat" => body["cardsV2"][0]["cardId"] == "01CASE-3",
        "pagerduty" => body["event_action"] == "resolve" && body["routing_key"] == KEY,
        "alertmanager" => body[0]["labels"]["alertname"] == "PosternCase",
        _ => body["specversion"] == "1.0" && body["subject"] == "01CASE",
    };
    assert!(says, "{body}");
}

#[test]
fn a_channel_that_cannot_work_says_why_and_shows_no_secret() {
    let mistake = |fields: Value, secret: &str| {
        let config: config::Output = serde_json::from_value(fields).unwrap();
        output(&config, &|_| Ok(secret.to_owned()), &Buses::new())
            .err()
            .unwrap()
            .to_string()
    };
    let messages = [
        mistake(
            json!({"name": "s", "type": "slack", "url": "env:U"}),
            "T0/B0/hunter2",
        ),
        mistake(
            json!({"name": "t", "type": "teams", "url": "env:U"}),
            "http://flows.example/hunter2",
        ),
        mistake(
            json!({"name": "g", "type": "googleChat", "url": "env:U"}),
            "https://192.168.1.1/hunter2",
        ),
        mistake(
            json!({"name": "p", "type": "pagerduty", "routingKey": "env:K"}),
            "hunter2",
        ),
        mistake(
            json!({"name": "c", "type": "cloudEvents", "url": "https://events.example/", "token": "env:T"}),
            "hunter2\nx: y",
        ),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    output "s": what `url` refers to is no URL of a receiver; it should hold https://HOST/PATH
    output "t": alerts go over https; http is for loopback with allowPrivate: true
    output "g": 192.168.1.1 is not a public address; if that is meant, set allowPrivate: true
    output "p": what `routingKey` refers to is no integration key of PagerDuty: that is 32 letters and digits; add an integration "Events API v2" to the service and take its key
    output "c": what `token` refers to is no bearer token: it holds a line break or another control character
    "#);
}
