//! A stand-in for the Cloud Run Admin API v2, as far as `postern deploy` speaks it: nothing real of it runs
//! here. Whatever is deployed is ready at once, and comes out as it was written, unless a test says otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Reply, Seen, StandIn};

const PARENT: &str = "/v2/projects/demo-project/locations/us-central1/";

/// The stand-in, and what is in it.
pub(crate) struct CloudRunV2 {
    server: StandIn,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    /// Such as `services/web` and `services/web/revisions/web-1`.
    resources: BTreeMap<String, Value>,
    /// What every new revision runs, whatever was written.
    comes_out_as: Option<String>,
    /// Whether somebody else always writes first.
    contended: bool,
    writes: u32,
}

impl CloudRunV2 {
    pub(crate) fn start() -> Self {
        let held = Arc::new(Mutex::new(Held::default()));
        let kept = Arc::clone(&held);
        let server = StandIn::start(move |seen| answer(&mut kept.lock().unwrap(), seen));
        Self { server, held }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Puts a service there which serves this image, as `web-1`, by following the latest revision.
    pub(crate) fn with_service(self, image: &str) -> Self {
        let service = json!({
            "template": {"containers": [{"image": image}]},
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "tag": "live"}],
        });
        written(
            &mut self.held.lock().unwrap(),
            "services/web",
            &service,
            Some("web-1"),
        );
        self
    }

    /// Puts a resource there as it is.
    pub(crate) fn with(self, name: &str, resource: Value) -> Self {
        let mut held = self.held.lock().unwrap();
        held.resources.insert(name.to_owned(), resource);
        drop(held);
        self
    }

    pub(crate) fn comes_out_as(self, image: &str) -> Self {
        self.held.lock().unwrap().comes_out_as = Some(image.to_owned());
        self
    }

    pub(crate) fn contended(self) -> Self {
        self.held.lock().unwrap().contended = true;
        self
    }

    /// What there is.
    pub(crate) fn resource(&self, name: &str) -> Option<Value> {
        self.held.lock().unwrap().resources.get(name).cloned()
    }

    /// The names of everything there is.
    pub(crate) fn names(&self) -> Vec<String> {
        self.held
            .lock()
            .unwrap()
            .resources
            .keys()
            .cloned()
            .collect()
    }

    /// The writes that came: method, and what they were about.
    pub(crate) fn writes(&self) -> Vec<String> {
        let seen = self.server.seen();
        let writes = seen.iter().filter(|seen| seen.method != "GET");
        let line = |seen: &Seen| format!("{} {}", seen.method, seen.target.replace(PARENT, ""));
        writes.map(line).collect()
    }
}

fn answer(held: &mut Held, seen: &Seen) -> Reply {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let Some(name) = path.strip_prefix(PARENT) else {
        return refusal(404, "NOT_FOUND", "no such place");
    };
    match seen.method.as_str() {
        "GET" if name.starts_with("operations/") => Reply::json(&json!({"done": true})),
        "GET" => match held.resources.get(name) {
            Some(resource) => Reply::json(resource),
            None => refusal(404, "NOT_FOUND", "not found"),
        },
        "POST" => {
            let id = query.split_once("Id=").unwrap().1;
            let name = format!("{name}/{id}");
            written(held, &name, &seen.json(), None);
            operation()
        }
        "PATCH" => patched(held, name, query, &seen.json()),
        "DELETE" => deleted(held, name),
        _ => refusal(400, "INVALID_ARGUMENT", "no such method"),
    }
}

fn patched(held: &mut Held, name: &str, query: &str, body: &Value) -> Reply {
    let current = held.resources[name].clone();
    if held.contended || body["etag"] != current["etag"] {
        return refusal(409, "ABORTED", "the resource was changed meanwhile");
    }
    let mask = query
        .strip_prefix("updateMask=")
        .map(|mask| mask.replace("%2C", ","));
    let after = match mask {
        Some(mask) => {
            let mut after = current;
            for field in mask.split(',') {
                after[field] = body[field].clone();
            }
            after
        }
        None => body.clone(),
    };
    written(held, name, &after, None);
    operation()
}

/// Only what is no longer the latest can be deleted, and what gets no traffic.
fn deleted(held: &mut Held, name: &str) -> Reply {
    if let Some((service, revision)) = name.split_once("/revisions/") {
        let service = &held.resources[service];
        let serves = service["traffic"].to_string().contains(revision);
        if service["latestCreatedRevision"] == revision || serves {
            return refusal(
                400,
                "FAILED_PRECONDITION",
                "only retired revisions can be deleted",
            );
        }
    }
    held.resources
        .retain(|there, _| there != name && !there.starts_with(&format!("{name}/")));
    operation()
}

/// Writes a resource; a template that is new makes a revision.
fn written(held: &mut Held, name: &str, resource: &Value, revision: Option<&str>) {
    held.writes += 1;
    let mut resource = resource.clone();
    let before = held.resources.get(name).cloned().unwrap_or_default();
    if !name.starts_with("jobs/") && before["template"] != resource["template"] {
        let named = resource["template"]["revision"].as_str().or(revision);
        let revision = match named {
            Some(named) => named.to_owned(),
            None => format!("web-auto{}", held.writes),
        };
        let mut containers = resource["template"]["containers"].clone();
        if let Some(image) = held.comes_out_as.as_ref().filter(|_| named.is_some()) {
            containers[0]["image"] = json!(image);
        }
        resource["latestCreatedRevision"] = json!(revision);
        resource["latestReadyRevision"] = json!(revision);
        let ready = json!([{"type": "Ready", "state": "CONDITION_SUCCEEDED"}]);
        held.resources.insert(
            format!("{name}/revisions/{revision}"),
            json!({"containers": containers, "conditions": ready}),
        );
    }
    resource["etag"] = json!(format!("\"v{}\"", held.writes));
    held.resources.insert(name.to_owned(), resource);
}

fn operation() -> Reply {
    let name = PARENT.trim_start_matches("/v2/");
    Reply::json(&json!({"name": format!("{name}operations/o1")}))
}

fn refusal(code: u16, status: &str, message: &str) -> Reply {
    let error = json!({"error": {"code": code, "status": status, "message": message}});
    Reply::typed(code, "application/json", error.to_string())
}
