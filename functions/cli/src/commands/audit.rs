//! `postern audit`: what audit entries say, and the detections that say so.

mod classify;
mod reconcile;
mod rules;

use clap::Subcommand;
use postern_auditor::detection::Catalogue;

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
        Command::Classify(args) => classify::run(&args),
        Command::Reconcile(args) => reconcile::run(&args).await,
        Command::Rules(args) => rules::run(args),
    }
}

fn catalogue() -> Result<Catalogue, Failure> {
    Catalogue::embedded().map_err(Failure::undetermined)
}
