//! The two stories that Postern exists for, from end to end, with a real registry and real keys. The
//! log entries are synthetic, in the platforms' form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use postern_tests::{have, write_layout};
use serde_json::{Value, json};

use crate::support::oidc::{AUDIENCE, Issuer};
use crate::support::registry::LoggedRegistry;
use crate::support::{ATTESTOR, Process, Reply, StandIn, World, http};

const CI: &str = "ci@demo-project.iam.gserviceaccount.com";
const ONCALL: &str = "oncall@example.com";
const RESPONDER: &str = "responder@example.com";
const LEAD: &str = "lead@example.com";
const PUSH: &str = "push@demo-project.iam.gserviceaccount.com";
const TARGET: &str = "cloud-run:demo-project/us-central1/web";
const LEAKED_KEY: &str = "//iam.googleapis.com/projects/demo-project/serviceAccounts/ci@demo-project.iam.gserviceaccount.com/keys/synthetic";

/// A Postern, a registry, and people with tokens.
struct Scene {
    world: World,
    issuer: Issuer,
    registry: LoggedRegistry,
    server: Process,
    /// A fake of the Cloud Run Admin API: nothing real can run here.
    _cloud_run: StandIn,
}

impl Scene {
    fn set() -> Self {
        let (world, key) = World::with_key();
        let issuer = Issuer::start(world.folder());
        let registry = LoggedRegistry::start(world.folder());
        let may = |email: &str, may: &[&str]| json!({"issuer": issuer.name(), "audience": AUDIENCE, "claims": {"email": email}, "may": may});
        let host = registry.address();
        let cloud_run = cloud_run(&format!("{host}/demo/app"));
        let config = json!({
            "store": "sqlite:data/postern.db",
            "policy": "policy.json",
            "attestors": "attestors.json",
            "attestations": ["store", "registry"],
            "registries": [{"host": host, "plainHttp": true, "allowPrivate": true}],
            "breakGlass": {"ticket": "INC-[0-9]+"},
            "auth": {
                "gate": [may(CI, &["decide"]), may(ONCALL, &["decide", "breakGlass"])],
                "attestor": [may(CI, &["attest"])],
                "auditor": [may(PUSH, &["ingest"])],
                "cases": [
                    may(ONCALL, &["view", "respond", "approve"]),
                    may(RESPONDER, &["view", "respond"]),
                    may(LEAD, &["view", "respond", "approve"]),
                ],
            },
            "attestor": {"signers": [{
                "attestor": ATTESTOR, "key": format!("file:{}", key.private.display()),
                "callers": [CI], "repositories": [format!("{host}/demo/**")], "to": "store",
            }]},
            "endpoints": {"run": cloud_run.url()},
            "audit": {"trust": {"ci": [CI], "repositories": [format!("{host}/demo/*")]}},
        });
        std::fs::create_dir_all(world.path("data")).unwrap();
        world.write("postern.yaml", config.to_string());
        let words = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "postern.yaml",
        ];
        let server = Process::serve(&mut world.postern(&words));
        Self {
            world,
            issuer,
            registry,
            server,
            _cloud_run: cloud_run,
        }
    }

    fn post(&self, path: &str, who: &str, body: &Value) -> http::Answer {
        let token = self.issuer.token(who);
        http::post(self.server.address(), path, Some(&token), body)
    }

    fn decide(&self, who: &str, image: &str, break_glass: Option<&str>) -> Value {
        let mut body = json!({"images": [image], "target": TARGET});
        if let Some(text) = break_glass {
            body["breakGlass"] = json!({"justification": text});
        }
        let answer = self.post("/v1/decisions", who, &body);
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()
    }

    fn attest(&self, image: &str) {
        let body = json!({"image": image, "attestor": ATTESTOR});
        let answer = self.post("/v1/attestations", CI, &body);
        assert_eq!(answer.status, 201, "{}", answer.json());
    }

    /// Delivers an entry as a log sink does.
    fn deliver(&self, entry: &Value) {
        let body = json!({
            "message": {"data": STANDARD.encode(entry.to_string()), "messageId": "1"},
            "subscription": "projects/demo-project/subscriptions/audit",
        });
        let answer = self.post("/v1/events/pubsub", PUSH, &body);
        assert_eq!(answer.status, 204);
    }

    fn cases(&self) -> Vec<Value> {
        let bearer = format!("Bearer {}", self.issuer.token(LEAD));
        let headers = [("authorization", bearer.as_str())];
        let answer = http::send(self.server.address(), "GET", "/v1/cases", &headers, b"");
        answer.json()["cases"].as_array().unwrap().clone()
    }

    /// The case that has a finding of this detection.
    fn case_with(&self, detection: &str) -> Value {
        let cases = self.cases();
        let has = |case: &&Value| {
            let findings = case["findings"].as_array().unwrap();
            findings.iter().any(|f| f["detection"] == detection)
        };
        let found = cases.iter().find(has).cloned();
        found.unwrap_or_else(|| panic!("no case with {detection} in {cases:#?}"))
    }

    /// `postern case …` against the server, with this person's token.
    fn case(&self, who: &str, words: &[&str]) -> (Option<i32>, String) {
        let token = self.world.write("token", self.issuer.token(who));
        let url = format!("http://{}", self.server.address());
        let mut command = self.world.postern(&["case"]);
        command
            .args(words)
            .args(["--server", &url, "--token-file"])
            .arg(token);
        let output = postern_tests::output(&mut command);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}

