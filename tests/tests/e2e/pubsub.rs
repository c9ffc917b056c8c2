//! From a topic to a case: pushed and pulled, against Google's emulator and with `gcloud`.

use postern_tests::{Server, have, pubsub_emulator};
use serde_json::{Value, json};

use crate::audit::{break_glass_entry, cases, config, serve, until};
use crate::support::{Process, World, attestor, gcloud, http};

const PULLED: &str = "projects/demo-project/subscriptions/pulled";

/// A topic with both kinds of subscriptions, and `postern serve` at the end of them.
struct Channel {
    world: World,
    emulator: Server,
    server: Process,
}

impl Channel {
    fn open() -> Self {
        let world = World::new();
        world.trust(&attestor(&[]));
        let emulator = pubsub_emulator();
        pubsub(&world, &emulator, &["topics", "create", "audit"]);
        let pulled = ["subscriptions", "create", "pulled", "--topic=audit"];
        pubsub(&world, &emulator, &pulled);
        let mut config = config();
        config["endpoints"] = json!({"pubsub": emulator.url()});
        config["audit"] = json!({"pull": [PULLED]});
        let server = serve(&world, &config);
        let address = server.address();
        let endpoint = format!("--push-endpoint=http://{address}/v1/events/pubsub");
        let pushed = ["subscriptions", "create", "pushed", "--topic=audit"];
        pubsub(&world, &emulator, &[&pushed[..], &[&endpoint]].concat());
        Self {
            world,
            emulator,
            server,
        }
    }

    fn publish(&self, message: &str) {
        let message = format!("--message={message}");
        let words = ["topics", "publish", "audit", &message];
        pubsub(&self.world, &self.emulator, &words);
    }

    /// How often the auditor took an event in with this outcome.
    fn taken(&self, outcome: &str) -> u64 {
        let metrics = http::get(self.server.address(), "/metrics");
        let metrics = String::from_utf8(metrics.body).unwrap();
        let outcome = format!("outcome=\"{outcome}\"");
        let of_events = |line: &&str| {
            line.starts_with("postern_audit_events_total{") && line.contains(&outcome)
        };
        let counts = metrics.lines().filter(of_events);
        let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        counts.map(count).sum()
    }

    fn pulled(&self) -> bool {
        let metrics = http::get(self.server.address(), "/metrics");
        String::from_utf8(metrics.body)
            .unwrap()
            .contains("postern_audit_pulled_total{")
    }

    /// The case of a service of Cloud Run, once it has so many findings.
    fn case(&self, service: &str, findings: usize) -> Value {
        let target = format!("cloud-run:demo-project/us-central1/{service}");
        until("the case", || {
            let of_service = |case: &Value| {
                let all = case["findings"].as_array().map_or(0, Vec::len);
                case["target"] == *target && all == findings
            };
            cases(&self.server).into_iter().find(of_service)
        })
    }
}

/// `gcloud pubsub`, asking only the emulator.
fn pubsub(world: &World, emulator: &Server, words: &[&str]) {
    let mut command = gcloud(world, &["PUBSUB"], &emulator.url(), &["pubsub"]);
    postern_tests::run(command.args(words));
}

/// What the platform made of a deployment of this service. Synthetic.
fn system_event(service: &str) -> String {
    let text = break_glass_entry(&format!("{service}-system"));
    text.to_string().replace("web", service)
}

/// Who asked for it. Synthetic.
fn activity(service: &str) -> String {
    let name = format!("projects/demo-project/locations/us-central1/services/{service}");
    json!({
        "insertId": format!("{service}-activity"),
        "logName": "projects/demo-project/logs/cloudaudit.googleapis.com%2Factivity",
        "timestamp": "2026-01-02T05:00:00.1Z",
        "severity": "NOTICE",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"project_id": "demo-project", "location": "us-central1", "service_name": service},
        },
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "run.googleapis.com",
            "methodName": "google.cloud.run.v2.Services.UpdateService",
            "resourceName": name,
            "authenticationInfo": {"principalEmail": "oncall@example.com"},
            "requestMetadata": {"callerIp": "203.0.113.9"},
            "request": {
                "@type": "type.googleapis.com/google.cloud.run.v2.UpdateServiceRequest",
                "service": {
                    "name": name,
                    "binaryAuthorization": {"useDefault": true, "breakglassJustification": "INC-123 hotfix"},
                    "template": {"containers": [{"image": crate::support::IMAGE}]},
                },
            },
        },
    })
    .to_string()
}

#[test]
fn an_entry_is_one_case_however_often_it_is_delivered() {
    if !have(&["gcloud", "pubsub-emulator"]) {
        return;
    }
    let channel = Channel::open();
    let entry = system_event("web");
    for _ in 0..3 {
        channel.publish(&entry);
    }
    // Three messages, each pushed and pulled.
    until("every delivery", || {
        (channel.taken("recorded") + channel.taken("known") >= 6).then_some(())
    });
    assert_eq!(channel.taken("recorded"), 1);
    assert!(channel.pulled());
    let all = cases(&channel.server);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(all[0]["findings"].as_array().unwrap().len(), 1);
    assert_eq!(all[0]["findings"][0]["source"]["id"], "web-system");
}

#[test]
fn both_entries_of_a_deployment_are_one_case_in_either_order() {
    if !have(&["gcloud", "pubsub-emulator"]) {
        return;
    }
    let channel = Channel::open();
    channel.publish(&system_event("system-first"));
    channel.case("system-first", 1);
    channel.publish(&activity("system-first"));
    channel.case("system-first", 2);

    channel.publish(&activity("activity-first"));
    channel.case("activity-first", 1);
    channel.publish(&system_event("activity-first"));
    let case = channel.case("activity-first", 2);
    assert_eq!(case["actors"], json!(["oncall@example.com"]));
    assert_eq!(cases(&channel.server).len(), 2);
}

/// What cannot be read is kept and taken off the queue: it would only come again.
#[test]
fn poison_is_kept_and_does_not_stop_the_queue() {
    if !have(&["gcloud", "pubsub-emulator"]) {
        return;
    }
    let channel = Channel::open();
    channel.publish("no entry");
    until("the quarantine", || {
        (channel.taken("unreadable") > 0).then_some(())
    });
    channel.publish(&system_event("web"));
    channel.case("web", 1);
    let blinded = |case: &&Value| case["category"] == "AUDIT_BLINDED";
    assert_eq!(cases(&channel.server).iter().filter(blinded).count(), 1);
}
