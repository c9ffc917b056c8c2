//! The gate and its emergency door.

use serde::Deserialize;

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
    /// Targets that are only observed, `*` for any characters: what would be denied there is let through as in a
    /// dry run, and recorded. Never what is revoked.
    pub observe: Vec<String>,
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
            observe: Vec::new(),
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
