//! `postern policy apply`.

use std::path::{Path, PathBuf};

use postern_core::policy::{differences, lint};
use postern_core::ports::{LivePolicy, PolicyAuthority, Replaced};
use postern_host::config::Config;

use super::compared::Compared;
use super::{Format, Policy, read, wrong_file};
use crate::configuration::load_named;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::{note, print};

/// Let a policy hold at Binary Authorization, in place of the one that does.
///
/// Says first what changes. Refused are a policy with mistakes, one that lets more through in any place
/// (without --allow-weaker), and one that would undo what somebody else changed since it was read. Where
/// nothing changes, nothing is written.
///
/// Exits 0 if it holds, 1 if it was refused, 2 if Binary Authorization refuses it as wrong, 3 if the one that
/// holds cannot be read or replaced.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The policy: YAML or JSON, as `gcloud container binauthz policy export` writes it.
    file: PathBuf,
    /// Which policy it replaces. Default: the one that the file names as its own.
    #[arg(long, value_name = "projects/ID/policy", conflicts_with = "project")]
    to: Option<String>,
    /// The same by the project's id.
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// Say what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also write what lets more through: fewer attestors, ALWAYS_ALLOW, dry run, more exemptions.
    #[arg(long)]
    allow_weaker: bool,
    /// A configuration; of it, `projects` and `endpoints` are used.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// How to print what changes.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let wanted = sound(&args.file)?;
    let (config, environment) = load_named(args.config.as_deref()).await?;
    let project = project(args, &wanted, &config)?;
    let name = format!("projects/{project}/policy");
    let authority = postern_wiring::policy_authority(&config, &environment)?;
    let live = authority.live(&project).await;
    let live = live.map_err(Failure::undetermined)?;
    let compared = Compared::new(
        (args.file.display().to_string(), &wanted),
        (name.clone(), &live),
        &config.projects,
    );
    compared.print(args.format)?;
    if compared.same {
        note(format_args!("{name} says so already; nothing was written"));
        return Ok(Exit::Done);
    }
    current(&name, &wanted, &live)?;
    if compared.weaker && !args.allow_weaker {
        let message = format!("{name} would let more through; nothing was written");
        return Err(Failure::not_so(message).remedy("if that is meant, --allow-weaker"));
    }
    if args.dry_run {
        note("--dry-run: nothing was written");
        return Ok(Exit::Done);
    }
    let wanted = Policy {
        name: Some(name.clone()),
        etag: live.policy.etag,
        update_time: None,
        ..wanted
    };
    replace(&*authority, &project, &wanted, &config).await?;
    note(format_args!(
        "{name} holds as {} has it",
        args.file.display()
    ));
    Ok(Exit::Done)
}

/// The policy of a file that has no mistakes.
fn sound(path: &Path) -> Result<Policy, Failure> {
    let text = read(path)?;
    let findings = lint(&text, &[]);
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.is_error())
        .collect();
    for error in &errors {
        print(format_args!("{}:{error}", path.display()))?;
    }
    if !errors.is_empty() {
        let message = format!("{} has {} mistake(s)", path.display(), errors.len());
        return Err(Failure::not_so(message).remedy("correct them as postern policy lint says"));
    }
    Policy::parse(&text).map_err(|error| wrong_file(path, &error))
}

/// Which project's policy is replaced: the one that is named, if the file does not name another.
fn project(args: &Args, wanted: &Policy, config: &Config) -> Result<String, Failure> {
    let told = match (&args.to, &args.project) {
        (Some(name), _) => Some(postern_wiring::project_of_policy(name)?),
        (None, project) => project.clone(),
    };
    match (told, wanted.project()) {
        (Some(told), Some(own)) if !config.projects.same_project(&told, own) => {
            let file = args.file.display();
            let message = format!("{file} is the policy of {own}, and not of {told}");
            Err(Failure::mistake(message).remedy("if it is for both, take `name` out of the file"))
        }
        (Some(told), _) => Ok(told),
        (None, Some(own)) => Ok(own.to_owned()),
        (None, None) => Err(Failure::mistake(format_args!(
            "{} does not name the policy that it is",
            args.file.display()
        ))
        .remedy("say with --to projects/ID/policy which one it replaces")),
    }
}

/// Whether a change by somebody else would be seen, and none has been made already.
fn current(name: &str, wanted: &Policy, live: &LivePolicy) -> Result<(), Failure> {
    if wanted.etag.is_some() && wanted.etag != live.policy.etag {
        return Err(changed(name));
    }
    if live.was_set && live.policy.etag.is_none() {
        let message =
            format!("{name} has no etag, so a change by somebody else would be undone unseen");
        return Err(Failure::undetermined(message)
            .remedy("gcloud container binauthz policy import FILE, when nobody else is at it"));
    }
    Ok(())
}

fn changed(name: &str) -> Failure {
    let message = format!("{name} was changed by somebody else; nothing was written");
    Failure::not_so(message).remedy(
        "look at the change with postern policy diff, take it over into the file, take `etag` out of it, \
         and apply it again",
    )
}

async fn replace(
    authority: &dyn PolicyAuthority,
    project: &str,
    wanted: &Policy,
    config: &Config,
) -> Result<(), Failure> {
    let replaced = authority.replace(project, wanted).await;
    let name = format!("projects/{project}/policy");
    match replaced.map_err(Failure::undetermined)? {
        Replaced::Written(policy) => same(&name, &policy, wanted, config),
        Replaced::Refused(why) => Err(Failure::mistake(why)),
        // Perhaps it was this process, and the answer was lost.
        Replaced::Stale(_) => {
            let live = authority.live(project).await;
            let live = live.map_err(Failure::undetermined)?;
            match same(&name, &live.policy, wanted, config) {
                Ok(()) if live.was_set => Ok(()),
                _ => Err(changed(&name)),
            }
        }
    }
}

/// What was written is compared with what was sent: an answer of 200 alone is no proof.
fn same(name: &str, written: &Policy, sent: &Policy, config: &Config) -> Result<(), Failure> {
    let differences = differences(written, sent, &config.projects);
    match differences.first() {
        None => Ok(()),
        Some(first) => Err(Failure::not_so(format_args!(
            "{name} was written otherwise than it was sent: {}: {}",
            first.place, first.message
        ))
        .remedy("compare it with postern policy diff")),
    }
}

#[cfg(test)]
mod tests;
