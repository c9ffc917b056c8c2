//! `postern doctor coverage` on what there is, against a fake of Google's APIs: the real ones cannot run
//! here. It speaks the listings that are read, as far as they are read.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Reply, Seen, StandIn, World};

const PLANS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../functions/auditor/tests/coverage"
);

/// What `google-covered.json` plans, as the APIs would answer. Synthetic.
fn covered(path: &str) -> Value {
    match path {
        "/v3/projects/demo-mart" => {
            json!({"name": "projects/11", "projectId": "demo-mart", "parent": "folders/77"})
        }
        "/v3/folders/77" => json!({"name": "folders/77", "parent": "organizations/123456789012"}),
        "/v2/organizations/123456789012/sinks" => json!({"sinks": [{"name": "postern",
            "destination": "pubsub.googleapis.com/projects/demo-mart/topics/postern-audit",
            "includeChildren": true}]}),
        "/v3/projects/demo-mart:getIamPolicy" => {
            json!({"auditConfigs": [{"service": "allServices",
                "auditLogConfigs": [{"logType": "ADMIN_READ"}, {"logType": "DATA_READ"}, {"logType": "DATA_WRITE"}]}]})
        }
        "/v1/projects/demo-mart/subscriptions" => json!({"subscriptions": [{
            "name": "projects/demo-mart/subscriptions/postern-audit",
            "topic": "projects/demo-mart/topics/postern-audit"}]}),
        "/v1/projects/demo-mart/locations" => json!({"locations": [{"locationId": "us-east1"}]}),
        "/v2/projects/demo-mart/locations/us-east1/services" => json!({"services": [{
            "name": "projects/demo-mart/locations/us-east1/services/web",
            "binaryAuthorization": {"useDefault": true}}]}),
        "/v2/projects/demo-mart/locations/us-east1/jobs" => json!({"jobs": [{
            "name": "projects/demo-mart/locations/us-east1/jobs/reindex",
            "binaryAuthorization": {"policy": "projects/demo-mart/platforms/cloudRun/policies/jobs"}}]}),
        "/v1/projects/demo-mart/locations/-/clusters" => {
            json!({"clusters": [{"name": "mart", "location": "us-east1-c", "binaryAuthorization":
                {"evaluationMode": "POLICY_BINDINGS_AND_PROJECT_SINGLETON_POLICY_ENFORCE"}}]})
        }
        _ => json!({}),
    }
}

/// What `google-holes.json` plans.
fn holes(path: &str) -> Value {
    match path {
        "/v2/organizations/123456789012/sinks" | "/v3/projects/demo-mart:getIamPolicy" => json!({}),
        "/v2/projects/demo-mart/sinks" => json!({"sinks": [
            {"name": "postern", "destination": "pubsub.googleapis.com/projects/demo-mart/topics/postern-audit",
                "filter": "logName:\"cloudaudit.googleapis.com\" AND (resource.type=\"cloud_run_revision\" OR resource.type=\"k8s_cluster\" OR protoPayload.serviceName=\"cloudkms.googleapis.com\")",
                "exclusions": [{"name": "quiet-dry-runs", "filter": "\"dry-run\" OR \"dry run\""}]},
            {"name": "archive", "destination": "storage.googleapis.com/demo-mart-archive"}]}),
        "/v2/projects/demo-mart/locations/us-east1/services" => json!({"services": [{
            "name": "projects/demo-mart/locations/us-east1/services/web"}]}),
        "/v1/projects/demo-mart/locations/-/clusters" => json!({"clusters": [{"name": "mart",
            "location": "us-east1-c", "binaryAuthorization": {"evaluationMode": "DISABLED"}}]}),
        path => covered(path),
    }
}

type Answer = Arc<dyn Fn(&Seen, &str) -> Option<Reply> + Send + Sync>;

/// Google's APIs, in the person of a fake: an estate, and what is answered instead.
fn fake(estate: fn(&str) -> Value, instead: Answer) -> (StandIn, World) {
    let server = StandIn::start(move |request| {
        let path = request.target.split('?').next().unwrap().to_owned();
        instead(request, &path).unwrap_or_else(|| Reply::json(&estate(&path)))
    });
    let world = World::new();
    let apis = [
        "logging",
        "pubsub",
        "run",
        "resourceManager",
        "orgPolicy",
        "container",
    ];
    let at: serde_json::Map<_, _> = apis
        .map(|api| (api.to_owned(), json!(server.url())))
        .into_iter()
        .collect();
    world.write("postern.yaml", json!({"endpoints": at}).to_string());
    (server, world)
}

