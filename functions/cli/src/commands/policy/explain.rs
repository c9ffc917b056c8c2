//! `postern policy explain`.

use std::path::PathBuf;

use postern_core::image::ImageReference;
use postern_core::policy::table::as_evaluated;
use postern_core::policy::{Explanation, explain, system_policy};
use postern_core::target::Target;
use serde::Serialize;

use super::{Format, read_policy};
use crate::outcome::{Exit, Outcome};
use crate::output::{print, print_json};

/// Show which rule of a policy holds for an image at a place, and every step on the way to it.
///
/// Nothing is fetched and no attestation is looked at. Everywhere but on GKE a tag is resolved to
/// a digest before the policy is asked; here a digest of zeros stands for it.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The image, such as us-docker.pkg.dev/demo-project/repo/app:v1.
    image: ImageReference,
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Where it is to run: cloud-run:PROJECT/LOCATION/SERVICE,
    /// `gke:LOCATION.CLUSTER/NAMESPACE[:SERVICEACCOUNT][@PROJECT]`, lambda:REGION/FUNCTION, …
    #[arg(long, default_value = "cloud-run")]
    target: Target,
    /// Use this policy's patterns as the system policy instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    system_policy: Option<PathBuf>,
    /// How to print the steps.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The explanation, with what it explains.
#[derive(Serialize)]
struct Explained {
    image: String,
    target: Target,
    #[serde(flatten)]
    explanation: Explanation,
}

pub(super) fn run(args: &Args) -> Outcome {
    let policy = read_policy(&args.policy)?;
    let system = args.system_policy.as_deref().map(read_policy).transpose()?;
    let system = system.as_ref().unwrap_or(system_policy());
    let image = as_evaluated(&args.image, &args.target);
    let explanation = explain(&policy, Some(system), &args.target, &image);
    match args.format {
        Format::Json => print_json(&Explained {
            image: image.to_string(),
            target: args.target.clone(),
            explanation,
        })?,
        Format::Text => print(format_args!("{image} on {}\n{explanation}", args.target))?,
    }
    Ok(Exit::Done)
}
