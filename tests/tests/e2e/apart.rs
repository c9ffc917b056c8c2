//! The functions as processes of their own over one store, as they are shipped to a cloud.

use postern_tests::have;
use rstest::rstest;
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
        "postern-trust",
    ]
    .map(|binary| start(&world, binary));
    let [gate, attestor, auditor, notifier, trust] = functions.each_ref().map(Process::address);
    for address in [gate, attestor, auditor, notifier, trust] {
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

    // What is changed at the trust function is a case, too.
    let note = json!({"attestation": {}});
    let notes = "/v1/projects/demo-project/notes";
    let made = http::post(trust, &format!("{notes}?noteId=ci"), None, &note);
    assert_eq!(made.status, 200);
    http::send(trust, "DELETE", &format!("{notes}/ci"), &[], b"");
    assert_eq!(
        http::post(auditor, "/v1/tick", None, &json!({})).status,
        200
    );
    let cases = http::get(auditor, "/v1/cases?category=TRUST_CHAIN").json();
    let detection = &cases["cases"][0]["findings"][0]["detection"];
    assert_eq!(*detection, "gcp.grafeas.note-deleted", "{cases}");

    for function in &mut functions {
        function.ask_to_end();
        assert_eq!(function.ended().code(), Some(0), "{}", function.said());
    }
}

#[rstest]
#[case::by_the_gate("postern-gate")]
#[case::by_the_auditor("postern-auditor")]
fn what_was_spooled_is_a_case_when_the_store_is_back(#[case] taker: &str) {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let config = json!({
        "store": "sqlite:data/postern.db",
        "policy": "policy.json",
        "attestors": "attestors.json",
        "gate": {"spool": "spool"},
    });
    world.write("postern.yaml", config.to_string());
    // Where the directory of the database belongs is a file.
    world.write("data", "");
    let mut gate = start(&world, "postern-gate");
    let asked = json!({
        "images": [format!("synthetic.example/app@{DIGEST}")], "breakGlass": "INC-7 synthetic",
    });
    let answer = http::post(gate.address(), "/v1/decisions?enforce=true", None, &asked);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let decision = answer.json()["id"].clone();
    let spooled = || std::fs::read_dir(world.path("spool")).unwrap().count();
    assert_eq!(spooled(), 1);
    let answer = http::post(gate.address(), "/v1/tick", None, &json!({}));
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "STORE_UNAVAILABLE")
    );
    assert_eq!(spooled(), 1, "nothing is lost while the store is away");

    // Only the one that is asked is there to take it in.
    if taker != "postern-gate" {
        gate.ask_to_end();
        assert_eq!(gate.ended().code(), Some(0), "{}", gate.said());
    }
    std::fs::remove_file(world.path("data")).unwrap();
    let other = (taker != "postern-gate").then(|| start(&world, taker));
    let address = other.as_ref().unwrap_or(&gate).address();
    let answer = http::post(address, "/v1/tick", None, &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(spooled(), 0, "{}", answer.json());
    drop(other);

    let auditor = start(&world, "postern-auditor");
    let cases = http::get(auditor.address(), "/v1/cases").json();
    assert_eq!(cases["cases"].as_array().unwrap().len(), 1, "{cases}");
    let case = &cases["cases"][0];
    assert_eq!(case["category"], "BREAK_GLASS", "{case}");
    assert!(
        case.to_string().contains(decision.as_str().unwrap()),
        "{case}"
    );
}

#[rstest]
#[case::all_of_them("gate,attestor,auditor,notifier", true)]
#[case::one_that_delivers_nothing("gate", false)]
fn functions_in_one_process_have_one_tick(#[case] only: &str, #[case] delivers: bool) {
    let world = World::new();
    let words = ["serve", "--listen", "127.0.0.1:0", "--only", only];
    let server = Process::serve(&mut world.postern(&words));
    let answer = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let said = answer.json();
    assert_eq!(said["spooled"], 0, "{said}");
    assert_eq!(said.get("delivered").is_some(), delivers, "{said}");
}
