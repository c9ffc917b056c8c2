//! What the auditor remembers beyond single cases: facts about earlier events, the gate's
//! decisions, and what is yet to come. Some things only several events together say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::image::Digest;

/// One thing that an event said, to be found by what later events have in common with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What related events have in common, such as `policy|projects/demo-project`.
    pub key: String,
    /// The key of the event that said it; the same event says it once.
    pub source: String,
    /// When it happened, by the event.
    pub at: Timestamp,
    /// What it said.
    pub said: Said,
}

/// What an event said, as far as a correlation needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Said {
    /// Which of the things that facts of this key can say.
    pub word: String,
    /// Who did it.
    pub principal: Option<String>,
    /// Where.
    pub target: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// The images, with their digests.
    pub images: Vec<String>,
    /// Whether the gate had allowed it, where it was asked.
    pub allowed: Option<bool>,
}

/// Something that should have happened by a certain time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// Stable: the same event expects the same thing once.
    pub id: String,
    /// By when.
    pub due_at: Timestamp,
    /// What.
    pub what: Expected,
    /// The key of the event that made it expected.
    pub event_key: String,
    /// The finding if it has not happened by then.
    pub finding: Finding,
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Expected {
    /// These images conform to the policy of the target.
    #[serde(rename_all = "camelCase")]
    Conformance {
        /// Where they run.
        target: String,
        /// With their digests.
        images: Vec<String>,
    },
    /// An attestation whose payload has this SHA-256, in lower-case hex: what a key has signed.
    #[serde(rename_all = "camelCase")]
    Attestation {
        /// SHA-256 of the payload.
        payload: String,
    },
}

/// What is asked of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    /// Keys of facts.
    pub facts: Vec<String>,
    /// What the gate decided about a digest at a target (in its text form).
    pub decisions: Vec<(Digest, String)>,
    /// SHA-256 of payloads, in hex: whether an attestation that is stored here carries them.
    pub payloads: Vec<String>,
}

/// What is remembered of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Facts by key, oldest first; of one key the latest ones only.
    pub facts: BTreeMap<String, Vec<Fact>>,
    /// Decisions by digest and target.
    pub decisions: BTreeMap<(Digest, String), Decided>,
    /// Of the targets asked about, those that the gate ever decided for.
    pub gated: BTreeSet<String>,
    /// Of the payloads asked about, those that an attestation carries.
    pub attested: BTreeSet<String>,
}

/// What the gate decided about one digest at one target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The last decision that allowed it, whatever let it through.
    pub allowed: Option<String>,
    /// The last decision that denied it.
    pub denied: Option<String>,
}

impl Memory {
    /// The facts of a key, oldest first.
    pub fn of(&self, key: &str) -> &[Fact] {
        self.facts.get(key).map_or(&[], Vec::as_slice)
    }

    /// What the decisions depended on: keys with the number of facts that each showed.
    pub fn shown(&self, questions: &Questions) -> Vec<(String, usize)> {
        let facts = questions.facts.iter();
        facts.map(|key| (key.clone(), self.of(key).len())).collect()
    }
}
