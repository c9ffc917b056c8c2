//! A stand-in for a registry: read-only, in this process, with tags that can be moved.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use postern_core::image::Digest;

/// The only repository.
pub(crate) const REPOSITORY: &str = "demo-project/app";

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Manifests by digest, and what tags stand for.
#[derive(Clone, Default)]
pub(crate) struct StandInRegistry(Arc<RwLock<Content>>);

#[derive(Default)]
struct Content {
    tags: BTreeMap<String, Digest>,
    manifests: BTreeMap<Digest, Vec<u8>>,
}

impl StandInRegistry {
    /// Pushes an image that says who built it, and points a tag at it, moving it if it is there.
    pub(crate) fn push(&self, tag: &str, built_by: &str) -> Digest {
        let empty = Digest::of(b"{}");
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
            "layers": [],
            "annotations": {"org.opencontainers.image.authors": built_by},
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = Digest::of(&manifest);
        let mut content = self.0.write().unwrap_or_else(PoisonError::into_inner);
        content.tags.insert(tag.to_owned(), digest);
        content.manifests.insert(digest, manifest);
        digest
    }

    /// The part of the distribution API that reading takes.
    pub(crate) fn router(&self) -> Router {
        let manifest = format!("/v2/{REPOSITORY}/manifests/{{reference}}");
        Router::new()
            .route("/v2/", get(|| std::future::ready(StatusCode::OK)))
            .route(&manifest, get(read))
            .with_state(self.clone())
    }
}

async fn read(State(registry): State<StandInRegistry>, Path(reference): Path<String>) -> Response {
    let content = registry.0.read().unwrap_or_else(PoisonError::into_inner);
    let digest = reference
        .parse()
        .ok()
        .or_else(|| content.tags.get(&reference).copied());
    match digest.and_then(|digest| Some((digest, content.manifests.get(&digest)?))) {
        Some((digest, manifest)) => {
            let digest = ("Docker-Content-Digest", digest.to_string());
            let kind = (header::CONTENT_TYPE.as_str(), MANIFEST.to_owned());
            ([digest, kind], manifest.clone()).into_response()
        }
        None => {
            let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            (StatusCode::NOT_FOUND, body).into_response()
        }
    }
}
