//! `postern report`: what dry run and break-glass came to, of a log file or of a data directory.

mod break_glass;
mod dry_run;
mod page;
mod source;

use clap::Subcommand;
use jiff::Timestamp;
use postern_auditor::report::period::Period;

use crate::outcome::{Failure, Outcome};

/// Report what enforcement would break, or who used break-glass and what became of it.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    DryRun(dry_run::Args),
    BreakGlass(break_glass::Args),
}

/// From when to when.
#[derive(clap::Args)]
struct PeriodArgs {
    /// From then on: a day (2026-04-01, UTC), a time (RFC 3339), or how long ago (30d, 12h).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until then, exclusive.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::DryRun(args) => dry_run::run(args).await,
        Command::BreakGlass(args) => break_glass::run(args).await,
    }
}

impl PeriodArgs {
    fn period(&self, now: Timestamp) -> Result<Period, Failure> {
        let read = |text: &Option<String>| text.as_deref().map(|text| time(text, now)).transpose();
        let period = Period {
            since: read(&self.since)?,
            until: read(&self.until)?,
        };
        match (period.since, period.until) {
            (Some(since), Some(until)) if since >= until => Err(Failure::mistake(
                "--since is not before --until, so nothing lies between them",
            )),
            _ => Ok(period),
        }
    }
}

fn time(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let wrong = |remedy| Failure::mistake(format_args!("{text:?} is no time")).remedy(remedy);
    crate::time::at(text, now).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_does_not_end_before_it_begins() {
        let now: Timestamp = "2026-04-05T12:00:00Z".parse().unwrap();
        let backwards = PeriodArgs {
            since: Some("2026-04-02".to_owned()),
            until: Some("2026-04-01".to_owned()),
        };
        assert!(backwards.period(now).is_err());
    }
}
