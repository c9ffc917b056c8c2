//! `postern report dry-run`: what would break if enforcement were switched on.

use std::fmt::Write as _;

use clap::ValueEnum;
use postern_auditor::report::dry_run::{Affected, DryRun, DryRunReport};
use postern_core::entry::Record;
use serde_json::{Value, json};

use super::PeriodArgs;
use super::source::{self, SourceArgs};
use crate::data::now;
use crate::escape::{csv, terminal};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Names that the table lists before it only counts.
const LISTED: usize = 5;

/// Show what would break if enforcement were switched on.
///
/// Groups the deployments that dry run let through by service and by the attestor that is missing, with their
/// share of all deployments seen. Reads a log file of any length, or the findings and decisions of a data
/// directory. The entries about one rollout count once. The share is only known where deployments without a
/// violation are in the log as well.
///
/// Exits with 0 whatever would be denied, with 3 if entries could not be read: the report then lacks them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    period: PeriodArgs,
    /// What is grouped by.
    #[arg(long, value_enum, default_value_t = By::Both)]
    by: By,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  gcloud logging read 'logName:\"cloudaudit.googleapis.com\" (resource.type=\"cloud_run_revision\" OR resource.type=\"k8s_cluster\")' \\
      --freshness 30d --format json | postern report dry-run -
  postern report dry-run entries.ndjson --by attestor
  postern report dry-run --data /var/lib/postern --since 30d --format csv > would-break.csv";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Service,
    Attestor,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// For spreadsheets.
    Csv,
}

pub(super) async fn run(args: Args) -> Outcome {
    let mut dry_run = DryRun::within(args.period.period(now())?);
    match &args.source.file {
        Some(path) => source::read_log(path, true, &mut |one| dry_run.entry(&one))?,
        None => {
            let store = source::open(&args.source.data).await?;
            source::read_journal(&store, &mut |entry| match &entry.record {
                Record::Finding(finding) => dry_run.finding(finding),
                Record::Decision(decision) => dry_run.decision(decision),
                _ => {}
            })
            .await?;
        }
    }
    let report = dry_run.report();
    match args.format {
        Format::Table => output::print(table(&report, args.by))?,
        Format::Json => output::print_json(&document(&report, args.by)?)?,
        Format::Csv => output::print(rows(&report, args.by))?,
    }
    if report.unreadable > 0 {
        return Err(Failure::undetermined(format_args!(
            "{} entries could not be read; the report lacks what they say",
            report.unreadable
        ))
        .remedy("postern audit classify FILE, which says why for each"));
    }
    Ok(Exit::Done)
}

fn groups(report: &DryRunReport, by: By) -> Vec<(&'static str, &[Affected])> {
    let mut groups = Vec::new();
    if by != By::Attestor {
        groups.push(("service", report.by_service.as_slice()));
    }
    if by != By::Service {
        groups.push(("attestor", report.by_attestor.as_slice()));
    }
    groups
}

fn table(report: &DryRunReport, by: By) -> String {
    let mut text = match report.share {
        Some(share) => format!(
            "{} of {} deployments would have been denied ({:.1} %)\n",
            report.would_be_denied,
            report.deployments,
            share * 100.0
        ),
        None => format!(
            "{} deployments would have been denied; how many went through without a violation is not in what was read\n",
            report.would_be_denied
        ),
    };
    for (name, group) in groups(report, by) {
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n{:>6}  {:<20}  {:<20}  {}",
            "COUNT",
            "FIRST",
            "LAST",
            name.to_uppercase()
        );
        for one in group {
            let _ = writeln!(
                text,
                "{:>6}  {:<20.0}  {:<20.0}  {}",
                one.count,
                one.first_at,
                one.last_at,
                terminal(&one.name)
            );
            let concerns = if name == "service" {
                "attestors"
            } else {
                "services"
            };
            for (word, names) in [
                (concerns, &one.concerns),
                ("images", &one.images),
                ("by", &one.principals),
            ] {
                if !names.is_empty() {
                    let _ = writeln!(text, "        {word:<10}{}", some(names, one.cut));
                }
            }
        }
    }
    text.trim_end().to_owned()
}

/// The first names, and how many more there are.
fn some(names: &[String], cut: bool) -> String {
    let mut text: Vec<String> = names.iter().take(LISTED).map(|n| terminal(n)).collect();
    if names.len() > LISTED {
        let least = if cut { "at least " } else { "" };
        text.push(format!("and {least}{} more", names.len() - LISTED));
    }
    text.join(", ")
}

