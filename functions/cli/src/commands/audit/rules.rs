//! `postern audit rules`: the detections, for people and for other tools.

mod export;
mod list;
mod show;
mod test;

use clap::{Subcommand, ValueEnum};
use postern_auditor::detection;

use super::Detections;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// List the detections, explain one, hold all of them against their samples, or export them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    detections: Detections,
}

const EXAMPLES: &str = "\
Examples:
  postern audit rules list
  postern audit rules list --format json | jq -r '.detections[] | select(.severity == \"CRITICAL\").id'
  postern audit rules show gcp.cloud-run.break-glass
  postern audit rules test --detections my-detections
  postern audit rules export --format logging-filter > filter.txt
  postern audit rules export --format sigma --out sigma/";

#[derive(Subcommand)]
enum Command {
    /// List every detection.
    List {
        /// How they are printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Explain one: why it matters, what to do, when it is a false alarm.
    Show {
        /// Its id, such as gcp.cloud-run.break-glass.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Hold every detection against its samples. Exits with 1 if one does not do what they say, or
    /// could never fire because no log writes such an entry.
    Test {
        /// How the result is printed.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print the JSON Schema of a detection's file, for editors.
    Schema,
    Export(export::Args),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object, for scripts.
    Json,
}

pub(super) async fn run(args: Args) -> Outcome {
    let catalogue = args.detections.catalogue().await?;
    match args.command {
        Command::List { format } => list::list(&catalogue, format),
        Command::Show { id } => show::show(&catalogue, &id),
        Command::Test { format } => test::test(&catalogue, format),
        Command::Schema => {
            output::print(detection::SCHEMA.trim_end())?;
            Ok(Exit::Done)
        }
        Command::Export(args) => export::export(&catalogue, &args),
    }
}

/// The word of a value as it stands in JSON.
fn word(value: &impl serde::Serialize) -> Result<String, Failure> {
    let value = serde_json::to_value(value).map_err(Failure::undetermined)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}
