//! Every adapter that a configuration names.

use std::path::PathBuf;
use std::sync::Arc;

use postern_core::policy::Policy;
use postern_core::ports::{AttestationSource, TrustMaterial};
use postern_host::config::Config;
use postern_host::environment::Environment;
use postern_registry::Registry;
use postern_store::{Options, Spool, Store};

use crate::{WiringError, registry, source, system_policy, trust};

/// The adapters of one process.
#[derive(Clone)]
pub struct Adapters {
    /// Journal, cases, outbox, attestations. Opened by whatever uses it first.
    pub store: Store,
    /// Registries.
    pub registry: Arc<Registry>,
    /// Where attestations are looked for.
    pub sources: Vec<Arc<dyn AttestationSource>>,
    /// Policy and attestors.
    pub trust: Arc<dyn TrustMaterial>,
    /// What is let through on GKE.
    pub system_policy: Policy,
    /// Where break-glass is recorded when the store is down.
    pub spool: Arc<Spool>,
}

impl Adapters {
    /// Makes the adapters. The store need not be up: the emergency door must open without it.
    ///
    /// # Errors
    /// At the first word that means nothing or local file that is wrong.
    pub async fn of(config: &Config, environment: &dyn Environment) -> Result<Self, WiringError> {
        let store = Store::lazy(&config.store, Options::default())?;
        let registry = registry(&config.registries, config, environment).await?;
        let mut sources = Vec::new();
        for word in &config.attestations {
            sources.push(source(word, Some(&store), &registry, config, environment).await?);
        }
        let attestors: Vec<String> = config.attestors.iter().cloned().collect();
        let policy = config.policy.as_deref();
        let trust = trust(policy, &attestors, config, environment, Some(&store))?;
        let spool = config.gate.spool.as_ref().map(PathBuf::from);
        let spool = spool.unwrap_or_else(|| store.spool_directory());
        let spool = Spool::open(&spool).map_err(WiringError::mistake)?;
        let system_policy = system_policy(config.system_policy.as_deref())?;
        Ok(Self {
            store,
            registry,
            sources,
            trust,
            system_policy,
            spool: Arc::new(spool),
        })
    }
}
