//! `/health`, `/ready` and `/metrics`.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::auth::Authenticator;
use crate::config::Right;
use crate::problem::Problem;
use crate::server::Peer;

/// The paths served here, which no limit of concurrency holds back.
pub(crate) const PATHS: [&str; 5] = ["/health", "/healthz", "/ready", "/readyz", "/metrics"];

/// The longest a readiness check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

/// Whether this process can do its work.
#[derive(Clone)]
pub struct Readiness(Arc<Check>);

impl Readiness {
    /// Ready whenever the check succeeds within two seconds. It is run for every request to
    /// `/ready`, so it should be cheap. Its error goes to the log, not to the client.
    pub fn when<C, F, E>(check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        Self(Arc::new(move || {
            let outcome = check();
            Box::pin(async move { outcome.await.map_err(|error| error.to_string()) })
        }))
    }

    /// Ready from the start.
    pub fn always() -> Self {
        Self::when(|| std::future::ready(Ok::<_, String>(())))
    }
}

/// The routes `/health`, `/ready` (with their aliases ending in z) and `/metrics`.
///
/// `/metrics` answers to clients on this machine, and elsewhere to callers with the right `view`.
pub fn router(readiness: Readiness, authenticator: Arc<Authenticator>) -> Router {
    let alive = get(|| std::future::ready("ok\n"));
    let ready = get(ready).with_state(readiness);
    // Recording starts with the routes: what happened before the first scrape counts too.
    let handle = super::metrics();
    let metrics = get(async move |request| metrics(authenticator, handle.render(), request).await);
    Router::new()
        .route("/health", alive.clone())
        .route("/healthz", alive)
        .route("/ready", ready.clone())
        .route("/readyz", ready)
        .route("/metrics", metrics)
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let reason = match tokio::time::timeout(CHECK_TIMEOUT, (readiness.0)()).await {
        Ok(Ok(())) => return "ready\n".into_response(),
        Ok(Err(reason)) => reason,
        Err(_) => "the check took too long".to_owned(),
    };
    tracing::warn!(reason, "not ready");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "NOT_READY",
        "something it needs is missing",
    )
    .retry_after(5)
    .remedy("the log says what")
    .into_response()
}

async fn metrics(authenticator: Arc<Authenticator>, text: String, request: Request) -> Response {
    if !request
        .extensions()
        .get::<Peer>()
        .is_some_and(Peer::is_loopback)
    {
        let (parts, _) = request.into_parts();
        let identity = authenticator.identify(&parts).await;
        if let Err(problem) = identity.and_then(|identity| identity.require(Right::View)) {
            return problem.into_response();
        }
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
