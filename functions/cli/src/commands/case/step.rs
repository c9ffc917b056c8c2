//! `postern case acknowledge`, `justify`, `close`, `reopen`.

use postern_auditor::case::Step;
use postern_core::case::CaseAction;

use super::place::{Place, PlaceArgs};
use super::when::When;
use super::{Format, render};
use crate::data::now;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Take a case: somebody looks at it now.
#[derive(clap::Args)]
pub(super) struct AcknowledgeArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// In your words.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Say why it was right. Those who did it may say so, too.
#[derive(clap::Args)]
pub(super) struct JustifyArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// What was broken, why the gate could not be waited for, what comes next.
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// The ticket, where it is not in the text.
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
}

/// Close a case.
///
/// What may still run unattested is closed only once its image is attested, or replaced by one that
/// conforms, which is verified now; or as an exception with an end.
#[derive(clap::Args)]
pub(super) struct CloseArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// How it ended.
    #[arg(long, value_name = "TEXT")]
    comment: String,
    /// Let it stand until then: a time, or a duration such as 7d.
    #[arg(long, value_name = "TIME")]
    exception_until: Option<When>,
}

/// Open a closed case again.
#[derive(clap::Args)]
pub(super) struct ReopenArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    comment: String,
}

#[derive(clap::Args)]
struct CaseArgs {
    /// The case.
    #[arg(value_name = "ID")]
    id: String,
    /// The revision that you looked at, as `case show` and `case list` print it; if the case has moved
    /// on since, nothing is done. Without it: the one there is, which is shown on standard error.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: PlaceArgs,
}

/// A step of a case.
pub(super) struct StepArgs {
    case: CaseArgs,
    step: Step,
}

pub(super) async fn run(args: StepArgs) -> Outcome {
    let StepArgs { case, step } = args;
    let place = Place::open(&case.place).await?;
    let revision = match case.revision {
        Some(revision) => revision,
        None => {
            let current = place.case(&case.id).await?;
            output::note(render::acted_on(&current).trim_end());
            current.revision
        }
    };
    let walked = place.walk(&case.id, revision, &step).await?;
    match case.format {
        Format::Json => output::print_json(&walked)?,
        Format::Text => output::print(render::head(&walked))?,
    }
    Ok(Exit::Done)
}

fn step(action: CaseAction, comment: Option<String>) -> Step {
    Step {
        action,
        comment,
        ticket: None,
        exception_until: None,
    }
}

impl From<AcknowledgeArgs> for StepArgs {
    fn from(args: AcknowledgeArgs) -> Self {
        Self {
            case: args.case,
            step: step(CaseAction::Acknowledged, args.comment),
        }
    }
}

impl From<JustifyArgs> for StepArgs {
    fn from(args: JustifyArgs) -> Self {
        Self {
            case: args.case,
            step: Step {
                ticket: args.ticket,
                ..step(CaseAction::Justified, Some(args.comment))
            },
        }
    }
}

impl From<CloseArgs> for StepArgs {
    fn from(args: CloseArgs) -> Self {
        Self {
            case: args.case,
            step: Step {
                exception_until: args.exception_until.map(|when| when.after(now())),
                ..step(CaseAction::Closed, Some(args.comment))
            },
        }
    }
}

impl From<ReopenArgs> for StepArgs {
    fn from(args: ReopenArgs) -> Self {
        Self {
            case: args.case,
            step: step(CaseAction::Reopened, Some(args.comment)),
        }
    }
}
