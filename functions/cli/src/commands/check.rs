//! `postern check`: one decision, here and now.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use postern_core::decision::{BreakGlassSource, Caller, Decision};
use postern_core::ports::AttestationSource;
use postern_core::reason::Verdict;
use postern_core::request::{BreakGlassRequest, DeployRequest, RequestedImage};
use postern_core::target::Target;
use postern_gate::{Asked, Gate, GateOptions, GateParts};
use postern_host::auth::Identity;
use postern_host::config::{Config, Right};
use postern_registry::Registry;
use tokio::time::Instant;

use crate::configuration::Environment;
use crate::data::{self, Data};
use crate::layouts::Resolver;
use crate::outcome::{Exit, Failure, Outcome};
use crate::{output, registries, render};

/// Decide whether images may be deployed, as the gate would.
///
/// Prints one decision and exits with 0 if every image may be deployed, 1 if one may not, 3 if
/// something that was needed could not be reached.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Images: HOST/PATH@sha256:…, HOST/PATH:TAG, or `oci:DIR[@sha256:…]`.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// The policy: a file, as `gcloud container binauthz policy export` writes it, or
    /// projects/ID/policy, as it stands at Binary Authorization.
    #[arg(long, value_name = "POLICY")]
    policy: String,
    /// A file in place of the built-in system policy, which counts on GKE where the policy says
    /// `globalPolicyEvaluationMode: ENABLE`.
    #[arg(long, value_name = "FILE")]
    system_policy: Option<String>,
    /// Attestors, one or more in a file, as `gcloud container binauthz attestors describe` writes
    /// them, or projects/ID: whichever the policy names are then read at Binary Authorization. May be
    /// given several times. With --policy projects/ID/policy they are read there anyway.
    #[arg(long, value_name = "ATTESTORS")]
    attestors: Vec<String>,
    /// Where attestations are looked for: a file of occurrences, store:DIR, `registry` (next to
    /// the image), or containeranalysis:projects/ID. May be given several times. Default: the data directory.
    #[arg(long, value_name = "SOURCE")]
    attestations: Vec<String>,
    /// Where the images are to run: cloud-run:PROJECT/LOCATION/SERVICE, cloud-run-job:…,
    /// cloud-run-worker-pool:…, `gke:LOCATION.CLUSTER/NAMESPACE[:SERVICEACCOUNT][@PROJECT]`,
    /// lambda:REGION/FUNCTION, ecs:REGION/CLUSTER/SERVICE.
    #[arg(long, default_value = "cloud-run")]
    target: Target,
    /// Open the emergency door, and say why. Recorded in the data directory.
    #[arg(long, value_name = "TEXT")]
    break_glass: Option<String>,
    /// Keep asking for so long while evidence may still arrive, such as 5m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait: Option<Duration>,
    /// Decide as of this time instead of now (RFC 3339). Recorded nowhere.
    #[arg(long, value_name = "TIME", conflicts_with = "break_glass")]
    at: Option<Timestamp>,
    /// How to print the decision.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    registries: registries::RegistryArgs,
    #[command(flatten)]
    data: data::DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  gcloud container binauthz policy export > policy.yaml
  gcloud container binauthz attestors describe built-by-ci --format=json > attestors.json
  gcloud container binauthz attestations list --format=json > occurrences.json
  postern check us-docker.pkg.dev/p/repo/app@sha256:… --policy policy.yaml \\
      --attestors attestors.json --attestations occurrences.json
  postern check us-docker.pkg.dev/p/repo/app@sha256:… --policy projects/p/policy \\
      --attestations containeranalysis:projects/p";

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// The decision as one JSON document.
    Json,
}

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pause between two attempts of `--wait`.
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: Args) -> Outcome {
    let (gate, request) = prepare(&args).await?;
    let identity = local_identity();
    let patience = Instant::now() + args.wait.unwrap_or_default();
    let mut decision = loop {
        let asked = Asked::now(args.at.unwrap_or_else(data::now), Instant::now() + ATTEMPT);
        // What would have been decided at another time is no decision of now.
        let asked = if args.at.is_some() {
            asked.on_trial()
        } else {
            asked
        };
        let decision = gate.decide(&request, &identity, asked).await;
        let decision = decision.map_err(Failure::undetermined)?;
        if !decision.retryable || Instant::now() + PAUSE > patience {
            break decision;
        }
        output::note(format_args!("not yet ({}); asking again", decision.verdict));
        tokio::time::sleep(PAUSE).await;
    };
    for (image, written) in decision.images.iter_mut().zip(&args.images) {
        image.image.clone_from(written);
    }
    match args.format {
        Format::Text => output::print(render::decision(&decision))?,
        Format::Json => output::print_json(&decision)?,
    }
    Ok(exit(&decision))
}

