//! `postern doctor`: what usually goes wrong, each with its fix.

mod coverage;
mod general;

use clap::Subcommand;

use crate::outcome::Outcome;

/// Find what would keep Postern from deciding, signing, seeing or being heard.
///
/// Goes through what usually goes wrong with what the configuration names, and says for each what mends it:
/// the store and how long ago an event came in, the policy, the attestors that it requires, keys that sign,
/// log sinks among `audit.trust.channels`, registries, this machine's clock, and outputs. Nothing is signed,
/// sent or changed. What cannot be told is never taken for ok.
///
/// Exits with 0 if everything is ok, 1 if something is not, 3 if something cannot be told.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    general: general::Examination,
}

const EXAMPLES: &str = "\
Examples:
  postern doctor --config postern.yaml
  postern doctor --config postern.yaml --image us-docker.pkg.dev/p/repo/app@sha256:…
  postern doctor --config postern.yaml --format json | jq '.lines[] | select(.state != \"ok\")'
  postern doctor coverage --project demo-mart";

#[derive(Subcommand)]
enum Command {
    Coverage(coverage::Args),
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Some(Command::Coverage(args)) => coverage::run(&args).await,
        None => general::run(&args.general).await,
    }
}
