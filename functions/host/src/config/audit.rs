//! What the auditor believes, what is ours, and where events are fetched from.

use jiff::SignedDuration;
use serde::Deserialize;

use super::SecretReference;

/// The auditor.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Audit {
    /// Projects (`organizations/N`, `folders/N`) and AWS accounts whose entries are expected; empty: any.
    pub projects: Vec<String>,
    /// Subscriptions that may deliver; empty: any.
    pub subscriptions: Vec<String>,
    /// Amazon SNS topics whose messages are taken in at `/v1/events/sns`.
    pub sns: Sns,
    /// Subscriptions that are pulled from, `projects/P/subscriptions/S`.
    pub pull: Vec<String>,
    /// The gate that says what images are worth, where the auditor is a process of its own.
    pub gate: Option<RemoteGate>,
    /// Reading the logs back at their source.
    pub reconcile: Reconcile,
    /// What is ours. Sharpens the severity of detections, and switches some of them on.
    pub trust: TrustSet,
    /// A directory of detections that are added to the built-in ones, or stand instead of those of
    /// the same id.
    pub detections: Option<String>,
    /// Targets that may be deployed to only through the gate, `*` for any characters. A deployment
    /// there without an allowed decision is a bypass. Targets that the gate ever decided for are
    /// meant as well.
    pub gated: Vec<String>,
    /// After how long without an entry of an expected project (of any, if none is named) silence is
    /// a finding. Absent: never.
    pub silence_after: Option<SignedDuration>,
}

/// Amazon SNS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Sns {
    /// ARNs of the topics that may deliver; empty: there is no such door. A subscription to one of
    /// them is confirmed by itself.
    pub topics: Vec<String>,
}

/// A gate in another process.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoteGate {
    /// Its server, such as `https://gate.example`.
    pub url: String,
    /// The token that it is shown, by reference; its caller needs the right `decide`.
    #[serde(default)]
    pub token: Option<SecretReference>,
    /// The audience of an ID token of this process's own, which Google Cloud makes, in place of `token`.
    #[serde(default)]
    pub audience: Option<String>,
}

/// Reading the logs back at their source, to find what was never delivered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Reconcile {
    /// What to read: `projects/P`, `folders/N`, `organizations/N`, `billingAccounts/N`. Empty: nothing.
    pub resources: Vec<String>,
    /// How often, in `serve` and at `/v1/tick`. Default: every hour.
    pub every: Option<SignedDuration>,
    /// How far back on the first day. Default: 30 days; the logs keep 400.
    pub history: Option<SignedDuration>,
}

/// What is ours: lists of names in which `*` stands for any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrustSet {
    /// KMS keys, key versions, aliases, ARNs.
    pub keys: Vec<String>,
    /// Attestors.
    pub attestors: Vec<String>,
    /// Notes.
    pub notes: Vec<String>,
    /// Postern's own services, functions, service accounts and buckets.
    pub services: Vec<String>,
    /// What the audit log reaches us by: sinks, topics, subscriptions, log buckets, EventBridge
    /// rules, trails, queues, event source mappings.
    pub channels: Vec<String>,
    /// Registry repositories that are deployed from.
    pub repositories: Vec<String>,
    /// Principals that push and deploy.
    pub ci: Vec<String>,
    /// Principals that sign and attest.
    pub signers: Vec<String>,
    /// Principals that change the trust chain, such as Terraform's.
    pub operators: Vec<String>,
    /// The gate's own identities.
    pub gate: Vec<String>,
    /// AWS roles and service accounts that are kept for emergencies.
    pub break_glass_roles: Vec<String>,
}

/// Where Google's APIs are. Absent: where Google has them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Endpoints {
    /// Cloud Logging, instead of `https://logging.googleapis.com`.
    pub logging: Option<String>,
    /// Pub/Sub, instead of `https://pubsub.googleapis.com`; `PUBSUB_EMULATOR_HOST` counts, too.
    pub pubsub: Option<String>,
    /// The Cloud Run Admin API, instead of `https://run.googleapis.com`.
    pub run: Option<String>,
    /// The Resource Manager, instead of `https://cloudresourcemanager.googleapis.com`.
    pub resource_manager: Option<String>,
    /// Organization policies, instead of `https://orgpolicy.googleapis.com`.
    pub org_policy: Option<String>,
    /// Kubernetes Engine, instead of `https://container.googleapis.com`.
    pub container: Option<String>,
    /// Cloud Storage, instead of `https://storage.googleapis.com`.
    pub storage: Option<String>,
    /// Cloud KMS, instead of `https://cloudkms.googleapis.com`.
    pub kms: Option<String>,
    /// Binary Authorization, instead of `https://binaryauthorization.googleapis.com`.
    pub binary_authorization: Option<String>,
    /// Container Analysis, instead of `https://containeranalysis.googleapis.com`.
    pub container_analysis: Option<String>,
}
