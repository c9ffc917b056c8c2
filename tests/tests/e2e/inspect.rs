//! `postern inspect`, on a data directory and on a server that has it.

use postern_tests::have;
use serde_json::{Value, json};

use crate::audit::{config, serve};
use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{DIGEST, Reply, StandIn, World, attestor, http};

const TARGET: &str = "cloud-run:demo-project/us-central1/web";

/// Cloud Run, in the person of a fake: one revision, with all the traffic.
fn cloud_run() -> StandIn {
    StandIn::start(|request| {
        let service = "projects/demo-project/locations/us-central1/services/web";
        let image = format!("synthetic.example/app@{DIGEST}");
        Reply::json(&match request.target.contains("/revisions") {
            true => json!({"revisions": [{"name": format!("{service}/revisions/web-00001-abc"),
                "containers": [{"image": image}]}]}),
            false => {
                json!({"latestReadyRevision": "web-00001-abc", "latestCreatedRevision": "web-00001-abc",
                "trafficStatuses": [{"revision": "web-00001-abc", "percent": 100}]})
            }
        })
    })
}

fn run(world: &World, words: &[&str]) -> (Option<i32>, String, String) {
    let output = postern_tests::output(&mut world.postern(words));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_server_tells_the_same_as_its_data_directory() {
    if !have(&["openssl"]) {
        return;
    }
    let platform = cloud_run();
    let world = World::new();
    world.trust(&attestor(&[]));
    let issuer = Issuer::start(world.folder());
    let mut config = config();
    config["endpoints"] = json!({"run": platform.url()});
    config["auth"] = json!({"cases": [{"issuer": issuer.name(), "audience": AUDIENCE,
        "claims": {"email": "dana@example.com"}, "may": ["view"]}]});
    let server = serve(&world, &config);
    let deploy = json!({"images": [format!("synthetic.example/app@{DIGEST}")], "target": TARGET,
        "breakGlass": "INC-7 synthetic"});
    let decided = http::post(server.address(), "/v1/decisions", None, &deploy);
    assert_eq!(decided.status, 200, "{}", decided.json());

    world.write("token", issuer.token("dana@example.com"));
    let url = format!("http://{}", server.address());
    for format in ["json", "text"] {
        let asked = ["inspect", TARGET, "--format", format];
        let local = ["--data", "data", "--config", "postern.yaml"];
        let local = run(&world, &[&asked[..], &local].concat());
        let remote = ["--server", &url, "--token-file", "token"];
        let remote = run(&world, &[&asked[..], &remote].concat());
        assert_eq!(local.0, Some(0), "{}{}", local.1, local.2);
        assert_eq!((remote.0, &remote.1), (local.0, &local.1), "{}", remote.2);
        assert!(remote.1.contains("web-00001-abc") && remote.1.contains("INC-7 synthetic"));
        if format == "json" {
            let told: Value = serde_json::from_str(&remote.1).unwrap();
            assert_eq!(told["openCases"].as_array().unwrap().len(), 1, "{told}");
        }
    }

    // Somebody else is told nothing.
    world.write("token", issuer.token("eve@example.com"));
    let stranger = ["inspect", TARGET, "--server", &url, "--token-file", "token"];
    let (exit, out, said) = run(&world, &stranger);
    assert!(matches!(exit, Some(1 | 2)), "{said}");
    assert_eq!(out, "");
    drop(server);
    assert_eq!(run(&world, &stranger).0, Some(3));
}
