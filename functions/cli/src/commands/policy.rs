//! `postern policy`: what a policy says, whether it says it well, whether it does what its tests expect,
//! and what it would change where it is enforced.

mod apply;
mod compared;
mod diff;
mod explain;
mod lint;
mod test;

use std::io::Read as _;
use std::path::Path;

use clap::{Subcommand, ValueEnum};
use postern_core::policy::{MAX_BYTES, Policy, PolicyError};

use crate::outcome::{Failure, Outcome};

/// Find mistakes in a policy, test it by a table of cases, see which rule holds and why, compare it with
/// the one that holds, or let it hold.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Lint(lint::Args),
    Test(test::Args),
    Explain(Box<explain::Args>),
    Diff(diff::Args),
    Apply(apply::Args),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Lint(args) => lint::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Diff(args) => diff::run(&args).await,
        Command::Apply(args) => apply::run(&args).await,
    }
}

/// Reads a text file, no more of it than a policy may have.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let wrong = |error: std::io::Error| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
            .remedy("name a file of UTF-8 text that exists and may be read")
    };
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mut text = String::new();
    // One byte more than is allowed, so that the parser sees that there is too much.
    file.take(MAX_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(wrong)?;
    Ok(text)
}

fn read_policy(path: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read(path)?).map_err(|error| wrong_file(path, &error))
}

fn wrong_file(path: &Path, error: &PolicyError) -> Failure {
    Failure::mistake(format_args!("{}: {error}", path.display()))
}
