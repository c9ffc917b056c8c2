//! `postern notify`: whether alerts arrive, and those that did not.

mod dead;
mod trial;

use clap::Subcommand;

use crate::outcome::Outcome;

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

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Test(args) => trial::run(args).await,
        Command::Dead(args) => dead::run(args).await,
    }
}
