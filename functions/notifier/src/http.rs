//! `POST /v1/tick`: what time alone makes due, for where nothing runs between requests.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::Problem;

use crate::notifier::{Notifier, Tally};

/// The notifier's endpoint; callers need the right `ingest`. Idempotent.
pub fn router(notifier: Arc<Notifier>) -> Router {
    Router::new()
        .route("/v1/tick", post(tick))
        .with_state(notifier)
}

async fn tick(
    State(notifier): State<Arc<Notifier>>,
    identity: Identity,
) -> Result<Json<Tally>, Problem> {
    identity.require(Right::Ingest)?;
    let tally = notifier.tick(Timestamp::now()).await.map_err(|error| {
        tracing::error!(%error, "the outbox could not be read or written");
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "STORE_UNAVAILABLE",
            error.to_string(),
        )
        .retry_after(5)
    })?;
    Ok(Json(tally))
}
