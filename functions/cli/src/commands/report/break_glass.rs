//! `postern report break-glass`: who used the emergency door, and what became of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::ValueEnum;
use postern_auditor::report::break_glass::{BreakGlassReport, Use, join, of_case, of_finding};
use postern_auditor::report::period::Period;
use postern_core::case::Case;
use postern_core::finding::Category;
use postern_core::ports::{AuditStore as _, CaseFilter};
use postern_store::Store;
use serde_json::json;

use super::source::{self, SourceArgs};
use super::{PeriodArgs, page};
use crate::data::now;
use crate::escape::{csv, terminal};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Cases that are read at once.
const PAGE: u32 = 200;
/// Uses that a report holds; with more, a shorter time is to be asked for.
const MOST: usize = 50_000;

/// Report every use of break-glass: who, where, why, and what became of it.
///
/// Of a data directory: the cases with their state, owner, and how long it took until somebody took them. Of a
/// log file: what the platform says. The page (`--format html`) is one file without scripts.
///
/// Exits with 0 whatever was used, with 3 if entries could not be read: the report then lacks them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    period: PeriodArgs,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  postern report break-glass --data /var/lib/postern --since 90d
  postern report break-glass --since 2026-04-01 --until 2026-07-01 --format html > break-glass-q2.html
  postern report break-glass entries.ndjson --format csv";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// For spreadsheets.
    Csv,
    /// One page that needs nothing else.
    Html,
}

pub(super) async fn run(args: Args) -> Outcome {
    let period = args.period.period(now())?;
    let (uses, unreadable) = match &args.source.file {
        Some(path) => of_log(path, period)?,
        None => (
            of_store(&source::open(&args.source.data).await?, period).await?,
            0,
        ),
    };
    let report = BreakGlassReport::of(period, uses);
    match args.format {
        Format::Table => output::print(table(&report))?,
        Format::Json => output::print_json(&json!({
            "apiVersion": "postern/v1",
            "kind": "BreakGlassReport",
            "since": report.period.since,
            "until": report.period.until,
            "totals": report.totals,
            "uses": report.uses,
        }))?,
        Format::Csv => output::print(rows(&report))?,
        Format::Html => output::print(page::page(&report, now()))?,
    }
    if unreadable > 0 {
        return Err(Failure::undetermined(format_args!(
            "{unreadable} entries could not be read; the report lacks what they say"
        ))
        .remedy("postern audit classify FILE, which says why for each"));
    }
    Ok(Exit::Done)
}

fn of_log(path: &std::path::Path, period: Period) -> Result<(Vec<Use>, u64), Failure> {
    let mut uses: BTreeMap<Option<String>, Vec<Use>> = BTreeMap::new();
    let (mut count, mut unreadable) = (0, 0);
    source::read_log(path, false, &mut |one| {
        if one.event.is_none() {
            unreadable += 1;
        }
        let found = one.observed.iter();
        for one in found.filter_map(|observed| of_finding(&observed.finding, period)) {
            let known = uses.entry(one.target.clone()).or_default();
            if count < MOST && !known.iter_mut().any(|known| join(known, &one)) {
                known.push(one);
                count += 1;
            }
        }
    })?;
    bounded(count)?;
    Ok((uses.into_values().flatten().collect(), unreadable))
}

async fn of_store(store: &Store, period: Period) -> Result<Vec<Use>, Failure> {
    let mut uses = Vec::new();
    let mut filter = CaseFilter {
        category: Some(Category::BreakGlass),
        limit: PAGE,
        ..CaseFilter::default()
    };
    loop {
        let cases = store
            .cases_like(&filter)
            .await
            .map_err(Failure::undetermined)?;
        let Some(last) = cases.last() else {
            return Ok(uses);
        };
        filter.before = Some(last.id.clone());
        for case in &cases {
            let tickets = tickets(store, case).await?;
            let ticket = |finding: &postern_core::finding::Finding| {
                tickets.get(finding.decision_id.as_ref()?).cloned()
            };
            uses.extend(of_case(case, period, ticket));
        }
        bounded(uses.len())?;
    }
}

