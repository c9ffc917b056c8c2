//! `postern policy diff`.

use std::path::{Path, PathBuf};

use postern_core::ports::LivePolicy;
use postern_host::config::Config;

use super::compared::Compared;
use super::{Format, Policy, read_policy};
use crate::configuration::{Environment, load_named};
use crate::outcome::{Exit, Failure, Outcome};

/// Say what would change if a policy took the place of the one that holds.
///
/// Every rule is compared by what it does: the default one, those of clusters, namespaces, service accounts
/// and Istio identities, the exemptions and the system policy. What lets more through is marked WEAKER: fewer
/// attestors, ALWAYS_ALLOW, dry run, more exemptions.
///
/// Exits 0 if both say the same, 1 if they do not, 3 if the one that holds cannot be read.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The policy: YAML or JSON, as `gcloud container binauthz policy export` writes it.
    file: PathBuf,
    /// What it is held against: projects/ID/policy, as it stands at Binary Authorization, or a file.
    /// Default: the policy that the file names as its own.
    #[arg(long, value_name = "POLICY")]
    against: Option<String>,
    /// A configuration; of it, `projects` and `endpoints` are used.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// How to print what would change.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let wanted = read_policy(&args.file)?;
    let against = against(args, &wanted)?;
    let (config, environment) = load_named(args.config.as_deref()).await?;
    let live = holding(&against, &config, &environment).await?;
    let compared = Compared::new(
        (args.file.display().to_string(), &wanted),
        (against, &live),
        &config.projects,
    );
    compared.print(args.format)?;
    Ok(match compared.same {
        true => Exit::Done,
        false => Exit::No,
    })
}

fn against(args: &Args, wanted: &Policy) -> Result<String, Failure> {
    let named = || wanted.project().and(wanted.name.clone());
    args.against.clone().or_else(named).ok_or_else(|| {
        let message = format!(
            "{} does not name the policy that it is",
            args.file.display()
        );
        Failure::mistake(message)
            .remedy("say with --against projects/ID/policy what it is held against")
    })
}

async fn holding(
    against: &str,
    config: &Config,
    environment: &Environment,
) -> Result<LivePolicy, Failure> {
    if !postern_wiring::is_resource(against) {
        return Ok(LivePolicy {
            policy: read_policy(Path::new(against))?,
            was_set: true,
        });
    }
    let project = postern_wiring::project_of_policy(against)?;
    let authority = postern_wiring::policy_authority(config, environment)?;
    let live = authority.live(&project).await;
    live.map_err(Failure::undetermined)
}
