//! `postern case list`, `show`, `stats`.

use postern_core::case::CaseState;
use postern_core::finding::{Category, Severity};
use postern_core::ports::CaseFilter;
use serde::de::DeserializeOwned;
use serde::de::value::{Error, StrDeserializer};

use super::place::{Place, PlaceArgs};
use super::when::When;
use super::{Format, render};
use crate::data::now;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// List cases, newest first.
#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// OPEN, ACKNOWLEDGED, JUSTIFIED or CLOSED.
    #[arg(long, value_parser = named::<CaseState>)]
    state: Option<CaseState>,
    /// Such as BREAK_GLASS.
    #[arg(long, value_parser = named::<Category>)]
    category: Option<Category>,
    /// At least this bad.
    #[arg(long, value_parser = named::<Severity>)]
    severity: Option<Severity>,
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Those older than this case: the next page.
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Show a case: what happened, who did what, how to go back.
#[derive(clap::Args)]
pub(super) struct ShowArgs {
    #[arg(value_name = "ID")]
    id: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Count the uses of break-glass by person, service and image.
#[derive(clap::Args)]
pub(super) struct StatsArgs {
    /// Of cases opened from then on: a time, or a duration back from now such as 90d.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn list(args: ListArgs) -> Outcome {
    let filter = CaseFilter {
        state: args.state,
        category: args.category,
        severity: args.severity,
        owner: args.owner,
        target: args.target,
        since: None,
        before: args.before,
        limit: args.limit,
    };
    let cases = Place::open(&args.place).await?.list(&filter).await?;
    match args.format {
        Format::Json => output::print_json(&serde_json::json!({ "cases": cases }))?,
        Format::Text => {
            for case in &cases {
                output::print(render::head(case))?;
            }
            if let Some(last) = cases.last().filter(|_| cases.len() == args.limit as usize) {
                output::note(format_args!("there may be more: --before {}", last.id));
            }
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn show(args: ShowArgs) -> Outcome {
    let case = Place::open(&args.place).await?.case(&args.id).await?;
    match args.format {
        Format::Json => output::print_json(&case)?,
        Format::Text => output::print(render::case(&case).trim_end())?,
    }
    Ok(Exit::Done)
}

pub(super) async fn stats(args: StatsArgs) -> Outcome {
    let since = args.since.map(|when| when.before(now()));
    let stats = Place::open(&args.place).await?.stats(since).await?;
    match args.format {
        Format::Json => output::print_json(&stats)?,
        Format::Text => output::print(render::stats(&stats).trim_end())?,
    }
    Ok(Exit::Done)
}

/// A word of the interface, in either case.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let word = text.to_uppercase().replace('-', "_");
    let deserializer = StrDeserializer::<Error>::new(&word);
    T::deserialize(deserializer).map_err(|error| error.to_string())
}
