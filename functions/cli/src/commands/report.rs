//! `postern report`: what dry run and break-glass came to, of a log file or of a data directory.

mod break_glass;
mod dry_run;
mod page;
mod source;

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
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
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<civil::Date>()
        && let Ok(start) = day.to_zoned(TimeZone::UTC)
    {
        return Ok(start.timestamp());
    }
    let ago = humantime::parse_duration(text).ok();
    let ago = ago.and_then(|ago| SignedDuration::try_from(ago).ok());
    ago.and_then(|ago| now.checked_sub(ago).ok())
        .ok_or_else(|| {
            Failure::mistake(format_args!("{text:?} is no time"))
                .remedy("write 2026-04-01, 2026-04-01T08:00:00Z, or how long ago: 30d, 12h")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_a_moment_or_how_long_ago() {
        let now: Timestamp = "2026-04-05T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-04-01", "2026-04-01T00:00:00Z"),
            ("2026-04-01T08:00:00+02:00", "2026-04-01T06:00:00Z"),
            ("12h", "2026-04-05T00:00:00Z"),
            ("30d", "2026-03-06T12:00:00Z"),
        ] {
            assert_eq!(time(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "99999999999999999999y"] {
            assert!(time(text, now).is_err(), "{text}");
        }
        let backwards = PeriodArgs {
            since: Some("2026-04-02".to_owned()),
            until: Some("2026-04-01".to_owned()),
        };
        assert!(backwards.period(now).is_err());
    }
}
