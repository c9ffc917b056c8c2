//! `postern audit`: what audit entries say, and the detections that say so.

mod classify;
mod reconcile;
mod rules;

use std::path::PathBuf;

use clap::Subcommand;
use postern_auditor::detection::Catalogue;
use postern_host::config::Config;

use crate::configuration;
use crate::outcome::{Failure, Outcome};

/// Find break-glass, denials, dry runs and fail-open events in audit entries.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Classify(classify::Args),
    Reconcile(reconcile::Args),
    Rules(rules::Args),
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Classify(args) => classify::run(&args).await,
        Command::Reconcile(args) => reconcile::run(&args).await,
        Command::Rules(args) => rules::run(args).await,
    }
}

/// Which detections there are, and what is ours.
#[derive(clap::Args)]
pub(super) struct Detections {
    /// A directory of detections that are added to the built-in ones, or stand instead of those of
    /// the same id. Default: `audit.detections` of the configuration.
    #[arg(long, value_name = "DIR", global = true)]
    detections: Option<PathBuf>,
    /// A configuration file; of it, `audit.trust` and `audit.detections` are used.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG", global = true)]
    config: Option<PathBuf>,
}

impl Detections {
    /// The whole configuration file; without one, what holds where nothing is said.
    pub(super) async fn configuration(&self) -> Result<Config, Failure> {
        let (config, _) = configuration::load_named(self.config.as_deref()).await?;
        Ok(config)
    }

    /// The detections that are in use.
    pub(super) async fn catalogue(&self) -> Result<Catalogue, Failure> {
        let audit = self.configuration().await?.audit;
        let directory = self.detections.clone();
        let directory = directory.or(audit.detections.map(PathBuf::from));
        Catalogue::load(directory.as_deref(), &audit.trust).map_err(Failure::mistake)
    }
}
