//! Every function in one process: what `serve` runs, and what `demo` shows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use clap::ValueEnum;
use jiff::Timestamp;
use postern_attestor::{Attestor, AttestorParts, rules};
use postern_auditor::case::Rules;
use postern_auditor::detection::Catalogue;
use postern_auditor::ledger::{Anchors, Ledger};
use postern_auditor::sns::SnsDoor;
use postern_auditor::sources::{Fetched, Sources};
use postern_auditor::{Auditor, Believed, Watch};
use postern_core::decision::Decision;
use postern_core::ports::LedgerStore;
use postern_forward::{Forward, ForwardOptions, ForwardParts};
use postern_gate::{DecisionObserver, Forwarded, Gate, GateOptions, GateParts};
use postern_host::auth::{Authenticator, Identity, authenticated};
use postern_host::config::{Access, Config, Right};
use postern_host::environment::Environment;
use postern_host::problem::Problem;
use postern_host::server::VirtualHost;
use postern_host::telemetry::{self, Readiness};
use postern_notifier::{Notifier, Tally};
use postern_trust::{Trust, TrustParts};
use postern_wiring::{Adapters, Found, Looked, Lookout, outage};
use serde::Serialize;

use crate::outcome::Failure;
use crate::signers::signer_for;

/// A function that can be started by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Function {
    /// Decides deployments.
    Gate,
    /// Stands in front of the Cloud Run API, where `forward.hosts` are configured.
    Forward,
    /// Signs attestations.
    Attestor,
    /// Keeps policies, attestors and attestations, behind Google's own APIs.
    Trust,
    /// Takes audit events in, and keeps cases.
    Auditor,
    /// Delivers alerts.
    Notifier,
}

impl Function {
    pub(crate) const ALL: [Self; 6] = [
        Self::Gate,
        Self::Forward,
        Self::Attestor,
        Self::Trust,
        Self::Auditor,
        Self::Notifier,
    ];
}

/// The functions of one process, assembled.
pub(crate) struct Functions {
    /// Every path of every function.
    pub(crate) router: Router,
    /// What the hosts of the Cloud Run API are answered by.
    pub(crate) beside: Option<VirtualHost>,
    pub(crate) adapters: Adapters,
    due: Due,
}

/// What time alone makes due.
#[derive(Clone)]
struct Due {
    lookout: Arc<Lookout>,
    /// Empty where this process is not to audit.
    sources: Arc<Sources>,
    /// Absent where this process is not to deliver.
    notifier: Option<Arc<Notifier>>,
}

/// How often what time alone makes due is looked at.
const TICK: Duration = Duration::from_secs(5);

impl Functions {
    /// Does what nobody calls for, for as long as the process lives: delivers alerts, and takes in
    /// what the emergency door left in the spool.
    pub(crate) async fn work(&self) {
        let deliver = async {
            if let Some(notifier) = &self.due.notifier {
                notifier.run(TICK, std::future::pending()).await;
            }
        };
        futures::join!(deliver, self.due.lookout.run(TICK));
    }

    /// Fetches entries that nobody delivers, for as long as some work takes.
    pub(crate) async fn fetch_beside(&self, work: impl Future<Output = ()>) {
        self.due.sources.run_beside(work).await;
    }
}

