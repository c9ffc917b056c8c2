//! Nothing is answered before it is on the disk: the order of what a server does, as its library calls tell it.

use postern_tests::have;
use serde_json::json;

use crate::client;
use crate::disk::Tricks;
use crate::events::{self, Request};
use crate::scene::{Scene, TOOLS};

/// By this the library knows what it sees in the write-ahead log.
fn mark(number: usize) -> String {
    format!("traced-{number:04}")
}

/// Deliveries in all forms, and decisions, with the marks that they bring.
fn requests() -> Vec<(Vec<String>, Request)> {
    let event = |number| events::break_glass_called(&mark(number), number);
    let mut requests = Vec::new();
    for number in (0..60).step_by(6) {
        let batch = [3, 4, 5].map(|further| event(number + further));
        requests.push((vec![mark(number)], events::push(&event(number))));
        let one = events::cloud_event(&event(number + 1));
        requests.push((vec![mark(number + 1)], one));
        requests.push((vec![mark(number + 2)], decision(number + 2)));
        let marks = batch.iter().map(|event| event.id.clone());
        requests.push((marks.collect(), events::batch(&batch)));
    }
    requests
}

fn decision(number: usize) -> Request {
    let image = format!("us-central1-docker.pkg.dev/demo-mart/apps/till@sha256:{number:064}");
    let target = format!("cloud-run:demo-mart/us-central1/{}", mark(number));
    Request {
        path: "/v1/decisions",
        content_type: "application/json",
        body: json!({"images": [image], "target": target})
            .to_string()
            .into_bytes(),
    }
}

#[test]
fn what_is_answered_was_synced() {
    if !have(&TOOLS) {
        return;
    }
    let scene = Scene::set();
    let server = scene.serve(Tricks {
        log: true,
        ..Tricks::default()
    });
    let requests = requests();
    for (_, request) in &requests {
        let answer = client::deliver(server.address(), request).unwrap();
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    }
    let log = scene.disk.log();
    let place = |from: usize, line: &str| {
        let found = log[from..].iter().position(|said| said == line);
        found.map_or_else(
            || panic!("no {line:?} after line {from}"),
            |found| from + found,
        )
    };
    let mut answered = 0;
    for (marks, request) in &requests {
        answered = place(answered, "answered") + 1;
        for mark in marks {
            let written = place(0, &format!("wrote {mark}"));
            let synced = place(written, "synced");
            assert!(
                synced < answered,
                "{mark} was answered before it was synced: {}",
                request.path
            );
        }
    }
}
