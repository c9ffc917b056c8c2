//! `postern serve`: from a log entry to a case to an alert.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_tests::have;
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::{Process, Reply, Seen, StandIn, World, http};

const PUSH: &str = "push@demo-project.iam.gserviceaccount.com";

/// What Cloud Run writes when somebody opens its emergency door. Synthetic; the form is Google's.
pub(crate) fn break_glass_entry(id: &str) -> Value {
    json!({
        "insertId": id,
        "logName": "projects/demo-project/logs/cloudaudit.googleapis.com%2Fsystem_event",
        "timestamp": "2026-01-02T05:00:03.5Z",
        "severity": "INFO",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {
                "project_id": "demo-project", "location": "us-central1", "service_name": "web",
                "configuration_name": "web", "revision_name": "web-00003-xyz",
            },
        },
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "run.googleapis.com",
            "methodName": "/Services.ReplaceService",
            "resourceName": "namespaces/demo-project/revisions/web-00003-xyz",
            "status": {"message": "Ready condition status changed to True for Revision \
                web-00003-xyz with message: Deployed with breakglass justification: INC-123 hotfix"},
            "response": {
                "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
                "metadata": {
                    "name": "web-00003-xyz", "namespace": "111111111111",
                    "labels": {"serving.knative.dev/service": "web"},
                    "annotations": {
                        "serving.knative.dev/creator": "oncall@example.com",
                        "run.googleapis.com/binary-authorization-breakglass": "INC-123 hotfix",
                    },
                },
                "spec": {"containers": [{"image": crate::support::IMAGE}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            },
        },
    })
}

/// A Pub/Sub push of an entry, wrapped.
pub(crate) fn push(entry: &Value) -> Value {
    json!({
        "message": {
            "attributes": {"logging.googleapis.com/timestamp": "2026-01-02T05:00:03.5Z"},
            "data": STANDARD.encode(entry.to_string()),
            "messageId": "1234567890", "message_id": "1234567890",
            "publishTime": "2026-01-02T05:00:05.123Z", "publish_time": "2026-01-02T05:00:05.123Z",
        },
        "subscription": "projects/demo-project/subscriptions/audit",
        "deliveryAttempt": 1,
    })
}

/// `postern serve` by a configuration.
pub(crate) fn serve(world: &World, config: &Value) -> Process {
    std::fs::create_dir_all(world.path("data")).unwrap();
    world.write("postern.yaml", config.to_string());
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "postern.yaml",
    ];
    Process::serve(&mut world.postern(&words))
}

pub(crate) fn config() -> Value {
    json!({
        "store": "sqlite:data/postern.db",
        "policy": "policy.json",
        "attestors": "attestors.json",
        "attestations": ["store"],
        "breakGlass": {"ticket": "^INC-[0-9]+"},
    })
}

/// Asks until something is so. Bounds a hang; what it waits for is an event in another process.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < http::PATIENCE {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::yield_now();
    }
    panic!("{what} did not come");
}

pub(crate) fn cases(server: &Process) -> Vec<Value> {
    let answer = http::get(server.address(), "/v1/cases");
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["cases"].as_array().unwrap().clone()
}

