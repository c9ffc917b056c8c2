//! The gate as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use postern_auditor::detection::Catalogue;
use postern_auditor::{Auditor, Believed};
use postern_core::decision::Decision;
use postern_gate::{DecisionObserver, Gate, GateOptions, GateParts};
use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Part, StartError};

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
    let config = postern_wiring::start(&Process)?;
    let adapters = Adapters::of(&config, &Process).await?;
    let options = GateOptions::from_config(&config, adapters.system_policy);
    let options = options.map_err(|error| StartError::Function(error.to_string()))?;
    let store = Arc::new(adapters.store.clone());
    let catalogue = Catalogue::embedded();
    let catalogue = catalogue.map_err(|error| StartError::Function(error.to_string()))?;
    let auditor = Auditor::new(store.clone(), catalogue, Believed::from(&config.audit));
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
        routes: postern_gate::router(Arc::new(gate)),
        access: config.auth.gate.as_ref(),
    };
    postern_wiring::run(vec![part], readiness, &config, &Process).await
}

/// Makes findings of what the gate itself did: a use of the emergency door, a fail-open.
struct Findings(Auditor);

#[async_trait]
impl DecisionObserver for Findings {
    async fn decided(&self, decision: &Decision) {
        if let Err(error) = self.0.record_decision(decision).await {
            // The decision is journalled: the auditor finds it there later.
            tracing::error!(%error, decision = decision.id, "no finding could be made of a decision");
        }
    }
}
