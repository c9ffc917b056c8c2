//! `POST /v1/appraise`: what the gate would say, for an auditor in another process. Nothing is recorded,
//! and nothing is let through by it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use postern_core::ports::{Appraisal, Appraiser as _};
use postern_core::target::Target;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::{Problem, quoted};
use serde::Deserialize;

use crate::gate::Gate;

/// Images that are appraised at once; a request to deploy holds no more.
const IMAGES: usize = 256;

pub(crate) fn routes() -> Router<Arc<Gate>> {
    Router::new().route("/v1/appraise", post(appraise))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    target: Target,
    images: Vec<String>,
}

async fn appraise(
    State(gate): State<Arc<Gate>>,
    identity: Identity,
    body: Bytes,
) -> Result<Json<Appraisal>, Problem> {
    identity.require(Right::Decide)?;
    let invalid = |detail: String| {
        Problem::new(StatusCode::BAD_REQUEST, "REQUEST_INVALID", detail)
            .remedy("send {\"target\": …, \"images\": […]}, the images by digest")
    };
    let asked: Asked =
        serde_json::from_slice(&body).map_err(|error| invalid(quoted(&error.to_string())))?;
    if asked.images.is_empty() || asked.images.len() > IMAGES {
        return Err(invalid(format!("it takes 1 to {IMAGES} images")));
    }
    let appraised = gate.appraise(&asked.target, &asked.images).await;
    appraised.map(Json).map_err(|error| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "UNDETERMINED", error.to_string()).retry_after(5)
    })
}
