//! The auditor as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use postern_auditor::case::Rules;
use postern_auditor::detection::Catalogue;
use postern_auditor::{Auditor, Believed, http};
use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Found, Lookout, Part, StartError};

/// How often spool and journal are looked at, besides `POST /v1/tick`.
const TICK: Duration = Duration::from_secs(5);

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
    let store = Arc::new(adapters.store.clone());
    let catalogue = Catalogue::configured(&config.audit);
    let catalogue = catalogue.map_err(|error| StartError::Function(error.to_string()))?;
    let believed = Believed::from(&config.audit);
    let owners = config.owners.as_deref().map(postern_wiring::owners_file);
    let rules = Rules::of_config(&config, owners.transpose()?.as_deref());
    let rules = rules.map_err(|error| StartError::Function(error.to_string()))?;
    let auditor = Auditor::new(store.clone(), catalogue, believed).with_rules(rules);
    let auditor = Arc::new(auditor);
    let lookout = Arc::new(lookout(&adapters, Arc::clone(&auditor)));
    let events = Part {
        name: "auditor",
        routes: http::events_router(Arc::clone(&auditor))
            .merge(postern_wiring::tick_router(Arc::clone(&lookout))),
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
    tokio::select! {
        ended = postern_wiring::run(vec![events, cases], readiness, &config, &Process) => ended,
        never = lookout.run(TICK) => match never {},
    }
}

fn lookout(adapters: &Adapters, auditor: Arc<Auditor>) -> Lookout {
    let due = Arc::clone(&auditor);
    let overdue = move || {
        let auditor = Arc::clone(&due);
        async move { Ok(auditor.tick(Timestamp::now()).await?.cases()) }
    };
    Lookout::new(adapters, move |found| {
        let auditor = Arc::clone(&auditor);
        async move {
            match found {
                Found::Spooled(entry) => auditor.take_in(&entry).await?,
                Found::Journalled(entry) => auditor.record(&entry).await?,
            };
            Ok(())
        }
    })
    .with_overdue(overdue)
}
