//! `postern audit reconcile`: reads logs back at their source, and takes in what never arrived.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;
use postern_auditor::detection::Catalogue;
use postern_auditor::reconcile::plan::plan;
use postern_auditor::reconcile::{Outcome as Compared, Reconciler, Report, Request, filter};
use postern_auditor::{Auditor, Believed};
use postern_host::config::Config;
use postern_store::Store;
use serde_json::json;

use crate::configuration;
use crate::embedded;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Read audit logs back at Cloud Logging, and take in what was never delivered.
///
/// Lists the entries of the audit logs that the detections look at, and compares them with what the
/// auditor has. What is missing is taken in as if it had been delivered, and every gap (hours in a row
/// of one log) is reported and becomes a finding, postern.audit.gap. Entries younger than five minutes
/// are not judged. Exits with 0 if nothing is missing, with 1 if something is, and with 3 if a log could
/// not be read to the end: then everything before `complete through` was compared, and nothing is known
/// of the rest.
///
/// Needs roles/logging.privateLogViewer on each resource. Without its right to see Data Access entries
/// they are left out, and Cloud Logging does not say so.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// From when on: a time (2026-01-02T03:04:05Z), or how long ago (36h, 30days).
    #[arg(long, value_name = "TIME", value_parser = crate::time::moment)]
    since: Timestamp,
    /// Up to when, exclusively. Default: five minutes ago.
    #[arg(long, value_name = "TIME", value_parser = crate::time::moment)]
    until: Option<Timestamp>,
    /// Whose logs: projects/P, folders/N, organizations/N or billingAccounts/N. Default: those of
    /// audit.reconcile.resources.
    #[arg(long = "resource", value_name = "RESOURCE")]
    resources: Vec<String>,
    /// Only entries that match this as well, in the language of Cloud Logging.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Take entries in from before they were delivered: what is missing is no gap.
    #[arg(long)]
    backfill: bool,
    /// Only compare: take nothing in, and make no finding.
    #[arg(long)]
    dry_run: bool,
    /// The data directory of the auditor, where the configuration names no store.
    #[arg(
        long,
        value_name = "DIR",
        env = "POSTERN_DATA",
        default_value = "postern-data"
    )]
    data: PathBuf,
    /// The auditor's configuration: its store, expected projects, endpoints.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// How the reports are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  postern audit reconcile --since 24h --resource projects/acme-shop
  postern audit reconcile --since 30days --backfill --resource organizations/1234567890
  postern audit reconcile --since 2026-01-02T00:00:00Z --until 2026-01-03T00:00:00Z \\
      --resource projects/acme-shop --filter 'resource.type=\"cloud_run_revision\"' --dry-run";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let (config, _) = configuration::load(args.config.as_deref()).await?;
    let config = embedded::with_store(config, &args.data);
    let resources = resources(args, &config)?;
    let reader = postern_wiring::log_reader(resources, &config)?
        .ok_or_else(|| Failure::mistake("no resource is named"))?;
    let store = Store::open(&config.store).await.map_err(|error| {
        Failure::undetermined(format_args!("the store: {error}"))
            .remedy("name the auditor's data directory with --data DIR, or its --config FILE")
    })?;
    let catalogue = Catalogue::configured(&config.audit).map_err(Failure::mistake)?;
    let auditor = Auditor::new(Arc::new(store), catalogue, Believed::from(&config.audit));
    let reconciler = Reconciler::new(Arc::new(auditor), reader);
    let mut compared = Vec::new();
    for resource in resources {
        let mut telling = Telling::default();
        let request = request(args, resource)?;
        let outcome = reconciler
            .run(&request, &mut |report| telling.tell(report))
            .await;
        compared.push(outcome);
    }
    match args.format {
        Format::Text => print_text(&compared, args.dry_run)?,
        Format::Json => print_json(&compared)?,
    }
    ending(&compared)
}

fn resources<'a>(args: &'a Args, config: &'a Config) -> Result<&'a [String], Failure> {
    if args.since >= args.until.unwrap_or(Timestamp::MAX) {
        return Err(Failure::mistake("--since is not before --until"));
    }
    let configured = &config.audit.reconcile.resources;
    match (&args.resources[..], &configured[..]) {
        ([], []) => Err(Failure::mistake("whose logs? No resource is named")
            .remedy("--resource projects/P, or audit.reconcile.resources in --config FILE")),
        ([], configured) => Ok(configured),
        (named, _) => Ok(named),
    }
}

