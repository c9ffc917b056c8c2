//! `POST /v1/attestations`.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::Timestamp;
use postern_core::occurrence::Occurrence;
use postern_core::ports::Stored;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::Problem;
use serde::Serialize;

use crate::attestor::{Attestor, Request};

/// The longest request, in bytes: two names.
const MAX_BODY: usize = 16 * 1024;

/// The attestor's path. Identities must have been put into the requests
/// ([`postern_host::auth::authenticated`]).
pub fn router(attestor: Arc<Attestor>) -> Router {
    Router::new()
        .route("/v1/attestations", post(attest))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(attestor)
}

async fn attest(
    State(attestor): State<Arc<Attestor>>,
    identity: Identity,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    identity.require(Right::Attest)?;
    let request = parse(body)?;
    let caller = identity.caller.as_ref();
    let stored = attestor.attest(&request, caller, Timestamp::now()).await;
    match stored {
        Ok(Stored::Created(occurrence)) => {
            tracing::info!(
                image = request.image,
                attestor = request.attestor,
                "attested"
            );
            Ok((StatusCode::CREATED, Json(occurrence)).into_response())
        }
        Ok(Stored::AlreadyThere(occurrence)) => Ok(already_there(&occurrence)),
        Err(refusal) => {
            tracing::warn!(
                image = request.image,
                attestor = request.attestor,
                reason = %refusal,
                "not attested"
            );
            Err(refusal.into())
        }
    }
}

fn parse(body: Result<Bytes, BytesRejection>) -> Result<Request, Problem> {
    let body = body.map_err(|rejection| {
        Problem::new(rejection.status(), "BODY_UNREADABLE", rejection.body_text())
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "REQUEST_MALFORMED",
            error.to_string(),
        )
        .remedy(r#"send {"image": "HOST/PATH@sha256:…", "attestor": "projects/P/attestors/A"}"#)
    })
}

/// A problem whose member `occurrence` is what was asked for (RFC 9457 §3.2).
#[derive(Serialize)]
struct AlreadyThere<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    occurrence: &'a Occurrence,
}

fn already_there(occurrence: &Occurrence) -> Response {
    let status = StatusCode::CONFLICT;
    let body = AlreadyThere {
        r#type: "about:blank",
        title: "Conflict",
        status: status.as_u16(),
        detail: "this image is attested by this key already",
        code: "ALREADY_ATTESTED",
        occurrence,
    };
    (
        status,
        [(CONTENT_TYPE, "application/problem+json")],
        Json(body),
    )
        .into_response()
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
