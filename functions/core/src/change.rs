//! What one audit event changes, written in one transaction or not at all.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Drill};
use crate::entry::Entry;
use crate::finding::{Category, Finding, Severity};
use crate::image::Digest;
use crate::memory::{Expectation, Fact};

/// Everything that one event changes. The only multi-table write there is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What the change builds on: the correlation keys that were asked for, and the unclosed case that
    /// each of them showed. It is stale once one of them shows another.
    pub read: Vec<(String, Option<String>)>,
    /// The event is from now on known.
    pub seen: Option<SeenEvent>,
    /// Bytes that could not be read, kept as they came.
    pub quarantine: Option<Quarantined>,
    /// New findings.
    pub findings: Vec<Finding>,
    /// Cases as they are after the change: new ones at revision 1, others one above what was read.
    pub cases: Vec<Case>,
    /// Journal entries.
    pub entries: Vec<Entry>,
    /// Alerts to be sent.
    pub outbox: Vec<Notification>,
    /// By what later events find the cases of this change.
    pub correlations: Vec<Correlation>,
    /// What the change builds on: keys of facts, each with its mark ([`crate::memory::Memory::marks`]).
    /// It is stale once one of them has another fact.
    pub remembered: Vec<(String, i64)>,
    /// What the event said, for later ones.
    pub facts: Vec<Fact>,
    /// What should happen after it.
    pub expectations: Vec<Expectation>,
    /// Ids of expectations that are settled, one way or the other.
    pub settled: Vec<String>,
    /// Whose event it is, and when it happened: what silence is measured from.
    pub heard: Option<(String, Timestamp)>,
    /// Texts that justify a case from now on.
    pub justifications: Vec<UsedJustification>,
    /// Drills that are declared.
    pub drills: Vec<Drill>,
}

/// A text that justifies a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedJustification {
    /// Hash of the text, without regard to case and spacing.
    pub hash: Digest,
    /// The case.
    pub case_id: String,
    /// The change is stale if the text justifies another case already.
    pub once: bool,
}

/// A key that belongs together with a case: whoever asks for the key is shown the case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Correlation {
    /// What related events have in common.
    pub key: String,
    /// The case; it is there, or in the same change.
    pub case_id: String,
}

/// An event, by its key and the hash of what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEvent {
    /// Log name, timestamp and insertId, or eventID, account and region.
    pub key: String,
    /// SHA-256 over the typed event, the same by whichever route it came.
    pub content: Digest,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// Bytes that could not be read as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// A ULID.
    pub id: String,
    /// When they arrived.
    pub received_at: Timestamp,
    /// By which route, such as `pubsub:projects/P/subscriptions/S`.
    pub route: String,
    /// Why they could not be read.
    pub reason: String,
    /// The bytes as they came.
    pub raw: Vec<u8>,
}

/// One alert: a case at one revision, to be sent to every output that the routes name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Case id and revision: the receivers' de-duplication id.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// The case as it was then, with the first and the newest of its findings.
    pub case: Case,
}

/// Which queue of an output an alert waits in. Neither holds up the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Break-glass, tampering with what is trusted, and a blinded audit.
    Urgent,
    /// All others.
    Normal,
}

impl Lane {
    /// Both, the urgent one first.
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Normal];
}

impl Notification {
    /// The alert for a case as it stands.
    pub fn of(case: &Case, at: Timestamp) -> Self {
        Self {
            id: format!("{}-{}", case.id, case.revision),
            at,
            case: case.told(),
        }
    }

    /// Which lane it goes by. A case has the category of its first finding, and others may have joined
    /// it: the most urgent one decides.
    pub fn lane(&self) -> Lane {
        match self.categories().any(Category::is_urgent) {
            true => Lane::Urgent,
            false => Lane::Normal,
        }
    }

    /// Whether nothing may keep it from being sent.
    pub fn is_always_told(&self) -> bool {
        self.categories().any(Category::is_always_told)
    }

    fn categories(&self) -> impl Iterator<Item = Category> {
        let findings = self.case.findings.iter().map(|finding| finding.category);
        std::iter::once(self.case.category).chain(findings)
    }

    /// The same alert, louder than its case.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.case.severity = severity;
        self
    }
}
