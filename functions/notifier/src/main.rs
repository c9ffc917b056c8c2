//! The notifier as a process of its own: `POST /v1/tick` drains the outbox, as does `{"tick":true}` in
//! a queue that AWS Lambda reads, and between the calls nothing is relied on.

use std::process::ExitCode;
use std::sync::Arc;

use postern_host::environment::Process;
use postern_host::queue::consume;
use postern_host::telemetry::Readiness;
use postern_notifier::{Notifier, http, queue};
use postern_wiring::{Adapters, Doors, Part, StartError};

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
    let buses = postern_wiring::buses(&config.outputs, &config, &environment).await?;
    let notifier = Notifier::of_config(store.clone(), &config, &environment, &buses);
    let notifier = notifier.map_err(|error| StartError::Function(error.to_string()))?;
    let notifier = Arc::new(notifier);
    let ticked = Arc::clone(&notifier);
    let doors = Doors {
        queue: Some(consume(move |body| {
            let notifier = Arc::clone(&ticked);
            async move { queue::take(&notifier, &body).await }
        })),
        ..Doors::default()
    };
    let tick = Part {
        name: "auditor",
        routes: http::router(notifier),
        access: config.auth.auditor.as_ref(),
        around: std::convert::identity,
    };
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    postern_wiring::run(vec![tick], doors, readiness, &config, &environment).await
}
