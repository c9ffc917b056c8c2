//! `postern terraform verify`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use postern_auditor::terraform::compare::{self, Difference};
use postern_auditor::terraform::configured::Configured;
use postern_core::attestor::{Attestor, AttestorName};
use postern_core::policy::Policy;
use postern_core::ports::Unavailable;
use postern_host::config::Config;
use serde_json::json;

use super::{no_plan, read};
use crate::configuration::{Environment, load_named};
use crate::escape::terminal;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Hold the live policies and attestors against what Terraform has.
///
/// The provider of Google Cloud may send a policy without attestors that plan and state show, and does not see
/// when somebody swaps one for another of the same short name; so a plan without changes proves nothing. Run this
/// after an apply, and by the clock.
///
/// Exits with 0 if all is as configured, 1 if something differs, 3 if something could not be read.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What `terraform show -json` prints of a plan or a state.
    #[arg(value_name = "PLAN_OR_STATE.json")]
    plan: PathBuf,
    /// A live policy: what `gcloud container binauthz policy export` writes, or `projects/ID/policy`. One for
    /// each project with a policy; without any, each is read from its project.
    #[arg(long, value_name = "FILE")]
    live_policy: Vec<String>,
    /// Live attestors: what `gcloud container binauthz attestors list --format json` prints, or `projects/ID`.
    /// Without any, each is read from its project.
    #[arg(long, value_name = "FILE")]
    live_attestors: Vec<String>,
    /// A configuration; of it, `projects` and `endpoints` are used.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// How to print the differences.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  terraform show -json > state.json
  postern terraform verify state.json
  gcloud container binauthz policy export --project acme-shop > policy.yaml
  gcloud container binauthz attestors list --project demo-mart --format json > attestors.json
  postern terraform verify state.json --live-policy policy.yaml --live-attestors attestors.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// What was compared.
#[derive(Debug, Default)]
struct Compared {
    differences: Vec<Difference>,
    /// Resources that could not be, with the reason.
    unread: Vec<(String, String)>,
    /// How many could be.
    resources: usize,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let json = read(&args.plan)?;
    let configured = Configured::parse(&json).map_err(|error| no_plan(&args.plan, error))?;
    let compared = compare(&configured, args).await?;
    match args.format {
        Format::Text => output::print(text(&compared))?,
        Format::Json => output::print_json(&json!({
            "apiVersion": "postern/v1",
            "kind": "TerraformVerification",
            "compared": compared.resources,
            "differences": compared.differences,
            "unread": compared.unread.iter().map(|(resource, reason)| {
                json!({"resource": resource, "reason": reason})
            }).collect::<Vec<_>>(),
        }))?,
    }
    if compared.resources == 0 && compared.unread.is_empty() {
        return Err(
            Failure::undetermined("there is no policy and no attestor in it to compare").remedy(
                "name the state of the configuration that has google_binary_authorization_policy",
            ),
        );
    }
    Ok(
        match (compared.differences.is_empty(), compared.unread.is_empty()) {
            (false, _) => Exit::No,
            (true, false) => Exit::Undetermined,
            (true, true) => Exit::Done,
        },
    )
}

async fn compare(configured: &Configured, args: &Args) -> Result<Compared, Failure> {
    let (config, environment) = load_named(args.config.as_deref()).await?;
    let live = Live {
        args,
        config: &config,
        environment: &environment,
    };
    let projects = &config.projects;
    let mut compared = Compared::default();
    for unreadable in &configured.unreadable {
        let (address, reason) = (unreadable.address.clone(), unreadable.reason.clone());
        compared.unread.push((address, reason));
    }
    let is_only = configured.policies.len() == 1;
    for (project, policy) in &configured.policies {
        match live.policy(project, is_only).await? {
            Ok(live) => {
                let found = compare::policies(project, policy, live.as_ref(), projects);
                compared.add(found);
            }
            Err(error) => compared.not_read(format!("projects/{project}/policy"), &error),
        }
    }
    for (name, attestor) in &configured.attestors {
        match live.attestor(name).await? {
            Ok(live) => {
                let found = compare::attestors(attestor, live.as_ref(), projects);
                compared.add(found);
            }
            Err(error) => compared.not_read(name.to_string(), &error),
        }
    }
    Ok(compared)
}

impl Compared {
    fn add(&mut self, differences: Vec<Difference>) {
        self.resources += 1;
        self.differences.extend(differences);
    }

    fn not_read(&mut self, resource: String, error: &Unavailable) {
        self.unread.push((resource, error.to_string()));
    }
}

/// What there is, as files or Binary Authorization say it.
struct Live<'a> {
    args: &'a Args,
    config: &'a Config,
    environment: &'a Environment,
}

impl Live<'_> {
    /// The policy of a project, from the first word that has one for it. A file that names no project is of
    /// the only one.
    async fn policy(
        &self,
        project: &str,
        is_only: bool,
    ) -> Result<Result<Option<Policy>, Unavailable>, Failure> {
        let words = &self.args.live_policy;
        let own = [format!("projects/{project}/policy")];
        for word in if words.is_empty() {
            &own
        } else {
            words.as_slice()
        } {
            let trust =
                postern_wiring::trust(Some(word), &[], self.config, self.environment, None)?;
            match trust.policy(Some(project)).await {
                Ok(Some(found)) => {
                    let of = found.policy.project();
                    if of == Some(project) || (of.is_none() && is_only) {
                        return Ok(Ok(Some(found.policy)));
                    }
                }
                Ok(None) => {}
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(match words.is_empty() {
            true => Ok(None),
            // What nobody exported is not known to be absent.
            false => Err(Unavailable::new(
                format!("projects/{project}/policy"),
                "none of --live-policy is of this project",
            )),
        })
    }

    /// An attestor, from the words or its project.
    async fn attestor(
        &self,
        name: &AttestorName,
    ) -> Result<Result<Option<Attestor>, Unavailable>, Failure> {
        let words = &self.args.live_attestors;
        let own = [format!("projects/{}", name.project)];
        let words = if words.is_empty() {
            &own
        } else {
            words.as_slice()
        };
        let trust = postern_wiring::trust(None, words, self.config, self.environment, None)?;
        Ok(trust.attestor(name).await)
    }
}

fn text(compared: &Compared) -> String {
    let mut text = String::new();
    for difference in &compared.differences {
        let place = match difference.field.is_empty() {
            true => difference.resource.clone(),
            false => format!("{} {}", difference.resource, difference.field),
        };
        let _ = writeln!(
            text,
            "differs      {}\n             configured: {}\n             live:       {}",
            terminal(&place),
            terminal(difference.configured.as_deref().unwrap_or("nothing")),
            terminal(difference.live.as_deref().unwrap_or("nothing")),
        );
    }
    for (resource, reason) in &compared.unread {
        let (resource, reason) = (terminal(resource), terminal(reason));
        let _ = writeln!(text, "cannot tell  {resource}\n             {reason}");
    }
    let _ = write!(
        text,
        "{} compared, {} difference(s), {} cannot be told",
        compared.resources,
        compared.differences.len(),
        compared.unread.len(),
    );
    text
}

#[cfg(test)]
mod tests;
