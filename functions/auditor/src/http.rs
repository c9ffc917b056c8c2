//! The auditor's endpoints.
//!
//! A delivery is answered 2xx only after it is written, readable or not: what cannot be read would
//! only come again. It is refused where coming again may help: 503 for an outage, 401 and 403 for a
//! caller or subscription that is not (yet) believed.

mod cases;
mod ledger;
mod run_task;
mod sns;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use postern_core::ports::Unavailable;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::{Problem, quoted};

use crate::auditor::Auditor;
use crate::cloud_events;
use crate::input::{self, Delivery};
use crate::intake::{self, Report};
use crate::push;

pub use self::cases::cases_router;
pub use self::ledger::ledger_router;
pub use self::run_task::{RunTasks, RunTasksError, run_task_router};
pub use self::sns::sns_router;

/// The largest request: a Pub/Sub message (10 MB) as base64, with its envelope.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Every endpoint of the auditor.
pub fn router(auditor: Arc<Auditor>) -> Router {
    events_router(auditor.clone()).merge(cases_router(auditor))
}

/// Where events are delivered; callers need the right `ingest`.
pub fn events_router(auditor: Arc<Auditor>) -> Router {
    Router::new()
        .route("/v1/events/pubsub", post(receive_push))
        .route("/v1/events", post(receive_events))
        .with_state(auditor)
}

async fn receive_push(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    identity.require(Right::Ingest)?;
    let body = read(body).await?;
    let push = push::push(&headers, &body);
    let subscription = push.subscription.as_deref();
    if !auditor.believes_subscription(subscription) {
        return Err(subscription_refused(subscription));
    }
    let route = format!("pubsub:{}", subscription.unwrap_or("unnamed"));
    let received = match push.data {
        Ok(data) => {
            auditor
                .receive(&data, &route, crate::parse::Form::LogEntry)
                .await
        }
        Err(reason) => auditor.quarantine(&body, &route, &reason).await,
    };
    received.map_err(outage)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn receive_events(
    State(auditor): State<Arc<Auditor>>,
    identity: Identity,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Report>, Problem> {
    identity.require(Right::Ingest)?;
    let body = read(body).await?;
    let (route, deliveries) = deliveries(&headers, &body).ok_or_else(not_events)?;
    Ok(Json(
        intake::take_in(&auditor, route, deliveries)
            .await
            .map_err(outage)?,
    ))
}

/// CloudEvents in any mode, or as plain JSON what AWS sends: events of EventBridge, `{"Records":[…]}`.
fn deliveries<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
) -> Option<(&'static str, Vec<Delivery<'a>>)> {
    if let Some(events) = cloud_events::events(headers, body) {
        return Some(("cloudevents", events));
    }
    let json = headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.to_str().unwrap_or_default();
        let (kind, _) = value.split_once(';').unwrap_or((value, ""));
        kind.trim().eq_ignore_ascii_case("application/json")
    });
    let deliveries = json.then(|| input::deliveries(body)).flatten()?;
    Some(("json", deliveries))
}

fn not_events() -> Problem {
    let detail =
        "the request is no CloudEvent 1.0 in binary, structured or batch mode, and no JSON";
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "NOT_A_CLOUD_EVENT",
        detail,
    )
    .remedy(
        "send ce- headers, or application/cloudevents+json, or at most 1000 events as \
         application/cloudevents-batch+json; or as application/json an event of EventBridge, or at \
         most 10000 records of CloudTrail",
    )
}

async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    read_up_to(body, BODY_LIMIT).await
}

async fn read_up_to(body: Body, limit: usize) -> Result<axum::body::Bytes, Problem> {
    to_bytes(body, limit).await.map_err(|_| {
        let detail = format!("the body could not be read, or has more than {limit} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail)
    })
}

fn subscription_refused(name: Option<&str>) -> Problem {
    let detail = match name {
        Some(name) => format!("subscription {:?} may not deliver", quoted(name)),
        None => "the delivery names no subscription".to_owned(),
    };
    tracing::warn!(detail, "a delivery was refused");
    Problem::new(StatusCode::FORBIDDEN, "SUBSCRIPTION_REFUSED", detail).remedy(
        "add it to audit.subscriptions; an unwrapped push needs writeMetadata to name itself",
    )
}

fn outage(error: Unavailable) -> Problem {
    tracing::error!(%error, "the auditor's state could not be read or written");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "STORE_UNAVAILABLE",
        error.to_string(),
    )
    .retry_after(5)
}

#[cfg(test)]
mod tests;