#[test]
fn a_break_glass_in_the_log_becomes_a_case_and_an_alert() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let receiver = StandIn::start(|_| Reply::status(204));
    let secret = STANDARD.encode([7; 32]);
    let mut config = config();
    config["outputs"] = json!([
        {"name": "hook", "type": "webhook", "url": format!("{}/alerts", receiver.url()),
            "allowPrivate": true, "secret": "file:secret"},
        {"name": "file", "type": "file", "path": "data/alerts.ndjson"},
    ]);
    world.write("secret", format!("whsec_{secret}"));
    let mut server = serve(&world, &config);
    let deliver = |id: &str| {
        let body = push(&break_glass_entry(id));
        let answer = http::post(server.address(), "/v1/events/pubsub", None, &body);
        assert_eq!(answer.status, 204);
    };
    deliver("synthetic-1");
    let all = cases(&server);
    assert_eq!(all.len(), 1, "{all:#?}");
    let case = &all[0];
    assert_eq!(case["category"], "BREAK_GLASS");
    assert_eq!(case["state"], "OPEN");
    assert_eq!(case["target"], "cloud-run:demo-project/us-central1/web");
    assert_eq!(case["actors"], json!(["oncall@example.com"]));
    let finding = &case["findings"][0];
    assert_eq!(finding["detection"], "gcp.cloud-run.break-glass");
    assert_eq!(finding["justification"], "INC-123 hotfix");
    assert_eq!(finding["source"]["id"], "synthetic-1");
    assert_eq!(finding["images"], json!([crate::support::IMAGE]));
    let id = case["id"].as_str().unwrap();
    let shown = http::get(server.address(), &format!("/v1/cases/{id}"));
    assert_eq!(shown.json()["id"], id);

    // Delivered, signed, to the webhook and to the file.
    let hook: Seen = until("the webhook", || receiver.seen().into_iter().next());
    assert_eq!(
        (hook.method.as_str(), hook.target.as_str()),
        ("POST", "/alerts")
    );
    let event = hook.json();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["data"]["id"], id);
    assert_eq!(hook.headers.get("webhook-id"), event["id"].as_str());
    assert_eq!(
        hook.headers.get("webhook-signature"),
        Some(signature(&world, &hook).as_str())
    );
    let file = world.path("data/alerts.ndjson");
    let line = until("the line in the file", || first_line(&file));
    assert_eq!(line["data"]["id"], id);

    // The same entry again is no other case, and neither is what says nothing.
    deliver("synthetic-1");
    let ordinary = json!({"insertId": "x", "timestamp": "2026-01-02T05:00:03Z",
        "logName": "projects/demo-project/logs/cloudaudit.googleapis.com%2Factivity",
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "run.googleapis.com", "methodName": "google.cloud.run.v1.Services.ListServices"}});
    let answer = http::post(
        server.address(),
        "/v1/events/pubsub",
        None,
        &push(&ordinary),
    );
    assert_eq!(answer.status, 204);
    assert_eq!(cases(&server).len(), 1);
    server.ask_to_end();
    assert_eq!(server.ended().code(), Some(0));
    // The record outlives the process, and so does what it has seen.
    let server = serve(&world, &config);
    let body = push(&break_glass_entry("synthetic-1"));
    assert_eq!(
        http::post(server.address(), "/v1/events/pubsub", None, &body).status,
        204
    );
    assert_eq!(cases(&server).len(), 1);
}

/// What cannot be read would only come again, so it is taken, and made visible.
#[test]
fn what_cannot_be_read_is_taken_and_made_visible() {
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    let server = serve(&world, &config());
    let rubbish = json!({"message": {"data": STANDARD.encode("no entry")}, "subscription": "s"});
    let answer = http::post(server.address(), "/v1/events/pubsub", None, &rubbish);
    assert_eq!(answer.status, 204);
    let all = cases(&server);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["category"], "AUDIT_BLINDED");
}

#[test]
fn only_the_configured_account_may_push() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    world.trust(&crate::support::attestor(&[]));
    let issuer = Issuer::start(world.folder());
    let mut config = config();
    let access = |email: &str, may: &str| json!({"issuer": issuer.name(), "audience": AUDIENCE, "claims": {"email": email}, "may": [may]});
    config["auth"] = json!({
        "auditor": [access(PUSH, "ingest")],
        "cases": [access("oncall@example.com", "view")],
    });
    let server = serve(&world, &config);
    let body = push(&break_glass_entry("synthetic-1"));
    let deliver = |token: Option<&str>| {
        http::post(server.address(), "/v1/events/pubsub", token, &body).status
    };
    assert_eq!(deliver(None), 401);
    let other = deliver(Some(&issuer.token("other@example.com")));
    assert!([401, 403].contains(&other), "{other}");
    let look = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        http::send(server.address(), "GET", "/v1/cases", &headers, b"")
    };
    let oncall = issuer.token("oncall@example.com");
    assert_eq!(look(&oncall).json()["cases"], json!([]));
    assert_eq!(deliver(Some(&issuer.token(PUSH))), 204);
    assert_eq!(look(&oncall).json()["cases"].as_array().unwrap().len(), 1);
    assert_ne!(look(&issuer.token(PUSH)).status, 200);
}

