//! The trust function as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;

use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_trust::{Trust, TrustParts, as_google, router};
use postern_wiring::{Adapters, Doors, Part, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the trust function cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let store = Adapters::of(&config, &environment).await?.store;
    let trust = Trust::new(TrustParts {
        store: Arc::new(store.clone()),
        revocations: Arc::new(store.clone()),
        vault: postern_wiring::key_vault(&config, &environment)?,
        owners: config.trust.owners.clone(),
        numbers: config.projects.clone(),
    });
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    let part = Part {
        name: "trust",
        routes: router(Arc::new(trust)),
        access: config.auth.trust.as_ref(),
        around: as_google,
    };
    postern_wiring::run(
        vec![part],
        Doors::default(),
        readiness,
        &config,
        &environment,
    )
    .await
}
