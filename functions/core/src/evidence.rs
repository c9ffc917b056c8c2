//! What verification makes of the occurrences that were gathered for one attestor.

use serde::{Deserialize, Serialize};

use crate::attestor::{AttestorName, SignatureAlgorithm};
use crate::reason::Reason;

/// One verified attestation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Whose word it is.
    pub attestor: AttestorName,
    /// The occurrence's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<String>,
    /// The key that verified it.
    pub key_id: String,
    /// By which algorithm; `null` for OpenPGP.
    pub algorithm: Option<SignatureAlgorithm>,
    /// Where it was found: `registry`, `store:DIR`, a file, `containeranalysis:projects/P`.
    pub source: String,
}

/// What became of one attestor that a rule requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttestorOutcome {
    /// A valid attestation was found.
    Met(Evidence),
    /// Everything could be read, and nothing counts. Most telling reason first.
    NotMet(Vec<Reason>),
    /// Nothing counts so far, and something could not be read.
    Undetermined(Vec<Reason>),
}
