//! A world for tests: Google with a few resources, and a gate that denies what is called `bad`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use http_body_util::BodyExt as _;
use postern_core::decision::Decision;
use postern_core::ports::{
    DeploymentGate, GateRefusal, GoogleAnswer, GoogleApis, GoogleCall, InTheNameOf,
    ProposedDeployment, Unavailable,
};
use postern_host::server::RequestedHost;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Forward, ForwardOptions, ForwardParts, router};

/// What every tag stands for.
pub(crate) const DIGEST: &str =
    "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

/// An image of this name, by digest.
pub(crate) fn image(name: &str) -> String {
    format!("us-docker.pkg.dev/demo-mart/apps/{name}@{DIGEST}")
}

/// Google and the gate, and what they were asked.
#[derive(Default)]
pub(crate) struct World {
    /// What is there, by path.
    pub(crate) resources: BTreeMap<String, Value>,
    /// Permissions that nobody has.
    pub(crate) lacking: Vec<&'static str>,
    /// Who does not answer: `google` or `gate`.
    pub(crate) down: Option<&'static str>,
    /// What a write is answered by.
    pub(crate) status: Option<u16>,
    pub(crate) calls: Mutex<Vec<GoogleCall>>,
    pub(crate) proposed: Mutex<Vec<ProposedDeployment>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) warning: Option<String>,
}

impl Answer {
    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

/// A request to the host of us-central1.
pub(crate) struct Ask {
    request: axum::http::request::Builder,
    body: String,
    host: &'static str,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let request = axum::http::Request::builder().method(method).uri(path);
        Self {
            request: request
                .header("authorization", "Bearer of-the-caller")
                .header("user-agent", "google-cloud-sdk gcloud/528.0.0"),
            body: String::new(),
            host: "us-central1-run.gate.example",
        }
    }

    pub(crate) fn anonymous(method: &str, path: &str) -> Self {
        let request = axum::http::Request::builder().method(method).uri(path);
        Self {
            request,
            ..Self::new(method, path)
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// To the host that has no region.
    pub(crate) fn everywhere(self) -> Self {
        Self {
            host: "run.gate.example",
            ..self
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(self, body: &str) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(self, body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..self
        }
    }
}

impl World {
    pub(crate) fn with(resources: &[(&str, Value)]) -> Self {
        let resources = resources
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()));
        Self {
            resources: resources.collect(),
            ..Self::default()
        }
    }

    pub(crate) async fn ask(self: &Arc<Self>, ask: Ask) -> Answer {
        self.ask_with(ForwardOptions::default(), ask).await
    }

    pub(crate) async fn ask_with(self: &Arc<Self>, options: ForwardOptions, ask: Ask) -> Answer {
        let parts = ForwardParts {
            google: self.clone(),
            gate: self.clone(),
        };
        let options = ForwardOptions {
            hosts: vec![
                "run.gate.example".to_owned(),
                "*-run.gate.example".to_owned(),
            ],
            ..options
        };
        let routes = router(Arc::new(Forward::new(parts, options)));
        let host = RequestedHost(ask.host.to_owned());
        let request = ask
            .request
            .extension(host)
            .body(Body::from(ask.body))
            .unwrap();
        let response = routes.oneshot(request).await.unwrap();
        let warning = response.headers().get("warning");
        let warning = warning.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            warning,
        }
    }

    /// The write that went on, if one did.
    pub(crate) fn written(&self) -> Option<GoogleCall> {
        let calls = self.calls.lock().unwrap();
        let is_write = |call: &&GoogleCall| {
            call.method != "GET" && !call.path.ends_with(":testIamPermissions")
        };
        calls.iter().find(is_write).cloned()
    }

    /// The body of the write that went on.
    pub(crate) fn body(&self) -> Value {
        self.written()
            .and_then(|call| call.body)
            .unwrap_or_default()
    }

