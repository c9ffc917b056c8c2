//! How commands read a configuration: its secrets are fetched first.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use postern_host::config::Config;
use postern_host::environment::Process;
use postern_host::load;
use postern_host::secret::Managed;
use postern_wiring::{SecretsError, with_secrets};

use crate::data::DataArgs;
use crate::embedded;
use crate::outcome::Failure;

/// The environment of this process, with the secrets that were fetched.
pub(crate) type Environment = Managed<Process>;

/// Whose outputs and whose store.
#[derive(clap::Args)]
pub(crate) struct PlaceArgs {
    /// The configuration, as for `postern serve`.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl PlaceArgs {
    /// What `postern serve` has of outputs and store with these arguments. Nothing is made.
    pub(crate) async fn load(&self) -> Result<(Config, Environment), Failure> {
        let file = self.config.as_deref();
        let (config, environment) = load(file).await?;
        let config = embedded::with_store(config, &self.data.data);
        let config = match file {
            Some(_) => config,
            None => embedded::with_output(config, &self.data.data),
        };
        Ok((config, environment))
    }
}

/// The configuration that `file`, or else the environment, describes, and what its references to
/// secrets are resolved in.
pub(crate) async fn load(file: Option<&Path>) -> Result<(Config, Environment), Failure> {
    let environment = with_secrets(file, Process).await?;
    let config = load::load(file, &environment).map_err(Failure::mistake)?;
    Ok((config, environment))
}

/// As [`load()`]; without a file what holds where nothing is said, whatever the environment says.
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
