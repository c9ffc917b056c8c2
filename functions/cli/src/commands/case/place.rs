//! Where cases are: on a server, or in a data directory.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use postern_auditor::case::{Actor, DrillRequest, Stats, Step};
use postern_auditor::detection::Catalogue;
use postern_auditor::{Auditor, Believed, NotTaken};
use postern_core::case::{Case, Drill};
use postern_core::ports::{CaseFilter, Unavailable};

use super::client::Client;
use crate::configuration;
use crate::data::{self, local_actor};
use crate::functions::case_rules;
use crate::outcome::Failure;

#[derive(clap::Args, Clone)]
pub(super) struct PlaceArgs {
    /// The server that has the cases, such as `https://postern.example`.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with the OIDC token that says who you are.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
    /// The data directory that has the cases, where there is no server.
    #[arg(
        long,
        value_name = "DIR",
        env = "POSTERN_DATA",
        default_value = "postern-data"
    )]
    data: PathBuf,
    /// The configuration whose rules hold for a data directory.
    #[arg(
        long,
        value_name = "FILE",
        env = "POSTERN_CONFIG",
        conflicts_with = "server"
    )]
    config: Option<PathBuf>,
}

/// Where cases are.
pub(super) enum Place {
    Server(Client),
    Data(Box<Auditor>),
}

impl Place {
    pub(super) async fn open(args: &PlaceArgs) -> Result<Self, Failure> {
        match &args.server {
            Some(server) => Ok(Self::Server(Client::new(
                server,
                args.token_file.as_deref(),
            )?)),
            None => local(args)
                .await
                .map(|auditor| Self::Data(Box::new(auditor))),
        }
    }

    pub(super) async fn list(&self, filter: &CaseFilter) -> Result<Vec<Case>, Failure> {
        match self {
            Self::Server(client) => client.list(filter).await,
            Self::Data(auditor) => auditor.cases(filter).await.map_err(outage),
        }
    }

    pub(super) async fn case(&self, id: &str) -> Result<Case, Failure> {
        match self {
            Self::Server(client) => client.case(id).await,
            Self::Data(auditor) => {
                let case = auditor.case(id).await.map_err(outage)?;
                case.ok_or_else(|| not_taken(NotTaken::NoSuchCase))
            }
        }
    }

    pub(super) async fn walk(&self, id: &str, revision: u64, step: &Step) -> Result<Case, Failure> {
        match self {
            Self::Server(client) => client.walk(id, revision, step).await,
            Self::Data(auditor) => {
                let actor = Actor::local(local_actor());
                auditor
                    .walk(id, revision, step, &actor)
                    .await
                    .map_err(not_taken)
            }
        }
    }

    pub(super) async fn stats(&self, since: Option<Timestamp>) -> Result<Stats, Failure> {
        match self {
            Self::Server(client) => client.stats(since).await,
            Self::Data(auditor) => auditor.stats(since).await.map_err(outage),
        }
    }

    pub(super) async fn declare_drill(&self, request: &DrillRequest) -> Result<Drill, Failure> {
        match self {
            Self::Server(client) => client.declare_drill(request).await,
            Self::Data(auditor) => {
                let actor = Actor::local(local_actor());
                auditor
                    .declare_drill(request, &actor)
                    .await
                    .map_err(not_taken)
            }
        }
    }
}

async fn local(args: &PlaceArgs) -> Result<Auditor, Failure> {
    let (config, _) = configuration::load(args.config.as_deref()).await?;
    let rules = case_rules(&config)?;
    let store = data::existing_store(&args.data).await?;
    let catalogue = Catalogue::embedded().map_err(Failure::undetermined)?;
    let auditor = Auditor::new(Arc::new(store), catalogue, Believed::default());
    Ok(auditor.with_rules(rules))
}

fn outage(error: Unavailable) -> Failure {
    Failure::undetermined(error)
}

fn not_taken(reason: NotTaken) -> Failure {
    match reason {
        NotTaken::Refused(refusal) => {
            let message = format!("{}: {refusal}", refusal.code());
            Failure::not_so(message).remedy(refusal.remedy())
        }
        NotTaken::Unavailable(error) => outage(error),
        NotTaken::NoSuchCase => Failure::not_so(reason).remedy("postern case list"),
        _ => Failure::not_so(format_args!("REVISION_OUTDATED: {reason}"))
            .remedy("look at the case again, and decide again"),
    }
}
