//! The gate as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postern_auditor::detection::Catalogue;
use postern_auditor::{Auditor, Believed};
use postern_core::decision::Decision;
use postern_gate::{DecisionObserver, Gate, GateOptions, GateParts};
use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Doors, Found, Lookout, Part, StartError};

/// How often spool and journal are looked at, besides `POST /v1/tick`.
const TICK: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gate cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let adapters = Adapters::of(&config, &environment).await?;
    let options = GateOptions::from_config(&config, adapters.system_policy.clone());
    let options = options.map_err(|error| StartError::Function(error.to_string()))?;
    let store = Arc::new(adapters.store.clone());
    let catalogue = Catalogue::configured(&config.audit);
    let catalogue = catalogue.map_err(|error| StartError::Function(error.to_string()))?;
    let believed = Believed::from(&config.audit);
    let auditor = Arc::new(Auditor::new(store.clone(), catalogue, believed));
    let lookout = Arc::new(lookout(&adapters, Arc::clone(&auditor)));
    let gate = Gate::new(
        GateParts {
            trust: adapters.trust,
            resolver: adapters.registry,
            sources: adapters.sources,
            revocations: store.clone(),
            journal: store.clone(),
            uses: store.clone(),
            spool: adapters.spool,
            observer: Arc::new(Findings(auditor)),
        },
        options,
    );
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    let part = Part {
        name: "gate",
        routes: postern_gate::router(Arc::new(gate))
            .merge(postern_wiring::tick_router(Arc::clone(&lookout))),
        access: config.auth.gate.as_ref(),
        around: std::convert::identity,
    };
    tokio::select! {
        ended = postern_wiring::run(vec![part], Doors::default(), readiness, &config, &environment) => ended,
        never = lookout.run(TICK) => match never {},
    }
}

/// The spool is on this process's disk: nobody else may be able to take it in.
fn lookout(adapters: &Adapters, auditor: Arc<Auditor>) -> Lookout {
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
}

/// Makes findings of what the gate itself did: a use of the emergency door, a fail-open.
struct Findings(Arc<Auditor>);

#[async_trait]
impl DecisionObserver for Findings {
    async fn decided(&self, decision: &Decision) {
        if let Err(error) = self.0.record_decision(decision).await {
            // The decision is journalled: the auditor finds it there later.
            tracing::error!(%error, decision = decision.id, "no finding could be made of a decision");
        }
    }
}
