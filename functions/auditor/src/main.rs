//! The auditor as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;

use postern_auditor::detection::Catalogue;
use postern_auditor::{Auditor, Believed, http};
use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Part, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the auditor cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let config = postern_wiring::start(&Process)?;
    let adapters = Adapters::of(&config, &Process).await?;
    let store = Arc::new(adapters.store);
    let catalogue = Catalogue::embedded();
    let catalogue = catalogue.map_err(|error| StartError::Function(error.to_string()))?;
    let believed = Believed::from(&config.audit);
    let auditor = Arc::new(Auditor::new(store.clone(), catalogue, believed));
    let events = Part {
        name: "auditor",
        routes: http::events_router(Arc::clone(&auditor)),
        access: config.auth.auditor.as_ref(),
    };
    let cases = Part {
        name: "cases",
        routes: http::cases_router(auditor),
        access: config.auth.cases.as_ref(),
    };
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    postern_wiring::run(vec![events, cases], readiness, &config, &Process).await
}
