//! `postern terraform`: what a plan would do to the gate, and whether what there is says what Terraform says.

mod scan;
mod verify;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use clap::Subcommand;

use crate::outcome::{Failure, Outcome};

/// Look at a Terraform plan before it is applied, or at what there is after.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Scan(scan::Args),
    Verify(verify::Args),
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Scan(args) => scan::run(&args),
        Command::Verify(args) => verify::run(&args).await,
    }
}

/// The largest plan that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Reads what `terraform show -json` printed.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut json = Vec::new();
    let file = File::open(path).map_err(|error| no_plan(path, error))?;
    file.take(LIMIT + 1)
        .read_to_end(&mut json)
        .map_err(|error| no_plan(path, error))?;
    match json.len() as u64 > LIMIT {
        true => Err(no_plan(path, "it is larger than 256 MiB")),
        false => Ok(json),
    }
}

fn no_plan(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::mistake(format_args!("{}: {error}", path.display()))
        .remedy("terraform show -json PLAN > plan.json")
}
