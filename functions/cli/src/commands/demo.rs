//! `postern demo`: the whole story on loopback, narrated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use postern_host::config::{BodyFormat, Config, Credential, Output, OutputKind, Registry};
use postern_host::environment::Process;
use postern_host::server::Server;
use postern_host::telemetry::{self, Format};

use crate::demo::people::{CI, SignIn};
use crate::demo::platform;
use crate::demo::receiver::receiver;
use crate::demo::registry::{REPOSITORY, StandInRegistry};
use crate::demo::stage::Stage;
use crate::functions::{Function, assemble};
use crate::outcome::{Exit, Failure, Outcome};
use crate::{embedded, output};

/// Tell the whole story on this machine: denied, attested, allowed, moved tag denied, break-glass,
/// case, alert, closed once the hotfix is attested, record.
///
/// Every step is done with real cryptography over real HTTP, and checked. The registry, the platform,
/// the receiver of alerts and where people sign in are small stand-ins in this process; no account,
/// cloud or network is needed.
/// Exits with 0 only if each step did what it should.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep everything in this directory. Default: a temporary one, removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const LOOPBACK: &str = "127.0.0.1:0";

pub(crate) async fn run(args: Args) -> Outcome {
    // The story is told by its narrator; logs are for those who ask for them.
    let filter = std::env::var("POSTERN_LOG").unwrap_or_else(|_| "error".to_owned());
    telemetry::init(Format::detect(&Process), &filter);
    match args.data {
        Some(directory) => play(&directory).await?,
        None => {
            let directory = tempfile::tempdir().map_err(Failure::undetermined)?;
            play(directory.path()).await?;
        }
    }
    output::print("\nEvery step did what it should.")?;
    Ok(Exit::Done)
}

async fn play(directory: &Path) -> Result<(), Failure> {
    let registry = StandInRegistry::default();
    let registry_server = listen().await?;
    let (receiver_router, alerts) = receiver();
    let receiver_server = listen().await?;
    let registry_host = registry_server.address().to_string();
    let sign_in_server = listen().await?;
    let sign_in = SignIn::new(sign_in_server.url())?;
    let sign_in_router = sign_in.router();
    let mut config = configuration(directory, &registry_host, &receiver_server.url())?;
    config.auth = sign_in.access();
    let image = format!("{registry_host}/{REPOSITORY}");
    let platform_server = listen().await?;
    config.endpoints.run = Some(platform_server.url());
    let platform_router = platform::router(&image);
    let functions = assemble(&config, &Process, &Function::ALL).await?;
    let server = listen().await?;
    output::print(format_args!(
        "Postern is at {}, a stand-in registry at {registry_host}.",
        server.url()
    ))?;
    output::print(format_args!("The data is in {}.", directory.display()))?;
    let mut stage = Stage {
        postern: server.url(),
        image,
        registry: registry.clone(),
        sign_in,
        alerts,
        store: functions.adapters.store.clone(),
        client: client()?,
    };
    tokio::select! {
        told = stage.tell() => told,
        () = serve(registry_server, registry.router()) => Err(ended()),
        () = serve(receiver_server, receiver_router) => Err(ended()),
        () = serve(sign_in_server, sign_in_router) => Err(ended()),
        () = serve(platform_server, platform_router) => Err(ended()),
        () = serve(server, functions.router.clone()) => Err(ended()),
        () = functions.work() => Err(ended()),
    }
}

async fn listen() -> Result<Server, Failure> {
    Server::bind(LOOPBACK).await.map_err(Failure::undetermined)
}

async fn serve(server: Server, router: Router) {
    server.serve(router, std::future::pending()).await;
}

fn ended() -> Failure {
    Failure::undetermined("a server of the demo ended early")
}

fn client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build();
    client.map_err(Failure::undetermined)
}

/// What an operator would write, on this machine's loopback.
fn configuration(directory: &Path, registry: &str, receiver: &str) -> Result<Config, Failure> {
    let mut config = Config {
        registries: vec![Registry {
            host: registry.to_owned(),
            plain_http: true,
            allow_private: true,
            realms: Vec::new(),
            credential: Credential::Anonymous,
        }],
        ..Config::default()
    };
    config.break_glass.ticket = Some("INC-[0-9]+".to_owned());
    std::fs::create_dir_all(directory).map_err(Failure::undetermined)?;
    let policy = format!(
        "name: projects/demo-project/policy\n\
         globalPolicyEvaluationMode: ENABLE\n\
         defaultAdmissionRule:\n  \
           evaluationMode: REQUIRE_ATTESTATION\n  \
           enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG\n  \
           requireAttestationsBy: [{}]\n",
        embedded::ATTESTOR
    );
    std::fs::write(directory.join("policy.yaml"), policy).map_err(Failure::undetermined)?;
    let mut config = embedded::complete(config, directory)?;
    for signer in &mut config.attestor.signers {
        signer.callers = vec![CI.to_owned()];
    }
    config.outputs.push(Output {
        name: "webhook".to_owned(),
        kind: OutputKind::Webhook {
            url: format!("{receiver}/alerts"),
            secret: None,
            allow_private: true,
            body: BodyFormat::default(),
        },
        group: None,
    });
    Ok(config)
}