/// Cloud Run as it is in the emergency: the hotfix has all the traffic.
fn cloud_run(image: &str) -> StandIn {
    let revision = json!({
        "name": "projects/demo-project/locations/us-central1/services/web/revisions/web-00003-ccc",
        "containers": [{"image": format!("{image}:hotfix")}],
    });
    let service = json!({
        "trafficStatuses": [{"revision": "web-00003-ccc", "percent": 100}],
        "latestReadyRevision": "web-00003-ccc", "latestCreatedRevision": "web-00003-ccc",
    });
    StandIn::start(move |request| match request.target.contains("/revisions") {
        true => Reply::json(&json!({"revisions": [revision]})),
        false => Reply::json(&service),
    })
}

/// An audit entry of now, with what differs.
fn entry(id: &str, log: &str, resource: Value, payload: Value) -> Value {
    let mut payload = payload;
    payload["@type"] = json!("type.googleapis.com/google.cloud.audit.AuditLog");
    json!({
        "insertId": id,
        "logName": format!("projects/demo-project/logs/cloudaudit.googleapis.com%2F{log}"),
        "timestamp": Timestamp::now().to_string(),
        "resource": resource,
        "protoPayload": payload,
    })
}

fn service(revision: &str) -> Value {
    json!({"type": "cloud_run_revision", "labels": {
        "project_id": "demo-project", "location": "us-central1", "service_name": "web",
        "configuration_name": "web", "revision_name": revision,
    }})
}

