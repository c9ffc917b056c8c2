//! The auditor as a process of its own: a Cloud Run service, or an AWS Lambda.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use postern_auditor::case::Rules;
use postern_auditor::detection::Catalogue;
use postern_auditor::ledger::{Anchors, Ledger};
use postern_auditor::sns::SnsDoor;
use postern_auditor::sources::{Fetched, Sources};
use postern_auditor::{Auditor, Believed, Watch, http, queue};
use postern_core::ports::{LedgerStore, Unavailable};
use postern_host::auth::Identity;
use postern_host::config::{Config, Right};
use postern_host::environment::{Environment, Platform, Process};
use postern_host::problem::Problem;
use postern_host::queue::consume;
use postern_host::telemetry::Readiness;
use postern_wiring::{Adapters, Doors, Found, Looked, Lookout, Part, StartError, outage};
use serde::Serialize;

/// How often spool and journal are looked at, besides `POST /v1/tick`.
const TICK: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the auditor cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let adapters = Adapters::of(&config, &environment).await?;
    let store = Arc::new(adapters.store.clone());
    let catalogue = Catalogue::configured(&config.audit);
    let catalogue = catalogue.map_err(|error| StartError::Function(error.to_string()))?;
    let believed = Believed::from(&config.audit);
    let owners = config.owners.as_deref().map(postern_wiring::owners_file);
    let rules = Rules::of_config(&config, owners.transpose()?.as_deref());
    let rules = rules.map_err(|error| StartError::Function(error.to_string()))?;
    let auditor = Auditor::new(store.clone(), catalogue, believed)
        .watching(Watch::from(&config))
        .with_rules(rules);
    let auditor = auditor.signing(ledger(&config, &environment, store.clone()).await?);
    let auditor = match postern_wiring::appraiser(&config, &environment)? {
        Some(gate) => auditor.with_appraiser(gate),
        None => auditor,
    };
    let auditor = Arc::new(match postern_wiring::runtime(&config)? {
        Some(runtime) => auditor.with_runtime(runtime),
        None => auditor,
    });
    let due = Due {
        lookout: Arc::new(lookout(&adapters, Arc::clone(&auditor))),
        sources: Arc::new(sources(&config, &adapters, &auditor)?),
    };
    let tick = Router::new().route("/v1/tick", post(tick));
    let events = Part {
        name: "auditor",
        routes: http::events_router(Arc::clone(&auditor)).merge(tick.with_state(due.clone())),
        access: config.auth.auditor.as_ref(),
        around: std::convert::identity,
    };
    let taken = Arc::clone(&auditor);
    let doors = Doors {
        signed: sns(&config, &auditor)?,
        queue: Some(consume(move |body| {
            let auditor = Arc::clone(&taken);
            async move { queue::take(&auditor, &body).await }
        })),
        beside: None,
    };
    let cases = Part {
        name: "cases",
        routes: http::cases_router(auditor)
            .merge(postern_wiring::inspect_router(&config, &adapters)?)
            .merge(http::ledger_router(store.clone())),
        access: config.auth.cases.as_ref(),
        around: std::convert::identity,
    };
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    let serve = async {
        let parts = vec![events, cases];
        let run = postern_wiring::run(parts, doors, readiness, &config, &environment);
        // A Lambda has no processor between requests: what is pulled there would be left lying until
        // its deadline. On Cloud Run that depends on how its processor is billed; what is left lying
        // comes again. In both, somebody calls `POST /v1/tick`.
        if Platform::detect(&Process) == Platform::Lambda {
            return run.await;
        }
        due.sources.run_beside(run).await
    };
    tokio::select! {
        ended = serve => ended,
        never = due.lookout.run(TICK) => match never {},
    }
}

/// What time alone makes due.
#[derive(Clone)]
struct Due {
    lookout: Arc<Lookout>,
    sources: Arc<Sources>,
}

/// What a tick did.
#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    looked: Looked,
    #[serde(flatten)]
    fetched: Fetched,
}

/// `POST /v1/tick`: looks and fetches once. One outage is no reason to leave the other.
async fn tick(State(due): State<Due>, identity: Identity) -> Result<Json<Done>, Problem> {
    identity.require(Right::Ingest)?;
    let looked = due.lookout.look().await;
    let fetched = due.sources.tick(Timestamp::now()).await;
    let done = |looked, fetched| Done { looked, fetched };
    let both = looked.and_then(|looked| Ok::<_, Unavailable>(done(looked, fetched?)));
    both.map(Json).map_err(outage)
}

/// The door of Amazon SNS, where there are topics that may come in by it.
fn sns(config: &Config, auditor: &Arc<Auditor>) -> Result<Router, StartError> {
    let topics = &config.audit.sns.topics;
    if topics.is_empty() {
        return Ok(Router::new());
    }
    let door = SnsDoor::new(topics, postern_wiring::fetcher()?);
    let door = door.map_err(|error| StartError::Function(error.to_string()))?;
    Ok(http::sns_router(Arc::clone(auditor), door))
}

fn sources(
    config: &Config,
    adapters: &Adapters,
    auditor: &Arc<Auditor>,
) -> Result<Sources, StartError> {
    Ok(Sources::new(
        auditor,
        postern_wiring::subscriptions(config, &Process)?,
        postern_wiring::log_reader(&config.audit.reconcile.resources, config)?,
        Arc::new(adapters.store.clone()),
        &config.audit,
    ))
}

/// Who signs the record, where the configuration names a key.
async fn ledger(
    config: &Config,
    environment: &dyn Environment,
    store: Arc<dyn LedgerStore>,
) -> Result<Option<Ledger>, StartError> {
    let Some(key) = &config.ledger.key else {
        return Ok(None);
    };
    let signer = postern_wiring::note_signer(key, config, environment).await?;
    let ledger = Ledger::new(store, &config.ledger.origin, signer);
    let ledger = ledger.map_err(|error| StartError::Function(error.to_string()))?;
    let anchors = postern_wiring::anchors(config, environment).await?;
    let previous = postern_wiring::previous_keys(&config.ledger, environment)?;
    let ledger = ledger.succeeding(previous);
    Ok(Some(ledger.anchored(Anchors::new(anchors))))
}

fn lookout(adapters: &Adapters, auditor: Arc<Auditor>) -> Lookout {
    let due = Arc::clone(&auditor);
    let overdue = move || {
        let auditor = Arc::clone(&due);
        async move { Ok(auditor.tick(Timestamp::now()).await?.cases()) }
    };
    Lookout::new(adapters, move |found| {
        let auditor = Arc::clone(&auditor);
        async move {
            match found {
                Found::Spooled(entry) => auditor.take_in(&entry).await?,
                Found::Journalled(entry) => auditor.record(&entry).await?,
            };
            Ok(())
        }
    })
    .with_overdue(overdue)
}