fn nothing() -> Answer {
    Arc::new(|_, _| None)
}

fn coverage(world: &World, words: &[&str]) -> (Option<i32>, Value) {
    let fixed = [
        "doctor",
        "coverage",
        "--config",
        "postern.yaml",
        "--format",
        "json",
    ];
    let output = postern_tests::output(&mut world.postern(&[&fixed[..], words].concat()));
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

fn live(world: &World) -> (Option<i32>, Value) {
    coverage(world, &["--project", "demo-mart"])
}

fn table(report: &Value) -> Vec<(String, String)> {
    let all = report["detections"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|one| (text(&one["detection"]), text(&one["state"])))
        .collect()
}

/// What stands in the gaps of the report.
fn whys(report: &Value) -> String {
    let all = report["detections"].as_array().unwrap().iter();
    let gaps = all.flat_map(|one| one["gaps"].as_array().unwrap());
    gaps.map(|gap| format!("{}\n", gap["why"].as_str().unwrap()))
        .collect()
}

#[test]
fn the_same_estate_makes_the_same_table_as_a_plan_and_as_it_is() {
    for (estate, plan, exit) in [
        (covered as fn(&str) -> Value, "google-covered.json", 0),
        (holes, "google-holes.json", 1),
    ] {
        let (_server, world) = fake(estate, nothing());
        let planned = coverage(&world, &["--plan", &format!("{PLANS}/{plan}")]);
        let live = live(&world);
        assert_eq!(table(&live.1), table(&planned.1), "{}", whys(&live.1));
        assert!(!table(&live.1).is_empty());
        assert_eq!((live.0, planned.0), (Some(exit), Some(exit)), "{plan}");
    }
}

#[test]
fn what_is_refused_fails_or_never_ends_cannot_be_told() {
    let refused = |path: &'static str, reply: fn(&Seen) -> Reply| -> Answer {
        Arc::new(move |request: &Seen, at: &str| (at == path).then(|| reply(request)))
    };
    let sinks = "/v2/organizations/123456789012/sinks";
    for (answer, said) in [
        (
            refused(sinks, |_| {
                let body = json!({"error": {"code": 403, "message": "denied", "status": "PERMISSION_DENIED"}});
                Reply::typed(403, "application/json", body.to_string())
            }),
            "logging.sinks.list",
        ),
        (refused(sinks, |_| Reply::status(503)), "503"),
        (
            refused(sinks, |_| Reply::json(&json!({"nextPageToken": "more"}))),
            "pages",
        ),
        (
            refused("/v1/projects/demo-mart/locations", |_| Reply::status(404)),
            "--region",
        ),
    ] {
        let (_server, world) = fake(covered, answer);
        let (exit, report) = live(&world);
        assert_eq!(exit, Some(3), "{said}");
        assert!(table(&report).iter().all(|(_, state)| state != "BLIND"));
        assert!(whys(&report).contains(said), "{said}: {}", whys(&report));
    }
}

/// A detection of one's own, by whatever name, is judged with the others.
#[test]
fn the_detections_in_use_are_judged() {
    let (_server, world) = fake(holes, nothing());
    std::fs::create_dir(world.path("own")).unwrap();
    let entry = json!({"insertId": "s-1", "timestamp": "2026-04-05T00:00:00Z",
        "logName": "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity",
        "resource": {"type": "audited_resource", "labels": {}},
        "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "dns.googleapis.com", "methodName": "dns.changes.create",
            "authenticationInfo": {"principalEmail": "dev@example.org"}}});
    let own = json!({"id": "shop.dns", "title": "DNS", "severity": "LOW", "category": "BYPASS",
        "attack": [], "why": "-", "whatToDo": "-", "falsePositives": [], "summary": "-",
        "match": {"log": "activity", "service": "dns.googleapis.com"},
        "samples": [{"name": "one", "fires": true, "entry": entry}]});
    world.write("own/shop.dns.yaml", own.to_string());
    let (_, report) = coverage(&world, &["--project", "demo-mart", "--detections", "own"]);
    let own = ("shop.dns".to_owned(), "BLIND".to_owned());
    assert!(table(&report).contains(&own), "{:?}", table(&report));
}
