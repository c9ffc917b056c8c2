//! `postern doctor coverage`: which detections are blind, by a Terraform plan or state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use postern_auditor::coverage::plan::Plan;
use postern_auditor::coverage::{Known, Report, State, judge};
use postern_auditor::detection::Catalogue;
use postern_host::environment::Process;
use postern_host::load::load;
use serde_json::json;

use crate::escape::terminal;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// The largest plan that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Say which detections are blind, and what mends it.
///
/// Takes every entry that a detection must fire on and asks: is its log on? does a sink, or a trail and a
/// rule, pass it on to us? does what runs ask Binary Authorization at all? Reads the JSON of a Terraform plan
/// or state; several are taken together. What cannot be told is never taken for covered. Detections about
/// a cloud of which nothing stands in the plan are not judged.
///
/// Exits with 0 if every detection is covered, 1 if one is blind, 3 if one cannot be told.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What `terraform show -json` prints of a plan or a state; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    plan: Vec<PathBuf>,
    /// Postern's configuration: its `audit.projects` must be covered as well.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A topic that Postern reads; without one, every topic with a subscription in the plan is.
    #[arg(long, value_name = "projects/P/topics/T")]
    topic: Vec<String>,
    /// A project that must be covered, besides those in the plan.
    #[arg(long, value_name = "ID")]
    project: Vec<String>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  terraform plan -out plan && terraform show -json plan > plan.json
  postern doctor coverage --plan plan.json
  postern doctor coverage --plan org.json --plan project.json \\
      --topic projects/acme-audit/topics/postern --format json | jq '.detections[] | select(.state == \"BLIND\")'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut plan = Plan::default();
    for path in &args.plan {
        plan.extend(read(path)?);
    }
    let mut projects: BTreeSet<String> = args.project.iter().cloned().collect();
    if let Some(path) = &args.config {
        projects.extend(configured(path)?);
    }
    let known = Known {
        topics: args
            .topic
            .iter()
            .map(|topic| named(topic))
            .collect::<Result<_, _>>()?,
        projects,
    };
    let catalogue = Catalogue::embedded().map_err(Failure::undetermined)?;
    let report = judge(catalogue.iter(), &plan, &known).map_err(Failure::undetermined)?;
    match args.format {
        Format::Text => output::print(text(&report))?,
        Format::Json => output::print_json(&json!({
            "apiVersion": "postern/v1",
            "kind": "CoverageReport",
            "detections": report.detections,
            "notJudged": report.not_judged,
        }))?,
    }
    match report.worst() {
        Some(State::Covered) => Ok(Exit::Done),
        Some(State::Blind) => Ok(Exit::No),
        Some(State::CannotTell) => Ok(Exit::Undetermined),
        None => Err(
            Failure::undetermined("nothing of Google Cloud or AWS stands in the plan")
                .remedy("name the plan of the sinks, trails and rules with --plan"),
        ),
    }
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
            .remedy("terraform show -json PLAN > plan.json")
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut json = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut json)
        .map_err(|error| wrong(&error))?;
    if json.len() as u64 > LIMIT {
        return Err(wrong(&"it is larger than 256 MiB"));
    }
    Plan::parse(&json).map_err(|error| wrong(&error))
}

/// The projects among what the auditor expects entries of; accounts and organizations are others.
fn configured(path: &Path) -> Result<Vec<String>, Failure> {
    let config = load(Some(path), &Process).map_err(Failure::mistake)?;
    let is_project =
        |name: &String| !name.contains('/') && !name.bytes().all(|byte| byte.is_ascii_digit());
    Ok(config
        .audit
        .projects
        .into_iter()
        .filter(is_project)
        .collect())
}

fn named(topic: &str) -> Result<String, Failure> {
    match topic.split('/').collect::<Vec<_>>().as_slice() {
        ["projects", project, "topics", name] if !project.is_empty() && !name.is_empty() => {
            Ok(topic.to_owned())
        }
        _ => Err(Failure::mistake(format_args!("{topic:?} is no topic"))
            .remedy("write projects/PROJECT/topics/TOPIC")),
    }
}

/// The detections with what is in their way, worst first, then what mends each.
fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut remedies: BTreeMap<&str, &str> = BTreeMap::new();
    for state in [State::Blind, State::CannotTell, State::Covered] {
        for coverage in report.detections.iter().filter(|d| d.state == state) {
            let _ = writeln!(text, "{:<11}  {}", word(state), coverage.detection);
            for gap in &coverage.gaps {
                let _ = writeln!(text, "             {}", terminal(&gap.why));
                if let Some(remedy) = &gap.remedy {
                    remedies.insert(&gap.why, remedy);
                }
            }
        }
    }
    if !remedies.is_empty() {
        let _ = writeln!(text, "\nWhat mends it");
    }
    for (why, remedy) in remedies {
        let _ = writeln!(text, "  {}:", terminal(why));
        for line in remedy.lines() {
            let _ = writeln!(text, "    {}", terminal(line));
        }
    }
    let count = |state| {
        report
            .detections
            .iter()
            .filter(|d| d.state == state)
            .count()
    };
    let _ = write!(
        text,
        "\n{} covered, {} blind, {} cannot be told",
        count(State::Covered),
        count(State::Blind),
        count(State::CannotTell)
    );
    if !report.not_judged.is_empty() {
        let _ = write!(
            text,
            ", {} not judged: nothing of their cloud stands in the plan",
            report.not_judged.len()
        );
    }
    text
}

fn word(state: State) -> &'static str {
    match state {
        State::Covered => "covered",
        State::Blind => "blind",
        State::CannotTell => "cannot tell",
    }
}

#[cfg(test)]
mod tests {
    use postern_auditor::coverage::{Coverage, Gap};
    use postern_core::finding::{Category, Severity};

    use super::*;

    #[test]
    fn the_report_is_told_worst_first_and_harmlessly() {
        let coverage = |detection: &str, state, gaps| Coverage {
            detection: detection.to_owned(),
            title: "-".to_owned(),
            severity: Severity::High,
            category: Category::TrustChain,
            state,
            gaps,
        };
        let gap = |state, why: &str, remedy: Option<&str>| Gap {
            state,
            why: why.to_owned(),
            remedy: remedy.map(str::to_owned),
            samples: BTreeSet::new(),
        };
        let report = Report {
            detections: vec![
                coverage("gcp.a", State::Covered, vec![]),
                coverage(
                    "gcp.b",
                    State::CannotTell,
                    vec![gap(
                        State::CannotTell,
                        "sink \u{1b}[2Jx\u{202e} is unclear",
                        None,
                    )],
                ),
                coverage(
                    "gcp.c",
                    State::Blind,
                    vec![gap(
                        State::Blind,
                        "project demo-mart has no sink",
                        Some("resource {\n  a = 1\n}"),
                    )],
                ),
            ],
            not_judged: vec!["aws.d".to_owned()],
        };
        insta::assert_snapshot!(text(&report), @r"
        blind        gcp.c
                     project demo-mart has no sink
        cannot tell  gcp.b
                     sink \u{1b}[2Jx\u{202e} is unclear
        covered      gcp.a

        What mends it
          project demo-mart has no sink:
            resource {
              a = 1
            }

        1 covered, 1 blind, 1 cannot be told, 1 not judged: nothing of their cloud stands in the plan
        ");
    }
}
