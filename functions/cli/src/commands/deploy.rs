//! `postern deploy`: check, pin, deploy beside what serves, check what came out, shift traffic.

mod decide;
mod judged;
mod place;
mod report;
#[cfg(test)]
mod tests;
mod walk;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use postern_core::target::Target;
use postern_registry::Layout;

use self::place::Place;
use self::walk::{Walk, Wanted};
use super::check::Grounds;
use crate::data::DataArgs;
use crate::outcome::{Failure, Outcome};
use crate::{output, registries};

/// Deploy an image to Cloud Run, if it may be.
///
/// Decides about everything that will run, as `check` does or by a gate elsewhere; pins it to the digests
/// that were judged; makes a new revision that gets no traffic; looks at what came out; and only then
/// shifts the traffic. A revision that runs anything else is deleted. A job is updated, and not run.
///
/// Exits with 0 if it is deployed, 1 if it may not be or did not come out as judged, 3 if something that was
/// needed could not be reached. A deployment that ends half-way says what is there.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// HOST/PATH@sha256:… or HOST/PATH:TAG.
    #[arg(value_name = "IMAGE")]
    image: String,
    /// cloud-run:PROJECT/LOCATION/SERVICE, cloud-run-job:… or cloud-run-worker-pool:…. What is not there
    /// yet is made; a first revision gets all traffic.
    #[arg(long)]
    target: Target,
    /// The container that is to run the image. Default: the only one, or the one that takes requests.
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// The policy, as for `check`.
    #[arg(long, value_name = "POLICY", required_unless_present = "gate")]
    policy: Option<String>,
    /// Attestors, as for `check`. May be given several times.
    #[arg(long, value_name = "ATTESTORS")]
    attestors: Vec<String>,
    /// Where attestations are looked for, as for `check`. May be given several times.
    #[arg(long, value_name = "SOURCE")]
    attestations: Vec<String>,
    /// A gate that decides instead, such as `https://gate.example`. Its journal then has the decision, which
    /// is what the auditor looks for.
    #[arg(long, value_name = "URL", conflicts_with_all = ["policy", "attestors", "attestations"])]
    gate: Option<String>,
    /// A file with the OIDC token that says who you are.
    #[arg(long, value_name = "FILE", requires = "gate")]
    token_file: Option<PathBuf>,
    /// Open the emergency door, and say why.
    #[arg(long, value_name = "TEXT")]
    break_glass: Option<String>,
    /// Leave the traffic where it is.
    #[arg(long)]
    no_traffic: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How long all of it may take, such as 90s.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    registries: registries::RegistryArgs,
    #[command(flatten)]
    data: DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  postern deploy us-docker.pkg.dev/p/repo/app:v7 --target cloud-run:p/us-central1/web \\
      --policy policy.yaml --attestors attestors.json --attestations registry
  postern deploy us-docker.pkg.dev/p/repo/app@sha256:… --target cloud-run:p/us-central1/web \\
      --gate https://gate.example --token-file token --no-traffic";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(crate) async fn run(args: Args) -> Outcome {
    if Layout::is_meant(&args.image) {
        return Err(Failure::mistake("a layout on this disk cannot be deployed")
            .remedy("push it, and name it as HOST/PATH@sha256:…"));
    }
    let (config, environment) = args.registries.config().await?;
    let platform = postern_wiring::rollouts(&config)?;
    let grounds = args.policy.as_deref().map(|policy| Grounds {
        policy,
        attestors: &args.attestors,
        attestations: &args.attestations,
        registries: &args.registries,
        data: &args.data,
    });
    let token = args.token_file.as_deref();
    let gate = decide::gate(args.gate.as_deref(), token, grounds, &environment)?;
    let wanted = Wanted {
        image: args.image,
        target: args.target,
        container: args.container,
        break_glass: args.break_glass,
        traffic: !args.no_traffic,
    };
    let place = Place::default();
    let walk = Walk {
        platform: &*platform,
        gate: &*gate,
        wanted: &wanted,
        place: &place,
        tell: &tell,
    };
    let report = tokio::select! {
        done = tokio::time::timeout(args.timeout, walk.go()) => {
            done.unwrap_or_else(|_| Err(place.stopped("it took longer than --timeout")))
        }
        _ = tokio::signal::ctrl_c() => Err(place.stopped("interrupted")),
    }?;
    match args.format {
        Format::Text => output::print(report.text())?,
        Format::Json => output::print_json(&report)?,
    }
    Ok(report.exit())
}

/// Progress is for whoever looks on.
fn tell(line: &str) {
    if std::io::stderr().is_terminal() {
        output::note(line);
    }
}