    /// The paths that were called, with their methods.
    pub(crate) fn paths(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .map(|call| format!("{} {}", call.method, call.path))
            .collect()
    }

    /// The images that the gate was asked about.
    pub(crate) fn judged(&self) -> Vec<String> {
        let proposed = self.proposed.lock().unwrap();
        proposed
            .iter()
            .flat_map(|proposed| images(&proposed.manifest))
            .collect()
    }
}

#[async_trait]
impl GoogleApis for World {
    async fn call(&self, call: GoogleCall) -> Result<GoogleAnswer, Unavailable> {
        assert!(matches!(
            &call.name,
            InTheNameOf::Gate | InTheNameOf::Caller(_)
        ));
        self.calls.lock().unwrap().push(call.clone());
        if self.down == Some("google") {
            return Err(Unavailable::new("Google", "no answer"));
        }
        let found = |status, value: Value| GoogleAnswer {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: value.to_string().into_bytes(),
        };
        if call.path.ends_with(":testIamPermissions") {
            let mut asked = call.body.unwrap_or_default();
            let permissions = asked["permissions"].as_array_mut().unwrap();
            permissions.retain(|one| !self.lacking.contains(&one.as_str().unwrap()));
            return Ok(found(200, asked));
        }
        if call.method != "GET" {
            return Ok(found(self.status.unwrap_or(200), json!({"done": true})));
        }
        Ok(match self.resources.get(&call.path) {
            Some(value) => found(200, value.clone()),
            None => found(404, json!({"error": {"code": 404, "status": "NOT_FOUND"}})),
        })
    }
}

#[async_trait]
impl DeploymentGate for World {
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal> {
        self.proposed.lock().unwrap().push(proposed.clone());
        if self.down == Some("gate") {
            return Err(Unavailable::new("the gate", "no answer").into());
        }
        let annotation =
            "/items/0/metadata/annotations/run.googleapis.com~1binary-authorization-breakglass";
        let door = proposed
            .manifest
            .pointer(annotation)
            .and_then(Value::as_str);
        let images: Vec<_> = images(&proposed.manifest)
            .into_iter()
            .map(decided)
            .collect();
        let bad = images.iter().any(|image| image["verdict"] != "CONFORMANT");
        let verdict = if bad { "NON_CONFORMANT" } else { "CONFORMANT" };
        let door = door.map(|text| {
            json!({"justification": text, "ticket": null, "source": "annotation", "overrode": verdict})
        });
        let decision = json!({
            "apiVersion": "postern/v1", "kind": "Decision", "id": "01JQ0000000000000000000000",
            "decidedAt": "2026-01-02T03:04:05Z", "allowed": !bad || door.is_some(), "verdict": verdict,
            "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "retryable": bad, "breakGlass": door,
            "target": proposed.target, "policy": null, "images": images,
        });
        Ok(serde_json::from_value(decision).unwrap())
    }
}

fn decided(image: String) -> Value {
    let bad = image.contains("/bad");
    let reason = json!({"code": "NO_ATTESTATION", "message": "nobody attested it",
        "remedy": "postern attest IMAGE", "attestor": "projects/demo-mart/attestors/ci"});
    let name = image.split(['@', ':']).next().unwrap();
    json!({
        "image": image, "resolved": format!("{name}@{DIGEST}"), "children": [],
        "target": "cloud-run", "verdict": if bad { "NON_CONFORMANT" } else { "CONFORMANT" },
        "enforcement": "ENFORCED_BLOCK_AND_AUDIT_LOG", "rule": "defaultAdmissionRule",
        "reasons": if bad { json!([reason]) } else { json!([]) }, "evidence": [],
    })
}

/// Every image in Knative's places.
fn images(node: &Value) -> Vec<String> {
    match node {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "v2")
            .flat_map(|(name, value)| match (name.as_str(), value.as_str()) {
                ("image", Some(image)) => vec![image.to_owned()],
                _ => images(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(images).collect(),
        _ => Vec::new(),
    }
}
