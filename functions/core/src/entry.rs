//! The journal: one append-only table of entries, whatever they are about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::attestor::AttestorName;
use crate::case::{CaseStep, Drill};
use crate::decision::{Caller, Decision};
use crate::finding::Finding;
use crate::image::{Digest, ImageReference};
use crate::revocation::{Revocation, Revoked};

/// One entry. Holds only types of our own, so that its canonical form (RFC 8785) is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// A ULID. Appending the same id again changes nothing.
    pub id: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// What is recorded.
    #[serde(flatten)]
    pub record: Record,
}

/// What an entry records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", content = "body", rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Record {
    /// The gate decided.
    Decision(Box<Decision>),
    /// The auditor took an event in.
    Event(EventReceipt),
    /// The auditor, or the gate, found something.
    Finding(Box<Finding>),
    /// A case took a step.
    CaseStep(CaseRecord),
    /// A drill was declared.
    Drill(Drill),
    /// Something was put on the revocation list.
    Revocation(Revocation),
    /// Something was taken off the revocation list.
    Unrevocation(Unrevocation),
    /// The attestor function signed.
    Signing(Signing),
    /// An output confirmed an alert.
    Delivery(Delivery),
    /// The trust chain was changed.
    TrustChange(TrustChange),
    /// What was known of a person was erased.
    Erasure(Erasure),
    /// What was older than it had to be kept was let go.
    Pruning(Pruning),
}

impl Record {
    /// The word that names the kind of record in JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Decision(_) => "DECISION",
            Self::Event(_) => "EVENT",
            Self::Finding(_) => "FINDING",
            Self::CaseStep(_) => "CASE_STEP",
            Self::Drill(_) => "DRILL",
            Self::Revocation(_) => "REVOCATION",
            Self::Unrevocation(_) => "UNREVOCATION",
            Self::Signing(_) => "SIGNING",
            Self::Delivery(_) => "DELIVERY",
            Self::TrustChange(_) => "TRUST_CHANGE",
            Self::Erasure(_) => "ERASURE",
            Self::Pruning(_) => "PRUNING",
        }
    }
}

/// An event that was taken in. The raw bytes are kept beside the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReceipt {
    /// Log name, timestamp and insertId, or eventID, account and region.
    pub event_key: String,
    /// SHA-256 of the bytes as they came.
    pub raw_sha256: Digest,
    /// Whether it could be read; what could not is in quarantine.
    pub readable: bool,
}

/// A step of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseRecord {
    /// The case.
    pub case_id: String,
    /// Its revision after the step.
    pub revision: u64,
    /// The step.
    pub step: CaseStep,
}

/// Something was taken off the revocation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrevocation {
    /// What.
    pub what: Revoked,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The attestor function signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// In whose name.
    pub attestor: AttestorName,
    /// For which image.
    pub image: ImageReference,
    /// With which key.
    pub key_id: String,
    /// For whom.
    pub caller: Option<Caller>,
    /// The occurrence that was stored.
    pub occurrence: Option<String>,
}

/// An output confirmed an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The notification.
    pub notification: String,
    /// The case it is about.
    pub case_id: String,
    /// The output's name.
    pub output: String,
}

/// The trust chain was changed by a call of its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrustChange {
    /// The method, as Google's audit log names it.
    pub method: String,
    /// The resource that was written, such as `projects/P/policy`.
    pub resource: String,
    /// The audit-log entry (`LogEntry`, JSON) that says who called with what. It is kept as one of the
    /// texts that may be erased.
    pub audit_entry: String,
}

/// What was known of a person was erased. Who that was is not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// Who did it.
    pub by: String,
    /// Why, such as the number of the request.
    pub reason: String,
    /// So many texts are only commitments now.
    pub texts: u64,
    /// So many rows besides them were changed.
    pub rows: u64,
}

/// What was older than it had to be kept was let go. Of entries, their hashes stay in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruning {
    /// Who did it.
    pub by: String,
    /// What is older was let go.
    pub before: Timestamp,
    /// So many entries of the tree were signed; only of these anything was let go.
    pub checkpoint_size: u64,
    /// So many entries are only hashes now.
    pub entries: u64,
    /// So many rows besides them are gone or empty.
    pub rows: u64,
}
