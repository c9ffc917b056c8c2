//! A stand-in for the Cloud Run Admin API, as far as `gcloud run` speaks it: nothing real of it runs here. It
//! keeps services, revisions and jobs in the form that the API has, and whatever is deployed is ready at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Reply, Seen, StandIn};

/// The project's number, under which the API shows what was written under its id.
pub(crate) const NUMBER: u64 = 111_111_111_111;

/// The stand-in, and what is in it.
pub(crate) struct CloudRun {
    server: StandIn,
    resources: Arc<Mutex<BTreeMap<String, Value>>>,
}

impl CloudRun {
    pub(crate) fn start() -> Self {
        let resources = Arc::new(Mutex::new(BTreeMap::new()));
        let kept = Arc::clone(&resources);
        let server = StandIn::start(move |seen| answer(&mut kept.lock().unwrap(), seen));
        Self { server, resources }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// What there is, such as `services/web` or `revisions/web-00001`.
    pub(crate) fn resource(&self, name: &str) -> Option<Value> {
        self.resources.lock().unwrap().get(name).cloned()
    }

    /// The writes that came through: method, and path without a query.
    pub(crate) fn writes(&self) -> Vec<String> {
        let seen = self.server.seen();
        let writes = seen
            .iter()
            .filter(|seen| seen.method != "GET" && !seen.target.contains(":testIamPermissions"));
        writes
            .map(|seen| format!("{} {}", seen.method, path(seen)))
            .collect()
    }

    /// Every request that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.server.seen()
    }
}

fn path(seen: &Seen) -> &str {
    seen.target.split('?').next().unwrap_or_default()
}

fn answer(resources: &mut BTreeMap<String, Value>, seen: &Seen) -> Reply {
    let path = path(seen);
    if path.ends_with(":testIamPermissions") {
        return Reply::json(&seen.json());
    }
    if path.contains("IamPolicy") {
        return Reply::json(&json!({"etag": "BwXX", "version": 1}));
    }
    let Some((_, name)) = path.split_once("/namespaces/") else {
        return missing();
    };
    let name = name.split_once('/').map_or(name, |(_, name)| name);
    match (seen.method.as_str(), name) {
        ("GET", name) => match resources.get(name) {
            Some(value) => Reply::json(value),
            None => missing(),
        },
        ("POST", "services") | ("PUT", _) if name.starts_with("services") => {
            Reply::json(&written(resources, seen.json()))
        }
        ("POST", "jobs") | ("PUT", _) => Reply::json(&job(resources, seen.json())),
        ("POST", name) if name.ends_with(":run") => Reply::json(&execution(resources, name)),
        _ => missing(),
    }
}

fn missing() -> Reply {
    let error = json!({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}});
    Reply::typed(404, "application/json", error.to_string())
}

/// Writes a service; a new template makes a new revision.
fn written(resources: &mut BTreeMap<String, Value>, mut service: Value) -> Value {
    let name = service["metadata"]["name"].as_str().unwrap().to_owned();
    let key = format!("services/{name}");
    let before = resources.get(&key).cloned().unwrap_or_default();
    let generation = before["metadata"]["generation"]
        .as_u64()
        .unwrap_or_default()
        + 1;
    let revision = if before["spec"]["template"] == service["spec"]["template"] {
        before["status"]["latestReadyRevisionName"].clone()
    } else {
        let revision = format!("{name}-{generation:05}-abc");
        resources.insert(
            format!("revisions/{revision}"),
            made_of(&service, &revision),
        );
        json!(revision)
    };
    if !service["spec"]["traffic"].is_array() {
        service["spec"]["traffic"] = json!([{"latestRevision": true, "percent": 100}]);
    }
    let mut traffic = service["spec"]["traffic"].clone();
    for share in traffic.as_array_mut().unwrap() {
        if share["latestRevision"] == true {
            share["revisionName"] = revision.clone();
        }
    }
    stamp(&mut service, generation);
    let url = format!("https://{name}-x-uc.a.run.app");
    service["status"] = json!({
        "observedGeneration": generation, "latestCreatedRevisionName": revision,
        "latestReadyRevisionName": revision, "traffic": traffic, "url": url, "address": {"url": url},
        "conditions": ready(&["Ready", "ConfigurationsReady", "RoutesReady"]),
    });
    resources.insert(key, service.clone());
    service
}

fn made_of(service: &Value, name: &str) -> Value {
    let template = &service["spec"]["template"];
    json!({
        "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
        "metadata": {"name": name, "namespace": NUMBER.to_string(),
            "annotations": template["metadata"]["annotations"],
            "labels": {"serving.knative.dev/service": service["metadata"]["name"]}},
        "spec": template["spec"],
        "status": {"conditions": ready(&["Ready"])},
    })
}

fn job(resources: &mut BTreeMap<String, Value>, mut job: Value) -> Value {
    let key = format!("jobs/{}", job["metadata"]["name"].as_str().unwrap());
    let before = resources.get(&key).cloned().unwrap_or_default();
    let generation = before["metadata"]["generation"]
        .as_u64()
        .unwrap_or_default()
        + 1;
    stamp(&mut job, generation);
    job["status"] = json!({"observedGeneration": generation, "conditions": ready(&["Ready"]),
        "executionCount": 0});
    resources.insert(key, job.clone());
    job
}

fn execution(resources: &mut BTreeMap<String, Value>, run: &str) -> Value {
    let job = run.trim_start_matches("jobs/").trim_end_matches(":run");
    let name = format!("{job}-x1");
    let execution = json!({
        "apiVersion": "run.googleapis.com/v1", "kind": "Execution",
        "metadata": {"name": name, "namespace": NUMBER.to_string(), "generation": 1,
            "labels": {"run.googleapis.com/job": job}, "uid": "u-x1",
            "creationTimestamp": "2026-01-02T03:04:05Z"},
        "spec": {"taskCount": 1},
        "status": {"observedGeneration": 1, "conditions": ready(&["Started", "ResourcesAvailable"])},
    });
    resources.insert(format!("executions/{name}"), execution.clone());
    execution
}

fn stamp(resource: &mut Value, generation: u64) {
    let metadata = &mut resource["metadata"];
    let name = metadata["name"].as_str().unwrap().to_owned();
    metadata["namespace"] = json!(NUMBER.to_string());
    metadata["generation"] = json!(generation);
    metadata["resourceVersion"] = json!(format!("AAY{generation}"));
    metadata["uid"] = json!(format!("u-{name}"));
    metadata["selfLink"] = json!(format!("/synthetic/{name}"));
    metadata["creationTimestamp"] = json!("2026-01-02T03:04:05.000000Z");
}

fn ready(conditions: &[&str]) -> Value {
    conditions
        .iter()
        .map(|name| json!({"type": name, "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z"}))
        .collect()
}
