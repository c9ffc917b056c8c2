//! `POST /v1/decisions`: Postern's own form.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use postern_core::decision::Decision;
use postern_core::reason::Verdict;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::deadline::Deadline;
use postern_host::problem::Problem;
use serde::Deserialize;

use crate::gate::{Asked, Gate, NotRecorded};
use crate::request::{RequestError, parse_own};

pub(crate) fn routes() -> Router<Arc<Gate>> {
    Router::new().route("/v1/decisions", post(decide))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    /// Whether the status, too, tells the outcome.
    #[serde(default)]
    enforce: bool,
    /// Whether only the answer is wanted: nothing follows from it, so nothing is recorded.
    #[serde(default, rename = "dryRun")]
    dry_run: bool,
    /// Read by [`Deadline`].
    #[serde(default, rename = "timeout")]
    _timeout: Option<String>,
}

async fn decide(
    State(gate): State<Arc<Gate>>,
    identity: Identity,
    deadline: Deadline,
    Query(parameters): Query<Parameters>,
    body: Bytes,
) -> Result<Response, Problem> {
    identity.require(Right::Decide)?;
    let own = parse_own(&body).map_err(problem)?;
    let asked = Asked::now(now(), deadline.at_most(own.timeout_ms).0);
    let asked = match parameters.dry_run {
        true => asked.on_trial(),
        false => asked,
    };
    let decision = gate
        .decide(&own.request, &identity, asked)
        .await
        .map_err(not_recorded)?;
    let status = if parameters.enforce {
        enforced(&decision)
    } else {
        StatusCode::OK
    };
    Ok((status, Json(decision)).into_response())
}

/// For callers that only look at the status.
fn enforced(decision: &Decision) -> StatusCode {
    match (decision.allowed, decision.verdict) {
        (true, _) => StatusCode::OK,
        (false, Verdict::Undetermined) => StatusCode::SERVICE_UNAVAILABLE,
        (false, _) => StatusCode::FORBIDDEN,
    }
}

/// The time of the decision, in milliseconds: no log says more.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}

pub(crate) fn problem(error: RequestError) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "REQUEST_INVALID",
        error.to_string(),
    )
}

pub(crate) fn not_recorded(error: NotRecorded) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "JOURNAL_UNAVAILABLE",
        error.to_string(),
    )
    .remedy("nothing was decided: ask again once the store answers")
    .retry_after(5)
}
