//! How commands read a configuration: its secrets are fetched first.

use std::collections::BTreeMap;
use std::path::Path;

use postern_host::config::Config;
use postern_host::environment::Process;
use postern_host::load;
use postern_host::secret::Managed;
use postern_wiring::{SecretsError, with_secrets};

use crate::outcome::Failure;

/// The environment of this process, with the secrets that were fetched.
pub(crate) type Environment = Managed<Process>;

/// The configuration that `file`, or else the environment, describes, and what its references to
/// secrets are resolved in.
pub(crate) async fn load(file: Option<&Path>) -> Result<(Config, Environment), Failure> {
    let environment = with_secrets(file, Process).await?;
    let config = load::load(file, &environment).map_err(Failure::mistake)?;
    Ok((config, environment))
}

/// As [`load`]; without a file what holds where nothing is said, whatever the environment says.
pub(crate) async fn load_named(file: Option<&Path>) -> Result<(Config, Environment), Failure> {
    match file {
        Some(_) => load(file).await,
        None => Ok((Config::default(), Managed::new(Process, BTreeMap::new()))),
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        match error {
            SecretsError::Outage { .. } => Self::undetermined(error),
            _ => Self::mistake(error),
        }
    }
}