/// What Cloud Run writes when a revision became ready, or says instead.
fn revision_entry(id: &str, revision: &str, image: &str, by: &str, says: &str, why: &str) -> Value {
    let mut annotations = json!({"serving.knative.dev/creator": by});
    if !why.is_empty() {
        annotations["run.googleapis.com/binary-authorization-breakglass"] = json!(why);
    }
    entry(
        id,
        "system_event",
        service(revision),
        json!({
            "serviceName": "run.googleapis.com",
            "methodName": "/Services.ReplaceService",
            "resourceName": format!("namespaces/demo-project/revisions/{revision}"),
            "status": {"message": format!(
                "Ready condition status changed to True for Revision {revision} with message: {says}"
            )},
            "response": {
                "@type": "type.googleapis.com/google.cloud.run.v1.Revision",
                "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
                "metadata": {"name": revision, "annotations": annotations,
                    "labels": {"serving.knative.dev/service": "web"}},
                "spec": {"containers": [{"image": image}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            },
        }),
    )
}

/// The call that asked for it, with a key that should never have left.
fn deploy_call(id: &str, image: &str) -> Value {
    entry(
        id,
        "activity",
        service(""),
        json!({
            "serviceName": "run.googleapis.com",
            "methodName": "google.cloud.run.v1.Services.ReplaceService",
            "resourceName": "namespaces/demo-project/services/web",
            "authenticationInfo": {"principalEmail": CI, "serviceAccountKeyName": LEAKED_KEY},
            "requestMetadata": {"callerIp": "203.0.113.66", "callerSuppliedUserAgent": "curl/8.0"},
            "status": {},
            "request": {
                "@type": "type.googleapis.com/google.cloud.run.v1.ReplaceServiceRequest",
                "service": {
                    "apiVersion": "serving.knative.dev/v1", "kind": "Service",
                    "metadata": {"name": "web", "annotations": {"run.googleapis.com/binary-authorization": "default"}},
                    "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
                },
            },
        }),
    )
}

/// The push to the registry with the same key.
fn push_call(id: &str) -> Value {
    entry(
        id,
        "data_access",
        json!({"type": "audited_resource", "labels": {
            "project_id": "demo-project", "service": "artifactregistry.googleapis.com",
            "method": "Docker-PutManifest",
        }}),
        json!({
            "serviceName": "artifactregistry.googleapis.com",
            "methodName": "Docker-PutManifest",
            "resourceName": "projects/demo-project/locations/us/repositories/demo",
            "authenticationInfo": {"principalEmail": CI, "serviceAccountKeyName": LEAKED_KEY},
            "requestMetadata": {"callerIp": "203.0.113.66"},
            "status": {},
        }),
    )
}

/// A leaked key pushes an image over a tag and deploys it past the gate: each step is seen.
#[test]
fn a_leaked_key_pushes_and_deploys_and_each_step_is_seen() {
    if !have(&["openssl", "docker-registry", "skopeo"]) {
        return;
    }
    let scene = Scene::set();
    let tag = format!("{}/demo/app:v1", scene.registry.address());
    let good = scene
        .registry
        .push(scene.world.folder(), "built-by-ci", "v1");
    scene.attest(&good);
    assert_eq!(scene.decide(CI, &tag, None)["allowed"], true);
    scene.deliver(&revision_entry("good", "web-00001-aaa", &good, CI, "", ""));
    assert_eq!(scene.cases(), [] as [Value; 0], "nothing is wrong so far");

    let bad = scene.registry.push(scene.world.folder(), "malicious", "v1");
    assert_ne!(bad, good);
    scene.deliver(&push_call("push"));
    let pushed = scene.case_with("gcp.iam.exported-key-used");
    assert_eq!(pushed["category"], "CREDENTIAL");
    assert_eq!(pushed["findings"][0]["actor"]["keyName"], LEAKED_KEY);

    let denied = scene.decide(CI, &tag, None);
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["images"][0]["resolved"], bad);

    scene.deliver(&deploy_call("call", &bad));
    scene.deliver(&revision_entry("bad", "web-00002-bbb", &bad, CI, "", ""));
    let bypass = scene.case_with("postern.deployment.after-denial");
    assert_eq!(bypass["severity"], "CRITICAL");
    assert_eq!(bypass["category"], "BYPASS");
    let finding = bypass["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["detection"] == "postern.deployment.after-denial")
        .unwrap();
    assert_eq!(finding["images"], json!([bad]));
    assert_eq!(finding["decisionId"], denied["id"]);
    assert_eq!(finding["lastConformantRevision"], "web-00001-aaa");

    let (exit, said) = scene.case(LEAD, &["show", bypass["id"].as_str().unwrap()]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("--to-revisions=web-00001-aaa=100"), "{said}");
}

/// The scanner is down at 3 a.m.: undetermined, break-glass, attested later, closed by another.
#[test]
fn an_emergency_ends_when_the_image_is_attested_and_another_person_closes_it() {
    if !have(&["openssl", "docker-registry", "skopeo"]) {
        return;
    }
    let scene = Scene::set();
    let folder = scene.world.folder().to_owned();
    let layout = write_layout(&folder.join("layout-hotfix"), "hotfix");
    let host = scene.registry.address().to_owned();
    let image = layout.push(&host, "demo/app", "hotfix");
    scene.registry.pause();
    let undecided = scene.decide(ONCALL, &image, None);
    assert_eq!(undecided["verdict"], "UNDETERMINED");
    assert_eq!(undecided["allowed"], false);
    let why = "INC-4711 checkout is down";
    let opened = scene.decide(ONCALL, &image, Some(why));
    assert_eq!(opened["allowed"], true);
    assert_eq!(opened["breakGlass"]["overrode"], "UNDETERMINED");
    let says = format!("Deployed with breakglass justification: {why}");
    scene.deliver(&revision_entry(
        "hotfix",
        "web-00003-ccc",
        &image,
        ONCALL,
        &says,
        why,
    ));
    let case = scene.case_with("gcp.cloud-run.break-glass");
    let id = case["id"].as_str().unwrap().to_owned();
    assert_eq!(case["state"], "OPEN");
    let of_gate = case["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["bypassedVerdict"]["source"] == "gate")
        .unwrap_or_else(|| panic!("{case:#}"));
    assert_eq!(of_gate["bypassedVerdict"]["verdict"], "UNDETERMINED");

    let refused = |who: &str, words: &[&str], code: &str| {
        let (exit, said) = scene.case(who, words);
        assert_eq!(exit, Some(1), "{said}");
        assert!(said.contains(code), "{said}");
    };
    let done = |who: &str, words: &[&str]| {
        let (exit, said) = scene.case(who, words);
        assert_eq!(exit, Some(0), "{said}");
    };
    done(
        RESPONDER,
        &["acknowledge", &id, "--comment", "looking at it"],
    );
    refused(
        ONCALL,
        &["justify", &id, "--comment", "short"],
        "JUSTIFICATION_TOO_SHORT",
    );
    let text = "The checkout was down and the scanner did not answer";
    done(
        ONCALL,
        &["justify", &id, "--comment", text, "--ticket", "INC-4711"],
    );
    refused(
        ONCALL,
        &["close", &id, "--comment", "all is well again"],
        "OWN_CASE",
    );
    scene.registry.resume();
    refused(
        LEAD,
        &["close", &id, "--comment", "all is well again"],
        "NOT_ATTESTED_OR_REPLACED",
    );
    scene.attest(&image);
    refused(
        RESPONDER,
        &["close", &id, "--comment", "all is well again"],
        "RIGHT_MISSING",
    );
    done(
        LEAD,
        &["close", &id, "--comment", "CI has built and attested it"],
    );
    let closed = scene.case_with("gcp.cloud-run.break-glass");
    assert_eq!(
        (&closed["state"], &closed["closedAs"]),
        (&json!("CLOSED"), &json!("ATTESTED"))
    );
    let actions: Vec<_> = closed["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions.last(), Some(&"CLOSED"), "{actions:?}");
}
