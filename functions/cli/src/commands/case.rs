//! `postern case`: what people do with cases.

pub(super) mod client;
mod drill;
mod place;
mod read;
mod render;
mod step;
mod when;

use clap::{Subcommand, ValueEnum};

use crate::outcome::Outcome;

/// Look at cases, and walk them from open to closed.
///
/// On a server, whoever the token names takes the step. On a data directory it is whoever sits at
/// this machine, who is never the second person that closing a bad case takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(read::ListArgs),
    Show(read::ShowArgs),
    Acknowledge(step::AcknowledgeArgs),
    Justify(step::JustifyArgs),
    Close(step::CloseArgs),
    Reopen(step::ReopenArgs),
    Stats(read::StatsArgs),
    Drill(drill::Args),
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::List(args) => read::list(args).await,
        Command::Show(args) => read::show(args).await,
        Command::Acknowledge(args) => step::run(args.into()).await,
        Command::Justify(args) => step::run(args.into()).await,
        Command::Close(args) => step::run(args.into()).await,
        Command::Reopen(args) => step::run(args.into()).await,
        Command::Stats(args) => read::stats(args).await,
        Command::Drill(args) => drill::run(args).await,
    }
}
