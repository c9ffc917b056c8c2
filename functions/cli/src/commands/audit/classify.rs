//! `postern audit classify`: entries in, findings out. Nothing is remembered.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::Timestamp;
use postern_auditor::input::{Classified, classify_reader};
use postern_core::event::AuditEvent;
use postern_core::finding::Finding;
use postern_core::ocsf;
use serde_json::json;

use super::Detections;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Classify audit log entries: one finding per line.
///
/// Reads Cloud Logging entries as JSON: one per line, arrays, Pub/Sub envelopes or CloudEvents. Each
/// entry is looked at by itself; an entry that cannot be read is a finding of its own (category
/// AUDIT_BLINDED). Exits with 0 with or without findings, and with 2 if the file cannot be read.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The entries; `-` or nothing is standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Print a line for entries without findings as well.
    #[arg(long)]
    all: bool,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    #[command(flatten)]
    detections: Detections,
}

const EXAMPLES: &str = "\
Examples:
  postern audit classify entries.ndjson
  gcloud logging read 'logName:\"cloudaudit.googleapis.com\" resource.type=\"cloud_run_revision\"' \\
      --format json | postern audit classify --format table
  postern audit classify entries.ndjson --config postern.yaml --detections my-detections
  postern audit classify entries.ndjson --format ocsf >> findings.ndjson
  postern audit classify entries.ndjson | jq -r 'select(.category == \"BREAK_GLASS\") | .summary'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object per line, for scripts.
    Ndjson,
    /// For people.
    Table,
    /// One Detection Finding of OCSF per line, for a data lake.
    Ocsf,
}

pub(super) async fn run(args: &Args) -> Outcome {
    if args.all && args.format == Format::Ocsf {
        return Err(Failure::mistake(
            "--all and --format ocsf exclude each other: an entry without findings is no Detection Finding",
        )
        .remedy("leave --all out, or take --format ndjson"));
    }
    let catalogue = args.detections.catalogue().await?;
    let mut reader = open(&args.file)?;
    if args.format == Format::Table {
        output::print(row("SEVERITY", "AT", "DETECTION", "SUMMARY"))?;
    }
    let mut printed = Ok(());
    let read = classify_reader(
        &catalogue,
        &mut *reader,
        args.all,
        Timestamp::now(),
        &mut |one| {
            printed = print(&one, args.format);
            // The reason is in `printed`; this only ends the reading.
            if printed.is_err() {
                Err(io::ErrorKind::BrokenPipe.into())
            } else {
                Ok(())
            }
        },
    );
    printed?;
    read.map_err(|error| unreadable(&args.file, &error))?;
    Ok(Exit::Done)
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::mistake(format_args!("{}: {error}", path.display())).remedy(
        "name a file of audit entries that exists and may be read, or `-` for standard input",
    )
}

fn print(one: &Classified, format: Format) -> Result<(), Failure> {
    for observed in &one.observed {
        let finding = &observed.finding;
        match format {
            Format::Ndjson => {
                output::print(serde_json::to_string(finding).map_err(Failure::undetermined)?)?;
            }
            Format::Table => output::print(finding_row(finding))?,
            Format::Ocsf => output::print(ocsf::finding(finding))?,
        }
    }
    match (&one.event, format) {
        (Some(event), Format::Ndjson) if one.observed.is_empty() => {
            output::print(event_line(event))
        }
        (Some(event), Format::Table) if one.observed.is_empty() => {
            let summary = match event.service.as_str() {
                "" => event.log.clone(),
                service => format!("{service} {}", event.method),
            };
            output::print(row("-", &event.at.to_string(), "-", &summary))
        }
        _ => Ok(()),
    }
}

fn finding_row(finding: &Finding) -> String {
    let severity = format!("{:?}", finding.severity).to_uppercase();
    row(
        &severity,
        &finding.at.to_string(),
        &finding.detection,
        &finding.summary,
    )
}

fn row(severity: &str, at: &str, detection: &str, summary: &str) -> String {
    format!("{severity:<8}  {at:<27}  {detection:<35}  {summary}")
}

/// An entry in which nothing was found.
fn event_line(event: &AuditEvent) -> serde_json::Value {
    json!({
        "apiVersion": "postern/v1",
        "kind": "Event",
        "at": event.at,
        "service": event.service,
        "method": event.method,
        "resource": event.resource,
        "source": {"kind": event.source.as_str(), "id": event.id, "log": event.log},
    })
}