fn request(args: &Args, resource: &str) -> Result<Request, Failure> {
    let now = Timestamp::now();
    let plan = plan(args.since, args.until, now);
    if plan.span.since >= plan.span.until {
        return Err(Failure::mistake(
            "nothing in that time can be compared: it is younger than five minutes, or older than \
             the 400 days that logs are kept",
        ));
    }
    Ok(Request {
        resource: resource.to_owned(),
        filter: filter(args.filter.as_deref()),
        plan,
        watched_from: if args.backfill { now } else { Timestamp::MIN },
        dry_run: args.dry_run,
    })
}

/// Tells on stderr how far it is, where it takes long: every so many entries.
#[derive(Default)]
struct Telling {
    told: u64,
}

impl Telling {
    const EVERY: u64 = 5000;

    fn tell(&mut self, report: &Report) {
        if report.entries / Self::EVERY > self.told / Self::EVERY {
            output::note(format_args!(
                "{}: {} entries compared, {} missing, since {}",
                report.resource, report.entries, report.missing, report.complete_through
            ));
        }
        self.told = report.entries;
    }
}

fn print_text(compared: &[Compared], dry_run: bool) -> Result<(), Failure> {
    for Compared { report, failure } in compared {
        output::print(text(report, dry_run))?;
        if let Some(error) = failure {
            output::note(format_args!("{}: {error}", report.resource));
        }
    }
    Ok(())
}

fn text(report: &Report, dry_run: bool) -> String {
    let mut lines = vec![format!(
        "{}: {} entries from {} to {}",
        report.resource, report.entries, report.since, report.until
    )];
    lines.extend(report.notes.iter().map(|note| format!("  note: {note}")));
    if report.complete_through < report.until {
        lines.push(format!(
            "  NOT COMPLETE: compared through {}; nothing is known of what is after",
            report.complete_through
        ));
    }
    for gap in &report.gaps {
        lines.push(format!("  gap: {gap}"));
        lines.extend(gap.hours.iter().map(|hour| {
            let (from, missing) = (hour.from, hour.missing);
            format!(
                "    hour of {from}: {missing}, {} to {}",
                hour.first, hour.last
            )
        }));
    }
    let counts = [
        (report.missing, "never arrived"),
        (report.backfilled, "are from before they were delivered"),
        (report.differing, "arrived and said something else"),
        (report.unreadable, "cannot be read"),
        (
            report.unexpected,
            "are of projects that nobody expects (audit.projects)",
        ),
    ];
    let said = counts.iter().filter(|(count, _)| *count > 0);
    lines.extend(said.map(|(count, what)| format!("  {count} {what}")));
    lines.push(match dry_run {
        true => "  dry run: nothing was taken in".to_owned(),
        false => format!("  {} findings in what was taken in", report.findings),
    });
    lines.join("\n")
}

fn print_json(compared: &[Compared]) -> Result<(), Failure> {
    let report = |Compared { report, failure }: &Compared| {
        let mut value = serde_json::to_value(report).map_err(Failure::undetermined)?;
        value["error"] = json!(failure.as_ref().map(ToString::to_string));
        Ok(value)
    };
    let reports = compared
        .iter()
        .map(report)
        .collect::<Result<Vec<_>, Failure>>()?;
    output::print_json(&json!({
        "apiVersion": "postern/v1",
        "kind": "Reconciliation",
        "reports": reports,
    }))
}

/// What could not be read weighs more than what is missing.
fn ending(compared: &[Compared]) -> Outcome {
    if let Some(error) = compared.iter().find_map(|outcome| outcome.failure.as_ref()) {
        let message = format_args!("a log could not be read to its end: {error}").to_string();
        return Err(Failure::undetermined(message));
    }
    let clean = |outcome: &Compared| outcome.report.missing == 0 && outcome.report.differing == 0;
    Ok(if compared.iter().all(clean) {
        Exit::Done
    } else {
        Exit::No
    })
}
