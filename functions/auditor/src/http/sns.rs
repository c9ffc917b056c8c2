//! `POST /v1/events/sns`: what Amazon SNS posts. Its signature is the authentication: callers show
//! no token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use postern_host::problem::Problem;

use super::{outage, read_up_to};
use crate::auditor::Auditor;
use crate::intake::{Report, take_in_body};
use crate::sns::{Posted, SnsDoor, SnsError};

/// The largest body that is read of a stranger: a message of 256 KiB, every character of it escaped.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Where Amazon SNS posts. Not to be put behind a check of tokens, of which SNS has none.
pub fn sns_router(auditor: Arc<Auditor>, door: SnsDoor) -> Router {
    Router::new()
        .route("/v1/events/sns", post(receive))
        .with_state((auditor, Arc::new(door)))
}

async fn receive(
    State((auditor, door)): State<(Arc<Auditor>, Arc<SnsDoor>)>,
    body: Body,
) -> Result<Json<Report>, Problem> {
    let body = read_up_to(body, BODY_LIMIT).await?;
    let posted = door.open(&body, Timestamp::now()).await;
    let (topic, message) = match posted.map_err(not_opened)? {
        Posted::Subscription => return Ok(Json(Report::default())),
        Posted::Notification { topic, message } => (topic, message),
    };
    let route = format!("sns:{topic}");
    let report = take_in_body(&auditor, &route, message.as_bytes()).await;
    report.map(Json).map_err(outage)
}

fn not_opened(error: SnsError) -> Problem {
    match error {
        SnsError::Refused(why) => {
            tracing::warn!(why, "a message of Amazon SNS was refused");
            Problem::new(StatusCode::FORBIDDEN, "SNS_REFUSED", why)
                .remedy("audit.sns.topics lists who may deliver; messages are signed by version 2")
        }
        SnsError::Unavailable(error) => {
            tracing::error!(%error, "Amazon SNS could not be asked");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            Problem::new(status, "SNS_UNAVAILABLE", error.to_string()).retry_after(5)
        }
    }
}

#[cfg(test)]
mod tests;