/// The tickets that the gate found, by decision.
async fn tickets(store: &Store, case: &Case) -> Result<BTreeMap<String, String>, Failure> {
    let mut tickets = BTreeMap::new();
    for id in case
        .findings
        .iter()
        .filter_map(|finding| finding.decision_id.as_ref())
    {
        let decision = store.decision(id).await.map_err(Failure::undetermined)?;
        let ticket = decision.and_then(|decision| decision.break_glass?.ticket);
        tickets.extend(ticket.map(|ticket| (id.clone(), ticket)));
    }
    Ok(tickets)
}

fn bounded(count: usize) -> Result<(), Failure> {
    if count < MOST {
        return Ok(());
    }
    Err(
        Failure::undetermined(format_args!("there are {MOST} uses or more"))
            .remedy("ask for a shorter time with --since and --until"),
    )
}

/// What is said of one use, by column, for tables of any kind.
pub(super) const COLUMNS: [&str; 15] = [
    "at",
    "who",
    "via",
    "target",
    "revision",
    "images",
    "justification",
    "ticket",
    "bypassed",
    "severity",
    "state",
    "owner",
    "acknowledgedAfter",
    "closedAs",
    "case",
];

pub(super) fn cells(one: &Use) -> [String; 15] {
    let case = one.case.as_ref();
    let or = |text: &Option<String>| text.clone().unwrap_or_default();
    let word = |value: serde_json::Result<serde_json::Value>| {
        value
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    [
        one.at.to_string(),
        one.principals.join(" "),
        one.via.join(" "),
        or(&one.target),
        or(&one.revision),
        one.images.join(" "),
        or(&one.justification),
        or(&one.ticket),
        one.bypassed
            .map(|verdict| verdict.to_string())
            .unwrap_or_default(),
        word(serde_json::to_value(one.severity)),
        case.map(|case| word(serde_json::to_value(case.state)))
            .unwrap_or_default(),
        case.and_then(|case| case.owner.clone()).unwrap_or_default(),
        case.and_then(|case| case.acknowledged_after_seconds)
            .map(span)
            .unwrap_or_default(),
        case.map(|case| word(serde_json::to_value(case.closed_as)))
            .unwrap_or_default(),
        case.map(|case| case.id.clone()).unwrap_or_default(),
    ]
}

/// Seconds for people.
pub(super) fn span(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

/// The sums in one line.
pub(super) fn summary(report: &BreakGlassReport) -> String {
    let totals = &report.totals;
    let mut text = format!(
        "{} uses: {} open, {} closed, {} not looked at; {} bypassed a denial, {} without a justification, {} without a ticket",
        totals.uses,
        totals.open,
        totals.closed,
        totals.unacknowledged,
        totals.bypassed,
        totals.without_justification,
        totals.without_ticket
    );
    if let Some(mean) = totals.mean_seconds_to_acknowledge {
        let _ = write!(text, "; taken after {} on average", span(mean));
    }
    text
}

fn table(report: &BreakGlassReport) -> String {
    let mut text = summary(report);
    for one in &report.uses {
        let cells = cells(one);
        let target = match cells[3].as_str() {
            "" => "at a target that is not known",
            target => target,
        };
        let _ = write!(text, "\n\n{}  {}", terminal(&cells[0]), terminal(target));
        for (name, cell) in COLUMNS.iter().zip(&cells).skip(1) {
            if *name != "target" && !cell.is_empty() {
                let _ = write!(text, "\n  {name:<18}{}", terminal(cell));
            }
        }
    }
    text
}

fn rows(report: &BreakGlassReport) -> String {
    let mut lines = vec![COLUMNS.join(",")];
    let row = |one| {
        cells(one)
            .iter()
            .map(|cell| csv(cell))
            .collect::<Vec<_>>()
            .join(",")
    };
    lines.extend(report.uses.iter().map(row));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
