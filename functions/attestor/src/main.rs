//! The attestor as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;

use postern_attestor::{
    Attestor, AttestorParts, KeyMistake, KeyReference, SignerFor, SoftwareKey, rules,
};
use postern_host::config::Config;
use postern_host::environment::Process;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Doors, ManagedKey, Part, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the attestor cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let adapters = Adapters::of(&config, &environment).await?;
    let store = Arc::new(adapters.store.clone());
    let attestor = attestor(&config, adapters).await?;
    let readiness = Readiness::when(move || {
        let store = Arc::clone(&store);
        async move { store.health().await }
    });
    let part = Part {
        name: "attestor",
        routes: postern_attestor::router(Arc::new(attestor)),
        access: config.auth.attestor.as_ref(),
        around: std::convert::identity,
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

async fn attestor(config: &Config, adapters: Adapters) -> Result<Attestor, StartError> {
    let signers = &config.attestor.signers;
    if signers.is_empty() {
        let mistake = "`attestor.signers` is empty, so there is nothing to sign with";
        return Err(StartError::Function(mistake.to_owned()));
    }
    let sink = async |word: &str| {
        let store = Some(&adapters.store);
        postern_wiring::sink(word, store, &adapters.registry, config, &Process).await
    };
    let key = async |key: &str| signer_for(key, config).await;
    let rules = rules(signers, key, sink).await;
    let rules = rules.map_err(|mistakes| StartError::Function(mistakes.to_string()))?;
    let store = Arc::new(adapters.store.clone());
    let parts = AttestorParts {
        trust: adapters.trust,
        sources: adapters.sources,
        revocations: store.clone(),
        journal: store,
        projects: config.projects.clone(),
    };
    Ok(Attestor::new(parts, rules))
}

async fn signer_for(key: &str, config: &Config) -> Result<Box<SignerFor>, KeyMistake> {
    match key.parse()? {
        KeyReference::Software(reference) => {
            Ok(SoftwareKey::read(&reference, &Process)?.into_signer_for())
        }
        KeyReference::Managed(reference) => {
            let key = ManagedKey::named(&reference, config, &Process).await;
            let key = key.map_err(|error| KeyMistake::Managed(error.to_string()))?;
            Ok(Box::new(move |attestor| Ok(key.signer(attestor))))
        }
    }
}
