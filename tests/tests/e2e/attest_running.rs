//! `postern attest --running` and `--project`: what runs today goes on running, until a day.

use jiff::{SignedDuration, Timestamp};
use postern_tests::have;
use serde_json::json;

use crate::support::{DIGEST, IMAGE, Reply, StandIn, World};

const TARGET: &str = "cloud-run:demo-project/us-central1/web";
/// Nobody listens there: it is the discard service's port.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Cloud Run, in the person of a fake: one service, of which one revision gets all the traffic.
fn cloud_run(image: &'static str) -> StandIn {
    StandIn::start(move |request| {
        let location = "/v2/projects/demo-project/locations/us-central1";
        let path = request.target.split('?').next().unwrap();
        let service = format!("{location}/services/web");
        let name = service.trim_start_matches("/v2/");
        Reply::json(&match path.strip_prefix(location) {
            Some("/services") => json!({"services": [{"name": name}]}),
            Some("/jobs" | "/workerPools") => json!({}),
            Some("/services/web") => json!({
                "latestReadyRevision": "web-00001-abc", "latestCreatedRevision": "web-00001-abc",
                "trafficStatuses": [{"revision": "web-00001-abc", "percent": 100}],
            }),
            Some("/services/web/revisions") => json!({"revisions": [{
                "name": format!("{name}/revisions/web-00001-abc"),
                "containers": [{"image": image}],
            }]}),
            _ => return Reply::status(404),
        })
    })
}

/// `postern attest` of what the words mean, with Cloud Run at this address.
fn attest(world: &World, url: &str, key: &str, words: &[&str]) -> (Option<i32>, String) {
    let mut endpoints = json!({"run": url});
    for api in [
        "resourceManager",
        "logging",
        "pubsub",
        "container",
        "orgPolicy",
    ] {
        endpoints[api] = json!(NOWHERE);
    }
    world.write("postern.json", json!({"endpoints": endpoints}).to_string());
    let mut command = world.postern(&["attest", "--config", "postern.json", "--key", key]);
    command
        .args(["--attestor", "built-by-ci", "--attestors", "attestors.json"])
        .args(["--to", "store:data"])
        .args(words);
    let output = postern_tests::output(&mut command);
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn what_runs_is_attested_until_a_day_and_not_from_then_on() {
    if !have(&["openssl"]) {
        return;
    }
    let platform = cloud_run(IMAGE);
    for words in [
        &["--running", TARGET, "--until", "2d"][..],
        &[
            "--project",
            "demo-project",
            "--location",
            "us-central1",
            "--until",
            "2d",
        ],
    ] {
        let (world, key) = World::with_key();
        let key = format!("file:{}", key.private.display());
        let (exit, said) = attest(&world, &platform.url(), &key, words);
        assert_eq!(exit, Some(0), "{said}");
        let stored = ["--attestations", "store:data"];
        world.check(IMAGE, &stored).is_attested();
        let later = (Timestamp::now() + SignedDuration::from_hours(49)).to_string();
        let then = ["--attestations", "store:data", "--at", &later];
        world.check(IMAGE, &then).is_denied("ATTESTATION_EXPIRED");
    }
}

#[test]
fn what_has_no_digest_is_told_and_what_cannot_be_read_leaves_nothing_half_done() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, key) = World::with_key();
    let key = format!("file:{}", key.private.display());
    let words = ["--running", TARGET, "--until", "2d"];
    let by_tag = cloud_run("us-central1-docker.pkg.dev/demo-project/repo/app:v1");
    let (exit, said) = attest(&world, &by_tag.url(), &key, &words);
    assert_eq!(exit, Some(1), "{said}");
    assert!(
        said.contains("not named by digest") && !said.contains(DIGEST),
        "{said}"
    );
    let (exit, said) = attest(&world, NOWHERE, &key, &words);
    assert_eq!(exit, Some(3), "{said}");
    let (exit, said) = attest(&world, NOWHERE, &key, &words[..2]);
    assert_eq!(
        exit,
        Some(2),
        "what runs today is not attested for ever: {said}"
    );
}
