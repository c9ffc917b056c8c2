//! The one configuration file, as types. Every key can be overridden by environment
//! (`POSTERN__SECTION__KEY`), secrets stand in it by reference only.

mod attestor;
mod audit;
mod auth;
mod aws;
mod cases;
mod forward;
mod gate;
mod heartbeat;
mod ledger;
mod output;
mod registry;
mod route;
mod trust;

use postern_core::attestor::ProjectNumbers;
use serde::Deserialize;

pub use attestor::{Attestor, Signer};
pub use audit::{Audit, Endpoints, Reconcile, RemoteGate, Sns, TrustSet};
pub use auth::{Access, Auth, Issuer, PlatformCallers, PlatformWord, Right};
pub use aws::{Aws, WebIdentity};
pub use cases::{Cases, Due, JustificationRules};
pub use forward::{DeployAs, Forward, ForwardedBreakGlass, JobChecks};
pub use gate::{BreakGlass, Gate, OnUndetermined, Tls};
pub use heartbeat::Heartbeat;
pub use ledger::{Ledger, LedgerAnchor};
pub use output::{
    BodyFormat, Endpoint, GroupBy, Grouping, Hook, Mail, Output, OutputKind, PAGER_DUTY,
};
pub use registry::{Credential, Registry};
pub use route::{OneOrMore, Route, RouteMatch, Silence};
pub use trust::{Trust, TrustKeys};

/// The whole configuration. Every key has a default: an empty file is the embedded set-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`; or a reference to such a URL, as to a secret.
    pub store: String,
    /// Whether SQLite may be used where the disk ends with the instance (Cloud Run, Lambda). Every
    /// record then ends with it, too; what remains is what the logs keep. For trying out.
    pub accept_ephemeral_store: bool,
    /// Address to listen on, where neither the command line nor `PORT` says.
    pub listen: Option<String>,
    /// A policy file, or `projects/ID/policy`.
    pub policy: Option<String>,
    /// A file of the same form, in place of the built-in system policy: what is let through on GKE
    /// where the policy says `globalPolicyEvaluationMode: ENABLE`.
    pub system_policy: Option<String>,
    /// A file of attestors, or `projects/ID`.
    pub attestors: Option<String>,
    /// Where attestations are looked for: `store`, `registry`, `containeranalysis:projects/ID`, a file.
    pub attestations: Vec<String>,
    /// Project id to project number.
    pub projects: ProjectNumbers,
    /// Who may call what.
    pub auth: Auth,
    /// The gate.
    pub gate: Gate,
    /// The emergency door.
    pub break_glass: BreakGlass,
    /// The forwarding gate.
    pub forward: Forward,
    /// How registries are reached; hosts that are not named are reached anonymously over HTTPS.
    pub registries: Vec<Registry>,
    /// What the attestor function signs.
    pub attestor: Attestor,
    /// Who owns the trust function.
    pub trust: Trust,
    /// What the auditor believes, and what is ours.
    pub audit: Audit,
    /// How cases are walked.
    pub cases: Cases,
    /// A file: target or label → team, channel, escalation.
    pub owners: Option<String>,
    /// The record, and who signs it.
    pub ledger: Ledger,
    /// Where Google's APIs are, where that is not the default.
    pub endpoints: Endpoints,
    /// How AWS is spoken to.
    pub aws: Aws,
    /// Where alerts go.
    pub outputs: Vec<Output>,
    /// Which alert goes where; none: everything goes everywhere.
    pub routes: Vec<Route>,
    /// Which alerts are not sent for a while.
    pub silences: Vec<Silence>,
    /// Who is called as long as alerts are delivered.
    pub heartbeat: Option<Heartbeat>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "sqlite:postern-data/postern.db".to_owned(),
            accept_ephemeral_store: false,
            listen: None,
            policy: None,
            system_policy: None,
            attestors: None,
            attestations: vec!["store".to_owned(), "registry".to_owned()],
            projects: ProjectNumbers::default(),
            auth: Auth::default(),
            gate: Gate::default(),
            break_glass: BreakGlass::default(),
            forward: Forward::default(),
            registries: Vec::new(),
            attestor: Attestor::default(),
            trust: Trust::default(),
            audit: Audit::default(),
            cases: Cases::default(),
            owners: None,
            ledger: Ledger::default(),
            endpoints: Endpoints::default(),
            aws: Aws::default(),
            outputs: Vec::new(),
            routes: Vec::new(),
            silences: Vec::new(),
            heartbeat: None,
        }
    }
}

/// Where a secret is: `env:NAME`, `file:PATH`, `gcpsm://…`, `awssm://…`. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretReference(pub String);