/// Assembles functions over the adapters that the configuration names.
pub(crate) async fn assemble(
    config: &Config,
    environment: &dyn Environment,
    only: &[Function],
) -> Result<Functions, Failure> {
    let adapters = Adapters::of(config, environment).await?;
    let notifier = match only.contains(&Function::Notifier) {
        true => {
            let outbox = Arc::new(adapters.store.clone());
            let buses = postern_wiring::buses(&config.outputs, config, environment).await?;
            let notifier = Notifier::of_config(outbox, config, environment, &buses);
            Some(Arc::new(notifier.map_err(Failure::mistake)?))
        }
        false => None,
    };
    let auditor = Arc::new(auditor(config, environment, &adapters, notifier.clone()).await?);
    let sources = match only.contains(&Function::Auditor) {
        true => sources(config, environment, &adapters, &auditor)?,
        false => Sources::default(),
    };
    let due = Due {
        lookout: Arc::new(lookout(&adapters, Arc::clone(&auditor))),
        sources: Arc::new(sources),
        notifier,
    };
    let findings = Arc::new(Findings(Arc::clone(&auditor)));
    let gate = Arc::new(gate(config, &adapters, findings)?);
    let mut router = Router::new();
    let mut beside = None;
    for function in only {
        let routes = match function {
            Function::Gate => guarded(
                postern_gate::router(Arc::clone(&gate)),
                config.auth.gate.as_ref(),
            )?,
            Function::Forward => {
                beside = forward(config, environment, Arc::clone(&gate))?;
                Router::new()
            }
            Function::Attestor => guarded(
                postern_attestor::router(Arc::new(attestor(config, &adapters, environment).await?)),
                config.auth.attestor.as_ref(),
            )?,
            Function::Trust => trust_routes(config, environment, &adapters)?,
            Function::Auditor => auditor_routes(config, &adapters, &auditor)?,
            // Its one path is that of all.
            Function::Notifier => Router::new(),
        };
        router = router.merge(routes);
    }
    let tick = Router::new().route("/v1/tick", post(tick));
    if let Some(access) = tick_access(config, only) {
        router = router.merge(guarded(tick.with_state(due.clone()), access)?);
    }
    let store = adapters.store.clone();
    let readiness = Readiness::when(move || {
        let store = store.clone();
        async move { store.health().await }
    });
    let viewers = Authenticator::new(config.auth.cases.as_ref()).map_err(Failure::mistake)?;
    let router = router.merge(telemetry::router(readiness, Arc::new(viewers)));
    Ok(Functions {
        router,
        beside,
        adapters,
        due,
    })
}

/// What each of these functions says of its callers.
pub(crate) fn accesses<'a>(
    config: &'a Config,
    only: &[Function],
) -> Vec<(&'static str, Option<&'a Access>)> {
    let by_certificate = config
        .gate
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    let mut accesses = Vec::new();
    for function in only {
        match function {
            // A client certificate is an authentication of its own.
            Function::Gate if by_certificate => {}
            Function::Gate => accesses.push(("gate", config.auth.gate.as_ref())),
            // Google says who may.
            Function::Forward => {}
            Function::Attestor => accesses.push(("attestor", config.auth.attestor.as_ref())),
            Function::Trust => accesses.push(("trust", config.auth.trust.as_ref())),
            Function::Auditor => {
                accesses.push(("auditor", config.auth.auditor.as_ref()));
                accesses.push(("cases", config.auth.cases.as_ref()));
            }
            Function::Notifier if only.contains(&Function::Auditor) => {}
            Function::Notifier => accesses.push(("auditor", config.auth.auditor.as_ref())),
        }
    }
    accesses
}

/// What a tick did, as the functions that are started by themselves answer it.
#[derive(Serialize)]
struct Done {
    #[serde(flatten)]
    looked: Looked,
    #[serde(flatten)]
    fetched: Fetched,
    #[serde(flatten)]
    delivered: Option<Tally>,
}

/// `POST /v1/tick`: what [`Functions::work`] and [`Functions::fetch_beside`] do all the time, once and now. The
/// cases that it makes are delivered by the same tick. One outage is no reason to leave the rest.
async fn tick(State(due): State<Due>, identity: Identity) -> Result<Json<Done>, Problem> {
    identity.require(Right::Ingest)?;
    let looked = due.lookout.look().await;
    let fetched = due.sources.tick(Timestamp::now()).await;
    let delivered = match &due.notifier {
        Some(notifier) => Some(notifier.tick(Timestamp::now()).await.map_err(outage)?),
        None => None,
    };
    Ok(Json(Done {
        looked: looked.map_err(outage)?,
        fetched: fetched.map_err(outage)?,
        delivered,
    }))
}

