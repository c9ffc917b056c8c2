//! `postern doctor`: what usually goes wrong, each with its fix.

mod coverage;

use clap::Subcommand;

use crate::outcome::Outcome;

/// Find what would keep Postern from seeing, or from being asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Coverage(coverage::Args),
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Coverage(args) => coverage::run(&args).await,
    }
}
