//! The one configuration file, as types. Every key can be overridden by environment
//! (`POSTERN__SECTION__KEY`), secrets stand in it by reference only.

use std::collections::BTreeMap;

use postern_core::attestor::{AttestorName, ProjectNumbers};
use postern_core::finding::{Category, Severity};
use serde::Deserialize;

/// The whole configuration. Every key has a default: an empty file is the embedded set-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// `sqlite:PATH` (or `postgres://…`, later).
    pub store: String,
    /// Address to listen on, where neither the command line nor `PORT` says.
    pub listen: Option<String>,
    /// A policy file, or `projects/ID/policy`.
    pub policy: Option<String>,
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
    /// How registries are reached; hosts that are not named are reached anonymously over HTTPS.
    pub registries: Vec<Registry>,
    /// What the attestor function signs.
    pub attestor: Attestor,
    /// What the auditor believes.
    pub audit: Audit,
    /// Where alerts go.
    pub outputs: Vec<Output>,
    /// Which alert goes where; none: everything goes everywhere.
    pub routes: Vec<Route>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "sqlite:postern-data/postern.db".to_owned(),
            listen: None,
            policy: None,
            attestors: None,
            attestations: vec!["store".to_owned(), "registry".to_owned()],
            projects: ProjectNumbers::default(),
            auth: Auth::default(),
            gate: Gate::default(),
            break_glass: BreakGlass::default(),
            registries: Vec::new(),
            attestor: Attestor::default(),
            audit: Audit::default(),
            outputs: Vec::new(),
            routes: Vec::new(),
        }
    }
}

/// Access per function. Absent: that function answers on loopback only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Auth {
    /// Who may ask for decisions.
    pub gate: Option<Access>,
    /// Who may ask for attestations.
    pub attestor: Option<Access>,
    /// Who may deliver events.
    pub auditor: Option<Access>,
    /// Who may read and walk cases.
    pub cases: Option<Access>,
}

/// How callers of one function are recognised.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Access {
    /// `platform`: the platform's IAM stands in front and has checked the token's signature. Whoever
    /// it lets in has every right but those that are given by name: `breakGlass` and `approve`.
    Platform(PlatformWord),
    /// `platform: [...]`: the same, with the callers and their rights named.
    PlatformCallers(PlatformCallers),
    /// A list of issuers of OIDC tokens.
    Issuers(Vec<Issuer>),
}

/// The word `platform`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum PlatformWord {
    /// The only value.
    #[serde(rename = "platform")]
    Platform,
}

/// Callers behind the platform's IAM: their tokens' claims are compared, their signatures are not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformCallers {
    /// Issuer, audience and claims of the tokens, and what their bearers may do.
    pub platform: Vec<Issuer>,
}

/// Tokens of one issuer for one audience with certain claims, and what they may do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// `iss`, compared as it stands; its discovery document names the keys.
    pub issuer: String,
    /// `aud`, compared as it stands.
    pub audience: String,
    /// Claims that must have exactly these values.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
    /// Where the keys are, instead of asking the discovery document.
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// What such a caller may do.
    pub may: Vec<Right>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Right {
    /// Ask for decisions.
    Decide,
    /// Open the emergency door.
    BreakGlass,
    /// Ask for attestations.
    Attest,
    /// Deliver events.
    Ingest,
    /// Read cases and metrics.
    View,
    /// Walk cases.
    Respond,
    /// Approve what others did.
    Approve,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 7] = [
        Self::Decide,
        Self::BreakGlass,
        Self::Attest,
        Self::Ingest,
        Self::View,
        Self::Respond,
        Self::Approve,
    ];
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Decide => "decide",
            Self::BreakGlass => "breakGlass",
            Self::Attest => "attest",
            Self::Ingest => "ingest",
            Self::View => "view",
            Self::Respond => "respond",
            Self::Approve => "approve",
        })
    }
}

/// The gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gate {
    /// What becomes of an undetermined request. Every `allow` is a finding.
    pub on_undetermined: OnUndetermined,
    /// Whether a payload must name the repository being deployed from, too.
    pub compare_repository: bool,
    /// Whether an attestation of an index covers the manifests that it lists.
    pub index_covers_manifests: bool,
    /// Fields that may bring code outside of an image, by name.
    pub allow_code_outside_image: Vec<String>,
    /// Requests judged at the same time; more are turned away with 503.
    pub max_concurrency: usize,
    /// Where break-glass is recorded when nothing else works. Default: `spool` in the data directory.
    pub spool: Option<String>,
    /// TLS of this listener, with a client CA as the authentication of clusters.
    pub tls: Option<Tls>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            on_undetermined: OnUndetermined::Deny,
            compare_repository: false,
            index_covers_manifests: false,
            allow_code_outside_image: Vec::new(),
            max_concurrency: 64,
            spool: None,
            tls: None,
        }
    }
}

