//! A stand-in for a registry, in this process: it misbehaves in ways that no real one can be made
//! to. What real registries do is tested with real ones, in `real_registry.rs`.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode, header};
use postern_core::image::{Digest, ImageReference};
use postern_registry::{ARTIFACT_TYPE, HostOptions, Registry, RegistryOptions};
use serde_json::{Value, json};

/// A request that the stand-in saw.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Path and query.
    pub(crate) path: String,
    /// The credential that came with it.
    pub(crate) authorization: Option<String>,
}

/// A listener on loopback with a rule how to answer.
pub(crate) struct StandIn {
    pub(crate) host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    pub(crate) async fn start(
        answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let answer = Arc::new(answer);
        let router = Router::new().fallback(move |request: Request| {
            let authorization = request.headers().get(header::AUTHORIZATION);
            let now = Seen {
                path: request.uri().to_string(),
                authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
            };
            log.lock().unwrap().push(now.clone());
            let response = answer(&now);
            async move { response }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { host, seen }
    }

    /// What was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Options that reach it.
    pub(crate) fn options(&self) -> HostOptions {
        HostOptions {
            plain_http: true,
            allow_private: true,
            ..HostOptions::new(&self.host)
        }
    }

    /// A client that reaches it.
    pub(crate) fn client(&self) -> Registry {
        client(vec![self.options()])
    }

    /// An image in it, such as `app:v1`.
    pub(crate) fn image(&self, rest: &str) -> ImageReference {
        ImageReference::parse(&format!("{}/{rest}", self.host)).unwrap()
    }
}

/// A client of these hosts.
pub(crate) fn client(hosts: Vec<HostOptions>) -> Registry {
    Registry::new(RegistryOptions {
        hosts,
        ..RegistryOptions::default()
    })
    .unwrap()
}

/// A synthetic image manifest; different names make different images.
pub(crate) fn manifest(name: &str) -> String {
    json!({"schemaVersion": 2, "config": {"name": name}, "layers": []}).to_string()
}

pub(crate) fn ok(body: impl Into<Body>) -> Response<Body> {
    Response::new(body.into())
}

pub(crate) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn with_header(
    mut response: Response<Body>,
    name: &'static str,
    value: &str,
) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

pub(crate) fn not_found() -> Response<Body> {
    status(StatusCode::NOT_FOUND)
}

/// An attestation's manifest with its layer embedded, as bytes that hash to the second value.
pub(crate) fn attestation(subject: Digest, occurrence: &Value) -> (String, Digest) {
    use base64::Engine as _;
    let layer = occurrence.to_string();
    let descriptor = |content: &[u8]| json!({"mediaType": "application/json", "digest": Digest::of(content), "size": content.len()});
    let mut embedded = descriptor(layer.as_bytes());
    embedded["data"] = base64::prelude::BASE64_STANDARD.encode(&layer).into();
    let mut about = descriptor(b"");
    about["digest"] = json!(subject);
    let manifest = json!({
        "schemaVersion": 2, "artifactType": ARTIFACT_TYPE, "config": descriptor(b"{}"),
        "layers": [embedded], "subject": about,
    })
    .to_string();
    let digest = Digest::of(manifest.as_bytes());
    (manifest, digest)
}

/// An entry of a listing.
pub(crate) fn listed(digest: Digest, artifact_type: &str) -> Value {
    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1, "artifactType": artifact_type})
}
