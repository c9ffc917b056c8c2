//! Where an inspection comes from: a data directory, or a server.

use std::path::Path;
use std::time::Duration;

use postern_core::ports::Runtime;
use postern_core::target::Target;
use postern_store::Store;
use postern_wiring::inspection::{self, Inspection};

/// How long the platform may take, tries included.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a data directory and the platform say.
pub(super) async fn inspect(
    target: &Target,
    directory: &Path,
    runtime: Option<&dyn Runtime>,
) -> Inspection {
    let place = directory.display();
    let store = Store::open_data_read_only(directory).await;
    let store = store.map_err(|error| format!("the data directory {place}: {error}"));
    inspection::inspect(target, store, runtime, PATIENCE).await
}

#[cfg(test)]
mod tests;