/// What becomes of an undetermined request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUndetermined {
    /// It is denied.
    Deny,
    /// It is let through, and a finding says so.
    Allow,
}

/// TLS for a listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate chain.
    pub certificate: String,
    /// PEM file of the private key.
    pub key: String,
    /// PEM file of the CA that clients must have a certificate of.
    #[serde(default)]
    pub client_ca: Option<String>,
}

/// The emergency door.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BreakGlass {
    /// A regular expression that finds the ticket in a justification; without a match it is refused.
    pub ticket: Option<String>,
    /// Uses a day by one caller before it gets louder.
    pub max_per_day: Option<u32>,
}

/// How one registry is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registry {
    /// Host and port as in image names, such as `us-docker.pkg.dev` or `localhost:5000`.
    pub host: String,
    /// HTTP without TLS; only for tests and loopback.
    #[serde(default)]
    pub plain_http: bool,
    /// Whether its address may be private, link-local or loopback.
    #[serde(default)]
    pub allow_private: bool,
    /// Where its tokens come from, where that is another host (`auth.docker.io`).
    #[serde(default)]
    pub realms: Vec<String>,
    /// The credential.
    #[serde(default)]
    pub credential: Credential,
}

/// A credential for a registry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type", deny_unknown_fields)]
pub enum Credential {
    /// None.
    #[default]
    Anonymous,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// By reference: `env:NAME`, `file:PATH`.
        password: SecretReference,
    },
    /// A registry token.
    Bearer {
        /// By reference.
        token: SecretReference,
    },
    /// What `docker login` left, credential helpers included.
    DockerConfig,
    /// An access token of the Google identity this runs as.
    Google,
    /// An Amazon ECR token of the AWS identity this runs as.
    Ecr,
}

/// Where a secret is: `env:NAME`, `file:PATH`, `gcpsm://…`, `awssm://…`. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretReference(pub String);

/// What the attestor function signs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Attestor {
    /// One per attestor and key.
    pub signers: Vec<Signer>,
}

/// One key, in whose name it signs, for whom and what.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signer {
    /// In whose name.
    pub attestor: AttestorName,
    /// `file:PATH`, `env:NAME`, `awskms://…`, `gcpkms://…`.
    pub key: String,
    /// E-mail addresses or subjects that may ask; empty is a mistake.
    pub callers: Vec<String>,
    /// Patterns of the repositories that may be signed for.
    pub repositories: Vec<String>,
    /// Attestors that must be satisfied before.
    #[serde(default)]
    pub requires: Vec<AttestorName>,
    /// Where the attestation is stored: `store`, `registry`.
    #[serde(default)]
    pub to: Option<String>,
}

/// What the auditor believes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Audit {
    /// Projects whose entries are expected; empty: any.
    pub projects: Vec<String>,
    /// Subscriptions that may deliver; empty: any.
    pub subscriptions: Vec<String>,
}

/// One place that alerts are sent to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Output {
    /// How routes call it.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: OutputKind,
}

/// What an output is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type")]
pub enum OutputKind {
    /// HTTP POST of a CloudEvent, signed as Standard Webhooks says where a secret is given.
    Webhook {
        /// `https://…`; `http://` only to loopback.
        url: String,
        /// By reference.
        #[serde(default)]
        secret: Option<SecretReference>,
        /// Whether the address may be private or loopback.
        #[serde(default, rename = "allowPrivate")]
        allow_private: bool,
    },
    /// One CloudEvent per line, appended.
    File {
        /// Where.
        path: String,
    },
    /// One CloudEvent per line on standard output.
    Stdout,
}

/// Which alerts go to which outputs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// All that is named must hold.
    #[serde(default, rename = "match")]
    pub matches: RouteMatch,
    /// Names of outputs.
    pub to: Vec<String>,
}

/// What a route asks of an alert.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RouteMatch {
    /// At least this severe.
    pub severity: Option<Severity>,
    /// Of this category.
    pub category: Option<Category>,
}