/// Who may call the tick: the auditor's callers, or those of what there is instead. Always one of
/// [`accesses`], so that it is never left open.
fn tick_access<'a>(config: &'a Config, only: &[Function]) -> Option<Option<&'a Access>> {
    let accesses = accesses(config, only);
    let auditor = accesses.iter().find(|(name, _)| *name == "auditor");
    auditor.or(accesses.first()).map(|(_, access)| *access)
}

fn guarded(routes: Router, access: Option<&Access>) -> Result<Router, Failure> {
    let authenticator = Authenticator::new(access).map_err(Failure::mistake)?;
    Ok(authenticated(routes, Arc::new(authenticator)))
}

fn gate(
    config: &Config,
    adapters: &Adapters,
    observer: Arc<dyn DecisionObserver>,
) -> Result<Gate, Failure> {
    let options = GateOptions::from_config(config, adapters.system_policy.clone());
    let store = Arc::new(adapters.store.clone());
    let parts = GateParts {
        trust: adapters.trust.clone(),
        resolver: adapters.registry.clone(),
        sources: adapters.sources.clone(),
        revocations: store.clone(),
        journal: store.clone(),
        uses: store,
        spool: adapters.spool.clone(),
        observer,
    };
    Ok(Gate::new(parts, options.map_err(Failure::mistake)?))
}

/// The forwarding gate, where there are hosts to stand in for. It asks the gate of this process unless the
/// configuration names another.
fn forward(
    config: &Config,
    environment: &dyn Environment,
    gate: Arc<Gate>,
) -> Result<Option<VirtualHost>, Failure> {
    let hosts = &config.forward.hosts;
    if hosts.is_empty() {
        return Ok(None);
    }
    let elsewhere = postern_wiring::deployment_gate(config, environment)?;
    let parts = ForwardParts {
        google: postern_wiring::forwarded(config)?,
        gate: elsewhere.unwrap_or_else(|| Arc::new(Forwarded(gate))),
    };
    let forward = Forward::new(parts, ForwardOptions::from(config));
    let routes = postern_forward::router(Arc::new(forward));
    Ok(Some(VirtualHost::new(hosts, routes)))
}

async fn attestor(
    config: &Config,
    adapters: &Adapters,
    environment: &dyn Environment,
) -> Result<Attestor, Failure> {
    let sink = async |word: &str| {
        postern_wiring::sink(word, Some(&adapters.store), &adapters.registry).await
    };
    let key = async |key: &str| signer_for(key, config, environment).await;
    let rules = rules(&config.attestor.signers, key, sink)
        .await
        .map_err(Failure::mistake)?;
    let store = Arc::new(adapters.store.clone());
    let parts = AttestorParts {
        trust: adapters.trust.clone(),
        sources: adapters.sources.clone(),
        revocations: store.clone(),
        journal: store,
        projects: config.projects.clone(),
    };
    Ok(Attestor::new(parts, rules))
}

async fn auditor(
    config: &Config,
    environment: &dyn Environment,
    adapters: &Adapters,
    notifier: Option<Arc<Notifier>>,
) -> Result<Auditor, Failure> {
    let catalogue = Catalogue::configured(&config.audit).map_err(Failure::mistake)?;
    let store = Arc::new(adapters.store.clone());
    // A gate of its own: nobody deploys through it, so nobody is told of what it thinks.
    let appraiser = gate(config, adapters, Arc::new(Nobody))?;
    let ledger = ledger(config, environment, store.clone()).await?;
    let auditor = Auditor::new(store, catalogue, Believed::from(&config.audit))
        .watching(Watch::from(config))
        .with_rules(case_rules(config)?)
        .with_appraiser(Arc::new(appraiser))
        .signing(ledger);
    let auditor = match postern_wiring::runtime(config)? {
        Some(runtime) => auditor.with_runtime(runtime),
        None => auditor,
    };
    Ok(match notifier {
        Some(notifier) => auditor.on_alert(move || notifier.wake()),
        None => auditor,
    })
}

