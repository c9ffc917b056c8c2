//! `postern notify`: whether alerts arrive, and those that did not.

mod dead;
mod trial;

use std::path::PathBuf;

use clap::Subcommand;
use postern_host::config::Config;

use crate::configuration::{self, Environment};
use crate::data::DataArgs;
use crate::embedded;
use crate::outcome::{Failure, Outcome};

/// Try an output out, and look after the alerts that were given up.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(trial::Args),
    Dead(dead::Args),
}

/// Where the outputs and the outbox are.
#[derive(clap::Args)]
struct PlaceArgs {
    /// The configuration, as for `postern serve`.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl PlaceArgs {
    /// What `postern serve` has of outputs and store with these arguments. Nothing is made.
    async fn configuration(&self) -> Result<(Config, Environment), Failure> {
        let file = self.config.as_deref();
        let (config, environment) = configuration::load(file).await?;
        let config = embedded::with_store(config, &self.data.data);
        let config = match file {
            Some(_) => config,
            None => embedded::with_output(config, &self.data.data),
        };
        Ok((config, environment))
    }
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Test(args) => trial::run(args).await,
        Command::Dead(args) => dead::run(args).await,
    }
}
