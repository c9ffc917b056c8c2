//! Writes of services through the forwarding gate: whatever goes on to Google by which a template is another
//! than before, the gate was asked about each of its images.
//!
//! The input is three lines: `v1` or `v2` with a query, the service as it is (empty: there is none), the body.

#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use libfuzzer_sys::fuzz_target;
use postern_core::decision::Decision;
use postern_core::ports::{
    DeploymentGate, GateRefusal, GoogleAnswer, GoogleApis, GoogleCall, ProposedDeployment,
    Unavailable,
};
use postern_forward::{Forward, ForwardOptions, ForwardParts, router};
use postern_host::server::RequestedHost;
use serde_json::{Value, json};
use tower::ServiceExt as _;

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().expect("a runtime can be made")
});

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let (Some(call), Some(current), Some(body)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let (dialect, query) = call.split_once('?').unwrap_or((call, ""));
    let (method, path, place) = match dialect {
        "v1" => (
            "PUT",
            "/apis/serving.knative.dev/v1/namespaces/p/services/web",
            "/spec/template",
        ),
        "v2" => (
            "PATCH",
            "/v2/projects/p/locations/us-central1/services/web",
            "/template",
        ),
        _ => return,
    };
    let world = Arc::new(World {
        current: serde_json::from_str(current).ok(),
        ..World::default()
    });
    let Ok(request) = http::Request::builder()
        .method(method)
        .uri(format!("{path}?{query}"))
        .header("authorization", "Bearer synthetic")
        .header("content-type", "application/json")
        .extension(RequestedHost("us-central1-run.gate.test".to_owned()))
        .body(Body::from(body.to_owned()))
    else {
        return;
    };
    let options = ForwardOptions {
        hosts: vec!["*-run.gate.test".to_owned()],
        ..ForwardOptions::default()
    };
    let parts = ForwardParts {
        google: world.clone(),
        gate: world.clone(),
    };
    let routes = router(Arc::new(Forward::new(parts, options)));
    let _ = RUNTIME.block_on(routes.oneshot(request));

    let Some(written) = world.written.lock().expect("nobody panics").take() else {
        return;
    };
    let template = written.pointer(place);
    let before = world
        .current
        .as_ref()
        .and_then(|current| current.pointer(place));
    if template == before || (dialect == "v2" && !query.is_empty()) {
        return;
    }
    let asked = world.asked.lock().expect("nobody panics");
    for image in images(template.unwrap_or(&Value::Null)) {
        assert!(asked.contains(&image), "nobody judged {image:?}");
    }
});

#[derive(Default)]
struct World {
    current: Option<Value>,
    asked: Mutex<Vec<String>>,
    written: Mutex<Option<Value>>,
}

#[async_trait]
impl GoogleApis for World {
    async fn call(&self, call: GoogleCall) -> Result<GoogleAnswer, Unavailable> {
        let permitted = call.path.ends_with(":testIamPermissions");
        let (status, body) = match (call.method.as_str(), &self.current) {
            _ if permitted => (200, call.body.unwrap_or_default()),
            ("GET", Some(current)) if call.path.ends_with("/web") => (200, current.clone()),
            ("GET", _) => (404, json!({})),
            _ => {
                *self.written.lock().expect("nobody panics") = call.body;
                (200, json!({}))
            }
        };
        Ok(GoogleAnswer {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        })
    }
}

#[async_trait]
impl DeploymentGate for World {
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        self.asked
            .lock()
            .expect("nobody panics")
            .extend(images(&proposed.manifest));
        let decision = json!({
            "apiVersion": "postern/v1", "kind": "Decision", "id": "01JQ0000000000000000000000",
            "decidedAt": "2026-01-02T03:04:05Z", "allowed": true, "verdict": "CONFORMANT",
            "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": false, "breakGlass": null,
            "target": "cloud-run", "policy": null, "images": [],
        });
        serde_json::from_value(decision).map_err(|error| GateRefusal::Unreadable(error.to_string()))
    }
}

/// The images of every list of containers.
fn images(node: &Value) -> Vec<String> {
    match node {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("containers" | "initContainers", Value::Array(containers)) => containers
                    .iter()
                    .filter_map(|container| container.get("image")?.as_str().map(str::to_owned))
                    .collect(),
                _ => images(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(images).collect(),
        _ => Vec::new(),
    }
}
