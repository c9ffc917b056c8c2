//! `postern inspect`: what runs at a target, whether it may, and how to go back.

mod gather;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use postern_core::ports::Runtime;
use postern_core::target::Target;
use postern_wiring::inspection::Inspection;

use super::case::client::Client;
use crate::configuration;
use crate::data::DataArgs;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Show what runs at a target, whether it may, and the command that goes back.
///
/// Revisions with their digests and traffic, the last decision, attestations, open cases, the last revision
/// that conforms and the command that makes it the one that runs. Each part that could not be read says so.
///
/// Exits with 0 if everything was read, and with 3 if a part was not.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// cloud-run:PROJECT/LOCATION/SERVICE, gke:…, lambda:REGION/FUNCTION or ecs:REGION/CLUSTER/SERVICE.
    #[arg(value_name = "TARGET")]
    target: Target,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// A configuration file; of it, `endpoints.run` is used, and nothing with --server.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    /// The server that knows, such as `https://postern.example`, instead of a data directory.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with the OIDC token that says who you are.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  postern inspect cloud-run:demo-mart/us-east1/web
  postern inspect cloud-run:demo-mart/us-east1/web --server https://postern.example --token-file token
  postern inspect lambda:eu-west-1/orders --data /var/lib/postern --format json | jq -r .rollback";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

pub(crate) async fn run(args: Args) -> Outcome {
    if matches!(args.target, Target::CloudRun { resource: None, .. }) {
        return Err(Failure::mistake("the target names no service")
            .remedy("write cloud-run:PROJECT/LOCATION/SERVICE"));
    }
    let inspection = match &args.server {
        Some(server) => {
            let client = Client::new(server, args.token_file.as_deref())?;
            client.inspect(&args.target).await?
        }
        None => {
            let runtime = runtime(&args.target, args.config.as_deref()).await?;
            gather::inspect(&args.target, &args.data.data, runtime.as_deref()).await
        }
    };
    match args.format {
        Format::Text => output::print(show::text(&inspection))?,
        Format::Json => output::print_json(&inspection)?,
    }
    Ok(exit(&inspection))
}

/// Who reads what runs there: Cloud Run itself, in a build with a client for it and for its targets.
async fn runtime(
    target: &Target,
    config: Option<&Path>,
) -> Result<Option<Arc<dyn Runtime>>, Failure> {
    if !matches!(target, Target::CloudRun { .. }) {
        return Ok(None);
    }
    let (config, _) = configuration::load(config).await?;
    Ok(postern_wiring::runtime(&config)?)
}

fn exit(inspection: &Inspection) -> Exit {
    if inspection.is_whole() {
        Exit::Done
    } else {
        Exit::Undetermined
    }
}
