//! `postern doctor coverage`: which detections are blind, by a Terraform plan or state, or by what there
//! is on Google Cloud.

mod text;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use postern_auditor::coverage::live::{self, Scope};
use postern_auditor::coverage::plan::Plan;
use postern_auditor::coverage::{Known, State, judge};
use postern_host::config::Config;
use serde_json::json;

use crate::commands::audit::Detections;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// The largest plan that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Say which detections are blind, and what mends it.
///
/// Takes every entry that a detection must fire on and asks: is its log on? does a sink, or a trail and a
/// rule, pass it on to us? does what runs ask Binary Authorization at all? What cannot be told is never
/// taken for covered.
///
/// With --plan, reads the JSON of a Terraform plan or state; several are taken together. Without, reads what
/// there is on Google Cloud, as whoever `gcloud auth application-default login` says: sinks and audit
/// configurations up to the organization, organization policies, Cloud Run, clusters and subscriptions of the
/// projects, folders and organizations that are named, with everything in them. A part that cannot be read
/// leaves in doubt what depends on it. What there is on AWS is not read yet; use the plan of its trails.
///
/// Exits with 0 if every detection is covered, 1 if one is blind, 3 if one cannot be told.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What `terraform show -json` prints of a plan or a state; may be given several times.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present_any = ["project", "folder", "organization"]
    )]
    plan: Vec<PathBuf>,
    /// A project to read. With --plan: one that must be covered, besides those in the plan.
    #[arg(long, value_name = "ID")]
    project: Vec<String>,
    /// A folder to read, with everything in it.
    #[arg(long, value_name = "NUMBER", conflicts_with = "plan")]
    folder: Vec<String>,
    /// An organization to read, with everything in it.
    #[arg(long, value_name = "NUMBER", conflicts_with = "plan")]
    organization: Vec<String>,
    /// A region of Cloud Run to read; without one, each where the project may use it.
    #[arg(long, value_name = "REGION", conflicts_with = "plan")]
    region: Vec<String>,
    /// A topic that Postern reads; without one, every topic with a subscription is.
    #[arg(long, value_name = "projects/P/topics/T")]
    topic: Vec<String>,
    /// Of its configuration, `audit.projects` must be covered as well, and `endpoints` are asked.
    #[command(flatten)]
    detections: Detections,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  terraform plan -out plan && terraform show -json plan > plan.json
  postern doctor coverage --plan plan.json
  postern doctor coverage --project demo-mart --region us-east1
  postern doctor coverage --organization 123456789012 --topic projects/acme-audit/topics/postern
  postern doctor coverage --plan org.json --plan project.json \\
      --topic projects/acme-audit/topics/postern --format json | jq '.detections[] | select(.state == \"BLIND\")'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let config = args.detections.configuration().await?;
    let catalogue = args.detections.catalogue().await?;
    let topics = args.topic.iter().map(|topic| named(topic));
    let known = Known {
        topics: topics.collect::<Result<_, _>>()?,
        projects: match args.plan.is_empty() {
            true => BTreeSet::new(),
            false => args
                .project
                .iter()
                .cloned()
                .chain(configured(&config))
                .collect(),
        },
    };
    let plan = match args.plan.is_empty() {
        true => there_is(args, &config).await?,
        false => planned(&args.plan)?,
    };
    let report = judge(catalogue.iter(), &plan, &known).map_err(Failure::undetermined)?;
    match args.format {
        Format::Text => output::print(text::text(&report))?,
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
        None => Err(Failure::undetermined(
            "nothing of Google Cloud or AWS was read to judge them by",
        )
        .remedy("name the plan of the sinks, trails and rules with --plan")),
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

fn planned(files: &[PathBuf]) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for path in files {
        plan.extend(read(path)?);
    }
    Ok(plan)
}

/// What there is, of what the command line names and of the projects of the configuration.
async fn there_is(args: &Args, config: &Config) -> Result<Plan, Failure> {
    let projects = args.project.iter().cloned().chain(configured(config));
    let projects = projects.map(|id| format!("projects/{id}"));
    let folders = args.folder.iter().map(|id| format!("folders/{id}"));
    let organizations = args
        .organization
        .iter()
        .map(|id| format!("organizations/{id}"));
    let resources: BTreeSet<String> = projects.chain(folders).chain(organizations).collect();
    let names: Vec<String> = resources.iter().cloned().collect();
    let reader = postern_wiring::estate(&names, config)?;
    let scope = Scope {
        resources,
        regions: args.region.iter().cloned().collect(),
        topics_are_known: !args.topic.is_empty(),
    };
    Ok(live::read(reader, &scope).await)
}

/// The projects among what the auditor expects entries of; accounts and organizations are others.
fn configured(config: &Config) -> impl Iterator<Item = String> {
    let is_project =
        |name: &&String| !name.contains('/') && !name.bytes().all(|byte| byte.is_ascii_digit());
    config.audit.projects.iter().filter(is_project).cloned()
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
