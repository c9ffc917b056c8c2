//! Pub/Sub, in the person of Google's emulator.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_tests::{Server, have, pubsub_emulator};
use serde_json::{Value, json};

use super::{acknowledge, break_glass, case_in, serve, until};
use crate::support::{World, http};

const TOPIC: &str = "/v1/projects/demo-project/topics/alerts";
const SUBSCRIPTION: &str = "/v1/projects/demo-project/subscriptions/reader";

/// A topic, and a subscription that keeps the order.
fn prepare(emulator: &Server) {
    let put = |path: &str, body: &Value| {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        let answer = http::send(emulator.address(), "PUT", path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.json());
    };
    put(TOPIC, &json!({}));
    let topic = TOPIC.trim_start_matches("/v1/");
    put(
        SUBSCRIPTION,
        &json!({"topic": topic, "enableMessageOrdering": true}),
    );
}

/// The next messages, acknowledged.
fn pull(emulator: &Server) -> Vec<Value> {
    let ask = json!({"maxMessages": 10, "returnImmediately": true});
    let answer = http::post(
        emulator.address(),
        &format!("{SUBSCRIPTION}:pull"),
        None,
        &ask,
    );
    let received = answer.json()["receivedMessages"].as_array().cloned();
    let received = received.unwrap_or_default();
    if !received.is_empty() {
        let ids: Vec<_> = received.iter().map(|one| one["ackId"].clone()).collect();
        let path = format!("{SUBSCRIPTION}:acknowledge");
        http::post(emulator.address(), &path, None, &json!({"ackIds": ids}));
    }
    received.iter().map(|one| one["message"].clone()).collect()
}

fn outputs() -> Value {
    json!([{"name": "topic", "type": "pubsub", "topic": "projects/demo-project/topics/alerts"}])
}

#[test]
fn alerts_of_a_case_are_in_order_and_can_be_filtered() {
    if !have(&["pubsub-emulator"]) {
        return;
    }
    let (world, emulator) = (World::new(), pubsub_emulator());
    prepare(&emulator);
    let host = [("PUBSUB_EMULATOR_HOST", emulator.address())];
    let server = serve(&world, outputs(), &host);
    let case = break_glass(&server, "INC-7 \u{4e16}\u{1f980}\r\n.\r\n");
    let mut messages = Vec::new();
    until("the alert", || {
        messages.extend(pull(&emulator));
        (!messages.is_empty()).then_some(())
    });
    acknowledge(&server, &case);
    until("the second alert", || {
        messages.extend(pull(&emulator));
        (messages.len() >= 2).then_some(())
    });
    let id = case["id"].as_str().unwrap();
    for (message, revision) in messages.iter().zip(["1", "2"]) {
        assert_eq!(message["orderingKey"], id);
        let attributes = &message["attributes"];
        let state = if revision == "1" {
            "OPEN"
        } else {
            "ACKNOWLEDGED"
        };
        for (name, value) in [
            ("alertId", format!("{id}-{revision}").as_str()),
            ("caseId", id),
            ("revision", revision),
            ("category", "BREAK_GLASS"),
            ("state", state),
            ("target", "cloud-run:demo-project/us-central1/web"),
            ("content-type", "application/cloudevents+json"),
            ("ce-specversion", "1.0"),
            ("ce-id", format!("{id}-{revision}").as_str()),
            ("ce-subject", id),
        ] {
            assert_eq!(attributes[name], value, "{name}");
        }
        let data = STANDARD.decode(message["data"].as_str().unwrap()).unwrap();
        let told = case_in(&String::from_utf8(data).unwrap());
        assert_eq!(
            told["findings"][0]["justification"],
            case["findings"][0]["justification"]
        );
    }
}

/// An outage delays an alert and loses none.
#[test]
fn an_emulator_that_is_down_at_first_has_the_alert_later() {
    if !have(&["pubsub-emulator"]) {
        return;
    }
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let server = serve(&world, outputs(), &[("PUBSUB_EMULATOR_HOST", &address)]);
    let case = break_glass(&server, "INC-7 hotfix");
    server.line("an alert was not taken");
    let emulator = postern_tests::pubsub_emulator_at(&address);
    prepare(&emulator);
    let message = until("the alert", || pull(&emulator).into_iter().next());
    assert_eq!(message["orderingKey"], case["id"]);
}