/// The spool is taken in later, under the same id, and becomes a case like any other.
#[test]
fn a_break_glass_while_the_store_was_down_becomes_a_case_later() {
    if !have(&["openssl"]) {
        return;
    }
    let (world, _) = World::with_key();
    let mut config = config();
    config["gate"] = json!({"spool": "spool"});
    config["attestations"] = json!(["occurrences.json"]);
    world.attested(&json!([]));
    let mut down = config.clone();
    down["store"] = json!("sqlite:policy.json/postern.db");
    let mut gate = serve(&world, &down);
    let body = json!({
        "images": [crate::support::IMAGE], "breakGlass": "INC-9 all is down",
        "target": "cloud-run:demo-project/us-central1/web",
    });
    let answer = http::post(gate.address(), "/v1/decisions?enforce=true", None, &body);
    assert_eq!(answer.status, 200, "{}", answer.json());
    let decision = answer.json()["id"].as_str().unwrap().to_owned();
    gate.ask_to_end();
    assert_eq!(gate.ended().code(), Some(0));

    let server = serve(&world, &config);
    let case = until("the case", || cases(&server).into_iter().next());
    assert_eq!(case["category"], "BREAK_GLASS");
    assert_eq!(case["findings"][0]["decisionId"], *decision);
    assert_eq!(case["findings"][0]["justification"], "INC-9 all is down");
    until("the empty spool", || {
        let mut files = std::fs::read_dir(world.path("spool")).unwrap();
        files.next().is_none().then_some(())
    });
    assert_eq!(cases(&server).len(), 1);
}

#[test]
fn without_a_configuration_it_serves_on_loopback_from_a_data_directory() {
    let world = World::new();
    let words = ["serve", "--listen", "127.0.0.1:0", "--data", "data"];
    let mut server = Process::serve(&mut world.postern(&words));
    for path in ["/health", "/ready", "/metrics"] {
        assert_eq!(http::get(server.address(), path).status, 200, "{path}");
    }
    // No policy was ever set, so nothing can be decided.
    let body = json!({"images": [crate::support::IMAGE]});
    let answer = http::post(server.address(), "/v1/decisions?enforce=true", None, &body);
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "POLICY_UNAVAILABLE")
    );
    // A web page must not be able to talk to it.
    let headers = [
        ("origin", "https://evil.example"),
        ("content-type", "application/json"),
    ];
    let answer = http::send(server.address(), "POST", "/v1/decisions", &headers, b"{}");
    assert_eq!(answer.status, 403);
    server.ask_to_end();
    assert_eq!(server.ended().code(), Some(0), "{}", server.said());
}

#[test]
fn the_demo_does_what_it_says() {
    let world = World::new();
    let output = postern_tests::output(&mut world.postern(&["demo"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The signature of a webhook by Standard Webhooks, computed by `openssl`.
pub(crate) fn signature(world: &World, hook: &Seen) -> String {
    let id = hook.headers.get("webhook-id").unwrap();
    let time = hook.headers.get("webhook-timestamp").unwrap();
    let signed = [format!("{id}.{time}.").as_bytes(), &hook.body[..]].concat();
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-mac", "HMAC", "-macopt"]);
    openssl.arg(format!("hexkey:{}", "07".repeat(32)));
    let mac = postern_tests::run(openssl.arg("-binary").arg(world.write("signed", signed)));
    format!("v1,{}", STANDARD.encode(mac))
}

fn first_line(file: &PathBuf) -> Option<Value> {
    let text = std::fs::read_to_string(file).ok()?;
    let (line, _) = text.split_once('\n')?;
    Some(serde_json::from_str(line).unwrap())
}
