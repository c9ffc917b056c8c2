//! The disk is full for a while.

use postern_tests::have;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::client::{self, Answer};
use crate::conclusion::conclude;
use crate::disk::Tricks;
use crate::instance::Instance;
use crate::model::{Model, Outcome};
use crate::scene::{Scene, TOOLS};

/// Delivers some new events and what is still open; every answer has to be one of these.
fn deliver(server: &Instance, model: &mut Model, rng: &mut StdRng, statuses: &[u16]) {
    for job in model.draw(rng, 10) {
        let answer = client::deliver(server.address(), &job.request).unwrap();
        let known = model.knows(&job) && answer.status != 503;
        assert!(known || statuses.contains(&answer.status), "{answer:?}");
        let outcome = match answer.status {
            503 => Outcome::Refused,
            _ => Outcome::Acknowledged,
        };
        model.delivered(&job, outcome);
    }
}

fn ready(server: &Instance) -> u16 {
    client::get(server.address(), "/ready").unwrap().status
}

#[test]
fn a_full_disk_acknowledges_nothing_and_loses_nothing() {
    if !have(&TOOLS) {
        return;
    }
    let seed = rand::random();
    println!("seed {seed}");
    let (scene, mut model, mut rng) = (Scene::set(), Model::default(), StdRng::seed_from_u64(seed));
    let mut server = scene.serve(Tricks::default());
    for _ in 0..3 {
        deliver(&server, &mut model, &mut rng, &[200, 204]);
        assert_eq!(ready(&server), 200);
        scene.disk.fill(true);
        deliver(&server, &mut model, &mut rng, &[503]);
        assert_eq!(ready(&server), 503);
        let health = client::get(server.address(), "/health").unwrap();
        assert_eq!(health.status, 200, "a new start would not help");
        let cases = client::get(server.address(), "/v1/cases").unwrap();
        assert_eq!(cases.status, 200, "what is there can be read");
        scene.disk.fill(false);
        assert_eq!(ready(&server), 200);
        deliver(&server, &mut model, &mut rng, &[200, 204]);

        // Killed and started again while there is no room.
        scene.disk.fill(true);
        server.kill();
        server = scene.serve(Tricks::default());
        deliver(&server, &mut model, &mut rng, &[503]);
        assert_eq!(ready(&server), 503);
        scene.disk.fill(false);
        deliver(&server, &mut model, &mut rng, &[200, 204]);
    }
    server.kill();
    conclude(&scene, model, &mut rng, &[], 1);
}

fn break_glass(server: &Instance) -> Answer {
    let image = format!(
        "us-central1-docker.pkg.dev/demo-mart/apps/till@sha256:{:064}",
        7
    );
    let body = json!({
        "images": [image], "target": "cloud-run:demo-mart/us-central1/till",
        "breakGlass": "INC-9 the disk is full",
    });
    client::post(server.address(), "/v1/decisions?enforce=true", &body)
        .unwrap_or_else(|| panic!("{}", server.said()))
}

fn cases_of(server: &Instance, decision: &str) -> Vec<Value> {
    let cases = client::get(server.address(), "/v1/cases").unwrap().json();
    let mut cases = cases["cases"].as_array().unwrap().clone();
    cases.retain(|case| case["findings"][0]["decisionId"] == *decision);
    cases
}

#[test]
fn the_emergency_door_opens_while_the_store_has_no_room() {
    if !have(&TOOLS) {
        return;
    }
    let scene = Scene::set();
    // On another disk.
    scene.configure(|config| config["gate"]["spool"] = json!(scene.path("spool")));
    let server = scene.serve(Tricks::default());
    assert_eq!(ready(&server), 200);
    scene.disk.fill(true);
    let answer = break_glass(&server);
    assert_eq!(answer.status, 200, "{answer:?}");
    let decision = answer.json()["id"].as_str().unwrap().to_owned();
    let said = client::until("the log line", || {
        let said = server.said();
        let mut lines = said.lines().map(str::to_owned);
        lines.find(|line| line.contains("CRITICAL") && line.contains(&decision))
    });
    assert!(said.contains("INC-9 the disk is full"), "{said}");
    let spooled = scene.path("spool").join(format!("{decision}.json"));
    assert!(spooled.is_file());
    assert_eq!(cases_of(&server, &decision), [] as [Value; 0]);

    scene.disk.fill(false);
    client::until("the case", || {
        client::post(server.address(), "/v1/tick", &json!({}))?;
        (cases_of(&server, &decision).len() == 1 && !spooled.exists()).then_some(())
    });
}

/// Where the spool has no room either there would be no record that lasts, so the door stays shut.
#[test]
fn without_any_record_the_emergency_door_stays_shut() {
    if !have(&TOOLS) {
        return;
    }
    let scene = Scene::set();
    let server = scene.serve(Tricks::default());
    assert_eq!(ready(&server), 200);
    scene.disk.fill(true);
    let answer = break_glass(&server);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json()["code"], "JOURNAL_UNAVAILABLE", "{answer:?}");
    scene.disk.fill(false);
    assert_eq!(break_glass(&server).status, 200);
}
