//! From a log entry to an alert at a topic, a queue, a bus and in a mailbox.

mod aws;
mod groups;
mod mail;
mod pubsub;
mod web_identity;

use serde_json::{Value, json};

use crate::audit::{break_glass_entry, cases, config, push, until};
use crate::support::{Process, World, attestor, http};

/// `postern serve` with these outputs, and what else its environment says.
fn serve(world: &World, outputs: Value, environment: &[(&str, &str)]) -> Process {
    serve_as(world, json!({"outputs": outputs}), environment)
}

/// As [`serve`], with these sections of its configuration.
fn serve_as(world: &World, sections: Value, environment: &[(&str, &str)]) -> Process {
    world.trust(&attestor(&[]));
    let mut config = config();
    for (name, section) in sections.as_object().unwrap() {
        config[name] = section.clone();
    }
    std::fs::create_dir_all(world.path("data")).unwrap();
    world.write("postern.yaml", config.to_string());
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "postern.yaml",
    ];
    let mut command = world.postern(&words);
    Process::serve(command.envs(environment.iter().copied()))
}

/// Somebody opens the emergency door with these words, and the case that it becomes.
fn break_glass(server: &Process, words: &str) -> Value {
    let entry = break_glass_entry("synthetic-1").to_string();
    let words = json!(words).to_string();
    let entry = entry.replace("INC-123 hotfix", words.trim_matches('"'));
    let entry: Value = serde_json::from_str(&entry).unwrap();
    let answer = http::post(server.address(), "/v1/events/pubsub", None, &push(&entry));
    assert_eq!(answer.status, 204);
    until("the case", || cases(server).into_iter().next())
}

/// Acknowledges a case, which is another alert.
fn acknowledge(server: &Process, case: &Value) {
    let path = format!("/v1/cases/{}:acknowledge", case["id"].as_str().unwrap());
    let headers = [("if-match", "\"1\"")];
    let answer = http::send(server.address(), "POST", &path, &headers, b"");
    assert!(answer.status < 300, "{}", answer.json());
}

/// The case in a CloudEvent.
fn case_in(body: &str) -> Value {
    let event: Value = serde_json::from_str(body).unwrap();
    event["data"].clone()
}
