//! The Terraform modules: what they repeat of Postern is what Postern says, and they are written as
//! Terraform writes them. And the run task of HCP Terraform.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use postern_tests::have;
use serde_json::{Value, json};

use crate::support::{Process, Reply, StandIn, World, http};

fn modules() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

#[test]
fn the_sink_has_the_filter_that_postern_exports() {
    let mut export = postern_tests::postern();
    export.args(["audit", "rules", "export", "--format", "logging-filter"]);
    let exported = String::from_utf8(postern_tests::run(&mut export)).unwrap();
    let committed = std::fs::read_to_string(modules().join("gcp/audit/filter.txt")).unwrap();
    assert!(
        committed == exported,
        "renew it: postern audit rules export --format logging-filter > terraform/gcp/audit/filter.txt"
    );
}

#[test]
fn they_are_formatted() {
    if !have(&["terraform"]) {
        return;
    }
    let mut format = Command::new("terraform");
    format
        .args(["fmt", "-check", "-diff", "-recursive"])
        .arg(modules());
    postern_tests::run(&mut format);
}

/// A stand-in for HCP Terraform: it has a plan, and passes on what it is told of tasks.
fn hcp_stand_in(plan: Value) -> (StandIn, Receiver<Value>) {
    let (told, heard) = channel();
    let told = Mutex::new(told);
    let server = StandIn::start(move |request| {
        let token = request.headers.get("authorization");
        match (request.method.as_str(), request.target.as_str()) {
            _ if token != Some("Bearer of-this-run") => Reply::status(401),
            ("GET", "/api/v2/plans/plan-1/json-output") => Reply::json(&plan),
            ("PATCH", "/api/v2/task-results/1/callback") => {
                told.lock().unwrap().send(request.json()).unwrap();
                Reply::status(200)
            }
            _ => Reply::status(404),
        }
    });
    (server, heard)
}

fn signature(world: &World, body: &str) -> String {
    world.write("body.json", body);
    let mut openssl = Command::new("openssl");
    openssl.current_dir(world.folder()).args([
        "dgst",
        "-sha512",
        "-hmac",
        "synthetic-key",
        "-r",
        "body.json",
    ]);
    let printed = String::from_utf8(postern_tests::run(&mut openssl)).unwrap();
    printed.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_run_task_is_answered_by_what_the_plan_would_weaken() {
    if !have(&["openssl"]) {
        return;
    }
    let plan = json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {}},
        "resource_changes": [{
            "address": "google_binary_authorization_policy.this",
            "mode": "managed",
            "type": "google_binary_authorization_policy",
            "change": {"actions": ["create"], "before": null, "after_unknown": {}, "after": {
                "project": "acme-shop",
                "default_admission_rule": [{
                    "evaluation_mode": "ALWAYS_ALLOW",
                    "enforcement_mode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                }],
            }},
        }],
    });
    let (hcp, heard) = hcp_stand_in(plan);
    let world = World::new();
    let key = world.write("key", "synthetic-key\n");
    let config = json!({"terraform": {"runTask": {
        "key": format!("file:{}", key.display()),
        "hosts": [hcp.url()],
    }}});
    let server = Process::serve_configured(&world, &config);
    let request = json!({
        "payload_version": 1,
        "stage": "post_plan",
        "access_token": "of-this-run",
        "run_id": "run-1",
        "plan_json_api_url": format!("{}/api/v2/plans/plan-1/json-output", hcp.url()),
        "task_result_callback_url": format!("{}/api/v2/task-results/1/callback", hcp.url()),
    })
    .to_string();
    let ask = |signature: &str| {
        let headers = [("x-tfc-task-signature", signature)];
        let path = "/v1/terraform/run-task";
        http::send(server.address(), "POST", path, &headers, request.as_bytes()).status
    };
    assert_eq!(ask(&signature(&world, "another body")), 401);
    assert_eq!(ask(&signature(&world, &request)), 200);
    let status = |told: &Value| told["data"]["attributes"]["status"].clone();
    assert_eq!(
        status(&heard.recv_timeout(http::PATIENCE).unwrap()),
        "running"
    );
    let verdict = heard.recv_timeout(http::PATIENCE).unwrap();
    assert_eq!(status(&verdict), "failed");
    let outcome = &verdict["data"]["relationships"]["outcomes"]["data"][0]["attributes"];
    assert_eq!(outcome["outcome-id"], "ALLOW_ALL-1");
}
