//! `postern notify dead`: the alerts that were given up.

use std::collections::BTreeSet;

use clap::{Subcommand, ValueEnum};
use postern_store::{DeadLetter, DeadLetters, Store, StoreError};
use serde_json::{Value, json};

use crate::configuration::PlaceArgs;
use crate::data::now;
use crate::escape;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// List the alerts that were given up, or have them sent again.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  postern notify dead list --config postern.yaml
  postern notify dead list --output security --format json | jq -r '.deadLetters[].caseId'
  postern notify dead replay 01M860W2J5P2ZC5A596S7QP2KH-1
  postern notify dead replay --all --output security";

#[derive(Subcommand)]
enum Command {
    List(ListArgs),
    Replay(ReplayArgs),
}

/// List them, oldest first: alert, output, attempts, case, and what happened last.
#[derive(clap::Args)]
struct ListArgs {
    /// Only those of this output.
    #[arg(long, value_name = "OUTPUT")]
    output: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Have them sent again, as if they had never been tried.
///
/// A notifier that runs on the same store sends them within seconds; else the next one does. An output
/// that the receiver had switched off (410) takes them after the next start. If one of the ids has no
/// dead letter, nothing is sent again, and the exit code is 1.
#[derive(clap::Args)]
struct ReplayArgs {
    /// Alerts, by their ids in `postern notify dead list`.
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    ids: Vec<String>,
    /// All there are.
    #[arg(long)]
    all: bool,
    /// Only at this output.
    #[arg(long, value_name = "OUTPUT")]
    output: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One line each.
    Table,
    /// One JSON document.
    Json,
}

pub(super) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::List(args) => list(args).await,
        Command::Replay(args) => replay(args).await,
    }
}

async fn list(args: ListArgs) -> Outcome {
    let store = store(&args.place).await?;
    let letters = store.dead_letters(args.output.as_deref(), args.limit).await;
    let letters = letters.map_err(Failure::undetermined)?;
    match args.format {
        Format::Json => {
            let letters: Vec<_> = letters.iter().map(described).collect();
            output::print_json(&json!({"deadLetters": letters}))?;
        }
        Format::Table => {
            for letter in &letters {
                output::print(row(letter))?;
            }
        }
    }
    if letters.len() == args.limit as usize {
        output::note("there may be more: --limit N");
    }
    Ok(Exit::Done)
}

async fn replay(args: ReplayArgs) -> Outcome {
    let store = store(&args.place).await?;
    let ids: BTreeSet<String> = args.ids.into_iter().collect();
    let which = DeadLetters {
        ids: (!args.all).then_some(ids),
        output: args.output,
    };
    let replayed = store
        .replay(&which, now())
        .await
        .map_err(|error| match error {
            StoreError::NoDeadLetter(_) => {
                Failure::not_so(error).remedy("postern notify dead list")
            }
            error => Failure::undetermined(error),
        })?;
    output::print(match replayed {
        0 => "there is no dead letter".to_owned(),
        1 => "1 alert is sent again".to_owned(),
        more => format!("{more} alerts are sent again"),
    })?;
    Ok(Exit::Done)
}

/// The store of the configuration, which is there already.
async fn store(place: &PlaceArgs) -> Result<Store, Failure> {
    let url = place.load().await?.0.store;
    if let Err(error @ StoreError::Missing(_)) = Store::open_read_only(&url).await {
        return Err(Failure::mistake(error).remedy(
            "name the data directory with --data DIR, or the configuration with --config FILE",
        ));
    }
    Store::open(&url).await.map_err(Failure::undetermined)
}

fn row(letter: &DeadLetter) -> String {
    let attempts = match letter.attempts {
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    };
    let case = letter
        .notification
        .as_ref()
        .map(|alert| alert.case.id.as_str());
    format!(
        "{:<28}  {:<12}  {:<11}  {:<26}  {}",
        escape::terminal(&letter.id),
        escape::terminal(&letter.output),
        attempts,
        escape::terminal(case.unwrap_or("(cannot be read)")),
        escape::terminal(&letter.error),
    )
}

fn described(letter: &DeadLetter) -> Value {
    let case = letter.notification.as_ref().map(|alert| &alert.case);
    json!({
        "id": letter.id,
        "at": letter.at,
        "output": letter.output,
        "attempts": letter.attempts,
        "error": letter.error,
        "caseId": case.map(|case| &case.id),
        "category": case.map(|case| case.category),
        "severity": case.map(|case| case.severity),
        "target": case.and_then(|case| case.target.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> DeadLetter {
        DeadLetter {
            id: "01M860W2J5P2ZC5A596S7QP2KH-1".to_owned(),
            at: "2026-03-03T06:00:00Z".parse().unwrap(),
            notification: None,
            output: "security".to_owned(),
            attempts: 18,
            error: "answered 503: \u{1b}[2J".to_owned(),
        }
    }

    #[test]
    fn a_letter_is_one_line_on_which_nothing_acts() {
        insta::assert_snapshot!(row(&letter()), @r"01M860W2J5P2ZC5A596S7QP2KH-1  security      18 attempts  (cannot be read)            answered 503: \u{1b}[2J");
    }

    #[test]
    fn one_that_cannot_be_read_has_no_case() {
        let described = described(&letter());
        assert_eq!(described["caseId"], Value::Null);
        assert_eq!(described["attempts"], 18);
    }
}
