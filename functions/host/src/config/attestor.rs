//! What the attestor function signs.

use postern_core::attestor::AttestorName;
use serde::Deserialize;

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
    /// Where the attestation is stored: `store`, `registry`, `containeranalysis:projects/ID`.
    #[serde(default)]
    pub to: Option<String>,
}