/// Who signs the record, where the configuration names a key.
async fn ledger(
    config: &Config,
    environment: &dyn Environment,
    store: Arc<dyn LedgerStore>,
) -> Result<Option<Ledger>, Failure> {
    let Some(key) = &config.ledger.key else {
        return Ok(None);
    };
    let signer = postern_wiring::note_signer(key, config, environment).await?;
    let ledger = Ledger::new(store, &config.ledger.origin, signer);
    let anchors = postern_wiring::anchors(config, environment).await?;
    let ledger = ledger.map_err(Failure::mistake)?;
    let previous = postern_wiring::previous_keys(&config.ledger, environment)?;
    let ledger = ledger.succeeding(previous);
    Ok(Some(ledger.anchored(Anchors::new(anchors))))
}

/// The rules that cases are walked by, with the owners that the configuration names.
pub(crate) fn case_rules(config: &Config) -> Result<Rules, Failure> {
    let owners = config.owners.as_deref().map(postern_wiring::owners_file);
    Rules::of_config(config, owners.transpose()?.as_deref()).map_err(Failure::mistake)
}

fn sources(
    config: &Config,
    environment: &dyn Environment,
    adapters: &Adapters,
    auditor: &Arc<Auditor>,
) -> Result<Sources, Failure> {
    let resources = &config.audit.reconcile.resources;
    Ok(Sources::new(
        auditor,
        postern_wiring::subscriptions(config, environment)?,
        postern_wiring::log_reader(resources, config)?,
        Arc::new(adapters.store.clone()),
        &config.audit,
    ))
}

/// What stands in front answers as Google's APIs do, too.
fn trust_routes(
    config: &Config,
    environment: &dyn Environment,
    adapters: &Adapters,
) -> Result<Router, Failure> {
    let trust = Trust::new(TrustParts {
        store: Arc::new(adapters.store.clone()),
        revocations: Arc::new(adapters.store.clone()),
        vault: postern_wiring::key_vault(config, environment)?,
        owners: config.trust.owners.clone(),
        numbers: config.projects.clone(),
    });
    let routes = guarded(
        postern_trust::router(Arc::new(trust)),
        config.auth.trust.as_ref(),
    )?;
    Ok(postern_trust::as_google(routes))
}

fn auditor_routes(
    config: &Config,
    adapters: &Adapters,
    auditor: &Arc<Auditor>,
) -> Result<Router, Failure> {
    let events = postern_auditor::http::events_router(Arc::clone(auditor));
    let cases = postern_auditor::http::cases_router(Arc::clone(auditor));
    let store = Arc::new(adapters.store.clone());
    let cases = cases
        .merge(postern_wiring::inspect_router(config, adapters)?)
        .merge(postern_auditor::http::ledger_router(store));
    let events = guarded(events, config.auth.auditor.as_ref())?.merge(sns(config, auditor)?);
    Ok(events.merge(guarded(cases, config.auth.cases.as_ref())?))
}

/// The door of Amazon SNS, which is authenticated by what comes in through it.
fn sns(config: &Config, auditor: &Arc<Auditor>) -> Result<Router, Failure> {
    let topics = &config.audit.sns.topics;
    if topics.is_empty() {
        return Ok(Router::new());
    }
    let door = SnsDoor::new(topics, postern_wiring::fetcher()?).map_err(Failure::mistake)?;
    Ok(postern_auditor::http::sns_router(Arc::clone(auditor), door))
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

/// Is told of decisions and does nothing: of those of a gate that only appraises there are none.
struct Nobody;

#[async_trait]
impl DecisionObserver for Nobody {
    async fn decided(&self, _: &Decision) {}
}

/// Makes findings of what the gate itself did: a use of the emergency door, a fail-open.
pub(crate) struct Findings(pub(crate) Arc<Auditor>);

#[async_trait]
impl DecisionObserver for Findings {
    async fn decided(&self, decision: &Decision) {
        if let Err(error) = self.0.record_decision(decision).await {
            // The decision is journalled: nothing is lost, and the next start looks again.
            tracing::error!(%error, decision = decision.id, "no finding could be made of a decision");
        }
    }
}
