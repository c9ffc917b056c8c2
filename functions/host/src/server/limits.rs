//! What bounds a request: how many at once, how long, and what becomes of a panic.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::{Problem, quoted};

/// The longest a request may take altogether, its body's arrival included. Handlers have their own,
/// shorter deadlines; this one frees the place of a client that sends a byte a minute.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Lets at most that many requests in at a time and turns the rest away. Health and metrics always
/// pass: an overloaded instance is not a dead one.
pub(super) fn bounded(router: Router, requests: usize) -> Router {
    let places = Arc::new(Semaphore::new(requests));
    router.layer(from_fn_with_state(places, take_a_place))
}

async fn take_a_place(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    if crate::telemetry::PATHS.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let Ok(_place) = places.try_acquire() else {
        metrics::counter!("postern_http_shed_total").increment(1);
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "OVERLOADED",
            "as many requests as this instance handles are in flight",
        )
        .retry_after(1)
        .into_response();
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "the request did not come to an end in time",
        )
        .into_response(),
    }
}

/// Answers 500 where a handler panics, and logs what it said.
pub(super) fn panics_caught(router: Router) -> Router {
    router.layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        tracing::error!(message = quoted(message), "a handler panicked");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL",
            "this is a fault of the server",
        )
        .remedy("report it with the `x-request-id` of this answer")
        .into_response()
    }))
}

/// Turns the plain text with which axum refuses a request that an extractor cannot take into a
/// problem.
pub(super) fn refusals_as_problems(router: Router) -> Router {
    router.layer(map_response(async |response: Response| {
        let code = match response.status() {
            StatusCode::BAD_REQUEST => "BAD_REQUEST",
            StatusCode::LENGTH_REQUIRED => "LENGTH_REQUIRED",
            StatusCode::PAYLOAD_TOO_LARGE => "BODY_TOO_LARGE",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "MEDIA_TYPE_UNSUPPORTED",
            StatusCode::UNPROCESSABLE_ENTITY => "BODY_MALFORMED",
            _ => return response,
        };
        let kind = response.headers().get(CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain")) {
            return response;
        }
        let status = response.status();
        let text = to_bytes(response.into_body(), 4096)
            .await
            .unwrap_or_default();
        Problem::new(status, code, quoted(&String::from_utf8_lossy(&text))).into_response()
    }))
}

pub(super) async fn no_such_path(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
        format!("there is nothing at `{}`", quoted(uri.path())),
    )
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!(
            "`{}` does not take {}",
            quoted(uri.path()),
            quoted(method.as_str())
        ),
    )
}
