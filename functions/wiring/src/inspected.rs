//! `GET /v1/inspect`: what is known about a target, for whoever has only the server.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use postern_core::ports::Runtime;
use postern_core::target::Target;
use postern_host::auth::Identity;
use postern_host::config::{Config, Right};
use postern_host::problem::{Problem, quoted};
use postern_store::Store;
use serde::Deserialize;

use crate::inspection::{Inspection, inspect};
use crate::{Adapters, WiringError};

/// How long the platform may take: somebody waits.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Known {
    store: Store,
    runtime: Option<Arc<dyn Runtime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    target: String,
}

/// `GET /v1/inspect?target=TARGET`; callers need the right `view`.
///
/// # Errors
/// If there is no client for what runs.
pub fn inspect_router(config: &Config, adapters: &Adapters) -> Result<Router, WiringError> {
    let known = Known {
        store: adapters.store.clone(),
        runtime: crate::runtime(config)?,
    };
    Ok(Router::new()
        .route("/v1/inspect", get(show))
        .with_state(known))
}

async fn show(
    State(known): State<Known>,
    identity: Identity,
    Query(asked): Query<Asked>,
) -> Result<Json<Inspection>, Problem> {
    identity.require(Right::View)?;
    let invalid = |detail: String| {
        Problem::new(StatusCode::BAD_REQUEST, "BAD_QUERY", detail)
            .remedy("write ?target=cloud-run:PROJECT/LOCATION/SERVICE")
    };
    let target: Target = asked
        .target
        .parse()
        .map_err(|_| invalid(format!("{:?} is no target", quoted(&asked.target))))?;
    if matches!(target, Target::CloudRun { resource: None, .. }) {
        return Err(invalid("the target names no service".to_owned()));
    }
    let runtime = known.runtime.as_deref();
    Ok(Json(
        inspect(&target, Ok(known.store), runtime, PATIENCE).await,
    ))
}
