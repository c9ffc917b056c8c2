//! The notifier as a process of its own: `POST /v1/tick` drains the outbox, and between the calls
//! nothing is relied on.

use std::process::ExitCode;
use std::sync::Arc;

use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_notifier::{Notifier, http};
use postern_wiring::{Adapters, Part, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the notifier cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let adapters = Adapters::of(&config, &environment).await?;
    let store = Arc::new(adapters.store);
    let notifier = Notifier::of_config(store.clone(), &config, &environment);
    let notifier = notifier.map_err(|error| StartError::Function(error.to_string()))?;
    let tick = Part {
        name: "auditor",
        routes: http::router(Arc::new(notifier)),
        access: config.auth.auditor.as_ref(),
    };
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    postern_wiring::run(vec![tick], readiness, &config, &environment).await
}
