//! Where attestations are looked for, and where they are stored.

use std::path::Path;
use std::sync::Arc;

use postern_core::ports::{AttestationSink, AttestationSource};
use postern_host::config::Config;
use postern_host::environment::Environment;
use postern_registry::{Registry, RegistryAttestations};
use postern_store::Store;
use postern_store::files::FileAttestations;

use crate::WiringError;
use crate::google_api::{attestation_sink, attestation_source};

const CONTAINER_ANALYSIS: &str = "containeranalysis:";
const STORE: &str = "store:";

/// The source that a word means: `store` (the one given), `store:DIR`, `registry`,
/// `containeranalysis:projects/P`, or a file of occurrences. Of the configuration, `endpoints` counts.
///
/// # Errors
/// If the word means nothing, or what it names cannot be opened.
pub async fn source(
    word: &str,
    store: Option<&Store>,
    registry: &Arc<Registry>,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn AttestationSource>, WiringError> {
    if word == "registry" {
        return Ok(Arc::new(RegistryAttestations::new(Arc::clone(registry))));
    }
    if let Some(directory) = word.strip_prefix(STORE) {
        return Ok(Arc::new(
            Store::open_data_read_only(Path::new(directory)).await?,
        ));
    }
    if let ("store", Some(store)) = (word, store) {
        return Ok(Arc::new(store.clone()));
    }
    if word == "store" {
        return Err(WiringError::mistake("which store? write store:DIR"));
    }
    if let Some(project) = word.strip_prefix(CONTAINER_ANALYSIS) {
        return attestation_source(project, config, environment);
    }
    Ok(Arc::new(FileAttestations::open(Path::new(word))?))
}

/// The sink that a word means: `store`, `store:DIR`, `registry`, `containeranalysis:projects/P`.
///
/// # Errors
/// As [`source`].
pub async fn sink(
    word: &str,
    store: Option<&Store>,
    registry: &Arc<Registry>,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn AttestationSink>, WiringError> {
    if let Some(directory) = word.strip_prefix(STORE) {
        return Ok(Arc::new(Store::open_data(Path::new(directory)).await?));
    }
    if let Some(project) = word.strip_prefix(CONTAINER_ANALYSIS) {
        return attestation_sink(project, config, environment);
    }
    match (word, store) {
        ("registry", _) => Ok(Arc::new(RegistryAttestations::new(Arc::clone(registry)))),
        ("store", Some(store)) => Ok(Arc::new(store.clone())),
        _ => Err(WiringError::mistake(format_args!(
            "attestations cannot be stored in {word:?}; write store:DIR, registry or \
             containeranalysis:projects/ID"
        ))),
    }
}
