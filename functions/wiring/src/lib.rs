//! Turns words of a configuration or a command line into adapters. For binaries only: the functions
//! themselves know no adapter.

mod adapters;
mod anchors;
#[cfg(feature = "aws")]
mod aws;
mod buses;
mod fetched;
mod fetcher;
mod google_api;
mod google_identity;
mod inspected;
pub mod inspection;
mod key_vault;
mod lookout;
mod managed_key;
mod note_signer;
mod owners;
mod previous_keys;
mod process;
mod registry;
mod remote_gate;
mod run_tasks;
mod secrets;
mod sources;
mod trust;

pub use adapters::Adapters;
pub use anchors::anchors;
pub use buses::buses;
pub use fetched::{estate, forwarded, log_reader, rollouts, runtime, subscriptions};
pub use fetcher::fetcher;
pub use google_api::policy_authority;
pub use inspected::inspect_router;
pub use key_vault::key_vault;
pub use lookout::{Found, Looked, Lookout, outage, tick_router};
pub use managed_key::ManagedKey;
pub use note_signer::note_signer;
pub use owners::owners_file;
pub use previous_keys::previous_keys;
pub use process::{Doors, Part, StartError, announce, bind, run, start};
pub use registry::registry;
pub use remote_gate::{appraiser, deployment_gate, gate_at};
pub use run_tasks::run_task_host;
pub use secrets::{SecretsError, with_secrets};
pub use sources::{sink, source};
pub use trust::{is_resource, project_of, project_of_policy, system_policy, trust};

use postern_store::StoreError;
use postern_store::files::FileError;

/// Why an adapter could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WiringError {
    /// A word that means nothing, or something that this build or version cannot do.
    #[error("{0}")]
    Mistake(String),
    /// A local file that is missing or wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WiringError {
    fn mistake(message: impl ToString) -> Self {
        Self::Mistake(message.to_string())
    }

    /// The scheme is known, and this build was made without it.
    #[cfg(not(all(feature = "aws", feature = "gcp", feature = "lambda")))]
    fn not_built(what: &str, feature: &str) -> Self {
        Self::Mistake(format!(
            "{what} needs the cargo feature `{feature}`, which this build was made without; \
             build with --features {feature} (or full)"
        ))
    }
}
