//! Auditor and notifier as Lambda functions that Lambda hands the messages of SQS queues to.

use std::process::Command;

use serde_json::{Value, json};

use crate::audit::break_glass_entry;
use crate::platforms::Runtime;
use crate::support::{Reply, StandIn, World, ours};

fn function(world: &World, name: &str) -> Command {
    let mut command = ours(name);
    command.current_dir(world.folder());
    command.env("POSTERN_CONFIG", "postern.yaml");
    command
}

/// A world whose alerts go to this receiver.
fn world(receiver: &StandIn, store: &str) -> World {
    let world = World::new();
    let hook = json!({
        "name": "hook", "type": "webhook", "url": format!("{}/alerts", receiver.url()),
        "allowPrivate": true,
    });
    let config = json!({
        "store": store, "acceptEphemeralStore": true, "outputs": [hook],
        "auth": {"auditor": "platform", "cases": "platform"},
    });
    world.write("postern.yaml", config.to_string());
    world
}

/// Messages `1`, `2`, … of a queue, as Lambda hands them over.
fn batch(queue: &str, bodies: &[String]) -> Value {
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": (index + 1).to_string(), "receiptHandle": "synthetic", "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "synthetic",
                "SentTimestamp": "1767323045000"},
            "messageAttributes": {}, "md5OfBody": "synthetic", "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:111122223333:{queue}"),
            "awsRegion": "eu-west-1",
        })
    };
    let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
    json!({"Records": records})
}

fn failed(ids: &[&str]) -> Value {
    let failures: Vec<_> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": failures})
}

#[test]
fn events_of_a_queue_become_alerts_that_a_tick_of_a_queue_sends() {
    let receiver = StandIn::start(|_| Reply::status(204));
    let world = world(&receiver, "sqlite:postern.db");
    let runtime = Runtime::start();
    let auditor = runtime.function(&mut function(&world, "postern-auditor"));
    let bodies = [
        break_glass_entry("synthetic-1").to_string(),
        "{\"neither\": an event".to_owned(),
        break_glass_entry("synthetic-1").to_string(),
    ];
    // What cannot be read is kept, and what comes twice is known: none of them is to come again.
    assert_eq!(runtime.answer(batch("audit", &bodies)), failed(&[]));
    drop(auditor);
    let runtime = Runtime::start();
    let _notifier = runtime.function(&mut function(&world, "postern-notifier"));
    let tick = json!({"tick": true}).to_string();
    let poison = json!({"tick": "now"}).to_string();
    let answer = runtime.answer(batch(
        "ticks",
        &[tick.clone(), poison.clone(), tick.clone()],
    ));
    assert_eq!(answer, failed(&["2"]));
    let sent = receiver.seen();
    let categories: Vec<_> = sent
        .iter()
        .map(|alert| alert.json()["data"]["category"].clone())
        .collect();
    assert_eq!(
        categories
            .iter()
            .filter(|category| **category == "BREAK_GLASS")
            .count(),
        1,
        "{categories:?}"
    );
    // Nothing is sent twice, and a FIFO queue stays in order.
    let answer = runtime.answer(batch("ticks.fifo", &[tick.clone(), poison, tick]));
    assert_eq!(answer, failed(&["2", "3"]));
    assert_eq!(receiver.seen().len(), sent.len());
}

#[test]
fn events_that_cannot_be_written_come_again() {
    let receiver = StandIn::start(|_| Reply::status(204));
    // Nobody listens on port 1.
    let world = world(&receiver, "postgres://postern@127.0.0.1:1/postern");
    let runtime = Runtime::start();
    let _auditor = runtime.function(&mut function(&world, "postern-auditor"));
    let bodies = ["1", "2", "3"].map(|id| break_glass_entry(id).to_string());
    assert_eq!(
        runtime.answer(batch("audit", &bodies)),
        failed(&["1", "2", "3"])
    );
}
