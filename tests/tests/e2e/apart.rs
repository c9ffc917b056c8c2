//! The four functions as processes of their own over one store, as they are shipped to a cloud.

use postern_tests::have;
use serde_json::{Value, json};

use crate::support::{ATTESTOR, DIGEST, Process, World, http, ours};

/// Starts one function on a port of its own.
fn start(world: &World, binary: &str) -> Process {
    Process::serve(
        ours(binary)
            .current_dir(world.folder())
            .env("POSTERN_CONFIG", "postern.yaml")
            .env("POSTERN__LISTEN", "127.0.0.1:0"),
    )
}

fn alerts(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.path("alerts.ndjson")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_function_works_as_a_process_of_its_own() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let config = json!({
        "store": "sqlite:postern.db",
        "policy": "policy.json",
        "attestors": "attestors.json",
        "attestations": ["store"],
        "attestor": {"signers": [{
            "attestor": ATTESTOR, "key": format!("file:{}", key.private.display()),
            "callers": ["local"], "repositories": ["synthetic.example/**"],
        }]},
        "outputs": [{"name": "record", "type": "file", "path": "alerts.ndjson"}],
    });
    world.write("postern.yaml", config.to_string());
    let mut functions = [
        "postern-gate",
        "postern-attestor",
        "postern-auditor",
        "postern-notifier",
    ]
    .map(|binary| start(&world, binary));
    let [gate, attestor, auditor, notifier] = functions.each_ref().map(Process::address);
    for address in [gate, attestor, auditor, notifier] {
        assert_eq!(http::get(address, "/health").status, 200);
        assert_eq!(http::get(address, "/ready").status, 200);
    }

    let image = format!("synthetic.example/app@{DIGEST}");
    let mut asked = json!({"images": [image]});
    assert_eq!(
        http::post(gate, "/v1/decisions?enforce=true", None, &asked).status,
        403
    );
    asked["breakGlass"] = json!("INC-7 synthetic");
    assert_eq!(
        http::post(gate, "/v1/decisions?enforce=true", None, &asked).status,
        200
    );

    // The gate made a case of it, which the auditor shows and the notifier delivers when called.
    let cases = http::get(auditor, "/v1/cases").json();
    assert_eq!(cases["cases"][0]["category"], "BREAK_GLASS", "{cases}");
    assert!(alerts(&world).is_empty(), "nothing is sent before the tick");
    assert_eq!(
        http::post(notifier, "/v1/tick", None, &json!({})).json()["delivered"],
        1
    );
    assert_eq!(alerts(&world)[0]["data"]["id"], cases["cases"][0]["id"]);
    assert_eq!(
        http::post(notifier, "/v1/tick", None, &json!({})).json()["delivered"],
        0
    );

    let signed = http::post(
        attestor,
        "/v1/attestations",
        None,
        &json!({"image": image, "attestor": ATTESTOR}),
    );
    assert_eq!(signed.status, 201, "{}", signed.json());
    asked.as_object_mut().unwrap().remove("breakGlass");
    assert_eq!(
        http::post(gate, "/v1/decisions?enforce=true", None, &asked).status,
        200
    );

    for function in &mut functions {
        function.ask_to_end();
        assert_eq!(function.ended().code(), Some(0), "{}", function.said());
    }
}
