//! `postern case drill declare`.

use clap::Subcommand;
use postern_auditor::case::DrillRequest;

use super::Format;
use super::place::{Place, PlaceArgs};
use super::when::When;
use crate::data::now;
use crate::escape::terminal;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Practise the emergency door.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Declare(DeclareArgs),
}

/// Declare a drill beforehand: break-glass on that target in that time is marked as one.
///
/// It stays as loud as ever; only closing it takes no more than a second person.
#[derive(clap::Args)]
struct DeclareArgs {
    /// Where, such as cloud-run:PROJECT/LOCATION/SERVICE.
    #[arg(long, value_name = "TARGET")]
    target: String,
    /// Its start: a time, or a duration from now.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    from: When,
    /// Its end: a time, or a duration from now. At most 24 hours after its start.
    #[arg(long, value_name = "TIME")]
    until: When,
    /// What is practised.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: Args) -> Outcome {
    let Command::Declare(args) = args.command;
    let now = now();
    let request = DrillRequest {
        target: args.target,
        from: args.from.after(now),
        until: args.until.after(now),
        reason: args.reason,
    };
    let drill = Place::open(&args.place)
        .await?
        .declare_drill(&request)
        .await?;
    match args.format {
        Format::Json => output::print_json(&drill)?,
        Format::Text => output::print(format_args!(
            "drill {} on {} from {} until {}",
            terminal(&drill.id),
            terminal(&drill.target),
            drill.from,
            drill.until
        ))?,
    }
    Ok(Exit::Done)
}