fn document(report: &DryRunReport, by: By) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(report).map_err(Failure::undetermined)?;
    if let Some(members) = value.as_object_mut() {
        members.insert("apiVersion".to_owned(), json!("postern/v1"));
        members.insert("kind".to_owned(), json!("DryRunReport"));
        match by {
            By::Service => drop(members.remove("byAttestor")),
            By::Attestor => drop(members.remove("byService")),
            By::Both => {}
        }
    }
    Ok(value)
}

fn rows(report: &DryRunReport, by: By) -> String {
    let mut lines = vec!["by,name,count,firstAt,lastAt,concerns,images,principals".to_owned()];
    for (name, group) in groups(report, by) {
        lines.extend(group.iter().map(|one| {
            [
                csv(name),
                csv(&one.name),
                one.count.to_string(),
                csv(&one.first_at.to_string()),
                csv(&one.last_at.to_string()),
                csv(&one.concerns.join(" ")),
                csv(&one.images.join(" ")),
                csv(&one.principals.join(" ")),
            ]
            .join(",")
        }));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use postern_auditor::report::period::Period;

    use super::*;

    fn report() -> DryRunReport {
        let affected = |name: &str, concerns: &str| Affected {
            name: name.to_owned(),
            count: 3,
            first_at: "2026-04-05T05:20:03.5Z".parse().unwrap(),
            last_at: "2026-04-06T05:20:03Z".parse().unwrap(),
            images: (0..7).map(|n| format!("r.example/a@sha256:{n}")).collect(),
            principals: vec![
                "=cmd|' /C calc'!A0".to_owned(),
                "\u{1b}[31m<script>".to_owned(),
            ],
            concerns: vec![concerns.to_owned()],
            cut: false,
        };
        DryRunReport {
            period: Period::default(),
            deployments: 12,
            would_be_denied: 3,
            share: Some(0.25),
            unreadable: 0,
            by_service: vec![affected(
                "cloud-run:demo-mart/us-east1/web",
                "projects/demo-mart/attestors/ci",
            )],
            by_attestor: vec![affected(
                "projects/demo-mart/attestors/ci",
                "cloud-run:demo-mart/us-east1/web",
            )],
        }
    }

    #[test]
    fn the_table_is_for_people() {
        insta::assert_snapshot!(table(&report(), By::Both), @r#"
    3 of 12 deployments would have been denied (25.0 %)

     COUNT  FIRST                 LAST                  SERVICE
         3  2026-04-05T05:20:03Z  2026-04-06T05:20:03Z  cloud-run:demo-mart/us-east1/web
            attestors projects/demo-mart/attestors/ci
            images    r.example/a@sha256:0, r.example/a@sha256:1, r.example/a@sha256:2, r.example/a@sha256:3, r.example/a@sha256:4, and 2 more
            by        =cmd|' /C calc'!A0, \u{1b}[31m<script>

     COUNT  FIRST                 LAST                  ATTESTOR
         3  2026-04-05T05:20:03Z  2026-04-06T05:20:03Z  projects/demo-mart/attestors/ci
            services  cloud-run:demo-mart/us-east1/web
            images    r.example/a@sha256:0, r.example/a@sha256:1, r.example/a@sha256:2, r.example/a@sha256:3, r.example/a@sha256:4, and 2 more
            by        =cmd|' /C calc'!A0, \u{1b}[31m<script>
    "#);
        let unknown = DryRunReport {
            share: None,
            ..report()
        };
        assert!(
            table(&unknown, By::Service)
                .starts_with("3 deployments would have been denied; how many")
        );
    }

    #[test]
    fn the_spreadsheet_gets_no_formula() {
        insta::assert_snapshot!(rows(&report(), By::Service), @r#"
    by,name,count,firstAt,lastAt,concerns,images,principals
    "service","cloud-run:demo-mart/us-east1/web",3,"2026-04-05T05:20:03.5Z","2026-04-06T05:20:03Z","projects/demo-mart/attestors/ci","r.example/a@sha256:0 r.example/a@sha256:1 r.example/a@sha256:2 r.example/a@sha256:3 r.example/a@sha256:4 r.example/a@sha256:5 r.example/a@sha256:6","'=cmd|' /C calc'!A0 \u{1b}[31m<script>"
    "#);
    }

    #[test]
    fn the_document_holds_what_was_asked_for() {
        let by = |by| document(&report(), by).unwrap();
        assert!(by(By::Service).get("byAttestor").is_none());
        assert!(by(By::Attestor).get("byService").is_none());
        let both = by(By::Both);
        assert_eq!(both["kind"], "DryRunReport");
        assert_eq!(both["byService"][0]["principals"][1], "\u{1b}[31m<script>");
    }
}