/// Whoever runs the command: a name for the record, and every right.
pub(super) fn local_identity() -> Identity {
    let caller = Caller {
        issuer: "local".to_owned(),
        subject: data::local_actor(),
        email: None,
    };
    Identity::with_rights(caller, &Right::ALL)
}

fn exit(decision: &Decision) -> Exit {
    match (decision.allowed, decision.verdict) {
        (true, _) => Exit::Done,
        (false, Verdict::NonConformant) => Exit::No,
        (false, _) => Exit::Undetermined,
    }
}

pub(super) async fn prepare(args: &Args) -> Result<(Gate, DeployRequest), Failure> {
    let (config, environment) = args.registries.config().await?;
    let data = Data::open(&args.data, args.break_glass.is_some()).await?;
    let registry = registries::client(&config, &args.images, &environment).await?;
    let beside_the_image = config.gate.index_covers_manifests
        || args.attestations.iter().any(|source| source == "registry");
    let mut resolver = Resolver::new(Arc::clone(&registry), beside_the_image);
    let request = request(args, &mut resolver)?;
    let parts = GateParts {
        trust: postern_wiring::trust(
            Some(&args.policy),
            &args.attestors,
            &config,
            &environment,
            None,
        )?,
        resolver: Arc::new(resolver),
        sources: sources(args, &data, &registry, &config, &environment).await?,
        revocations: data.clone(),
        journal: data.clone(),
        uses: data.clone(),
        spool: data.clone(),
        observer: data,
    };
    let system_policy = args
        .system_policy
        .as_deref()
        .or(config.system_policy.as_deref());
    let system_policy = postern_wiring::system_policy(system_policy)?;
    let mut options = GateOptions::from_config(&config, system_policy).map_err(Failure::mistake)?;
    // The resolver itself knows which digests are worth asking for.
    options.resolve_digests = true;
    Ok((Gate::new(parts, options), request))
}

fn request(args: &Args, resolver: &mut Resolver) -> Result<DeployRequest, Failure> {
    let images = args.images.iter().map(|image| {
        Ok(RequestedImage {
            image: resolver.reference(image)?,
            container: String::new(),
            target: args.target.clone(),
        })
    });
    Ok(DeployRequest {
        images: images.collect::<Result<_, Failure>>()?,
        target: args.target.clone(),
        break_glass: args.break_glass.as_ref().map(|text| BreakGlassRequest {
            justification: Some(text.clone()),
            source: BreakGlassSource::Request,
        }),
        ..DeployRequest::default()
    })
}

async fn sources(
    args: &Args,
    data: &Data,
    registry: &Arc<Registry>,
    config: &Config,
    environment: &Environment,
) -> Result<Vec<Arc<dyn AttestationSource>>, Failure> {
    if args.attestations.is_empty() {
        let store = data.store().cloned();
        return Ok(store
            .map(|store| Arc::new(store) as _)
            .into_iter()
            .collect());
    }
    let mut sources = Vec::new();
    for word in &args.attestations {
        let store = data.store();
        sources.push(postern_wiring::source(word, store, registry, config, environment).await?);
    }
    Ok(sources)
}

/// What a decision of this machine is made by.
pub(super) struct Grounds<'a> {
    pub(super) policy: &'a str,
    pub(super) attestors: &'a [String],
    pub(super) attestations: &'a [String],
    pub(super) registries: &'a registries::RegistryArgs,
    pub(super) data: &'a data::DataArgs,
}

impl Args {
    /// As if these images were checked for a target, on these grounds.
    pub(super) fn on(
        grounds: &Grounds<'_>,
        images: Vec<String>,
        target: Target,
        break_glass: Option<String>,
    ) -> Self {
        Self {
            images,
            policy: grounds.policy.to_owned(),
            system_policy: None,
            attestors: grounds.attestors.to_vec(),
            attestations: grounds.attestations.to_vec(),
            target,
            break_glass,
            wait: None,
            at: None,
            format: Format::Json,
            registries: grounds.registries.clone(),
            data: grounds.data.clone(),
        }
    }
}
