//! What the auditor remembers beyond single cases: facts about earlier events, the gate's
//! decisions, and what is yet to come. Some things only several events together say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::image::Digest;

/// One thing that an event said, to be found by what later events have in common with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What related events have in common, such as `policy|projects/demo-project`.
    pub key: String,
    /// What said it, such as the key of an event. The same source says something once under a key.
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
    /// The platform's id of the operation that it was part of.
    pub operation: Option<String>,
    /// Whether the gate had let it through, for whatever reason; `None` where it was not asked.
    pub allowed: Option<bool>,
    /// Whether the gate had found that it conforms: what one can go back to. `None` where it was not
    /// asked, and for what was said before anybody told the two apart.
    pub conformant: Option<bool>,
}

/// Something that should have happened by a certain time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expectation {
    /// Stable: the same event expects the same thing once.
    pub id: String,
    /// By when.
    pub due_at: Timestamp,
    /// Since when it is due and nobody could tell whether it has happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold_since: Option<Timestamp>,
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
    /// An attestation whose payload has this hash, in lower-case hex: what a key has signed.
    #[serde(rename_all = "camelCase")]
    Attestation {
        /// SHA-256, SHA-384 or SHA-512 of the payload; its length says which.
        payload: String,
    },
}

/// What is asked of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    /// Which facts.
    pub facts: Vec<FactQuestion>,
    /// What the gate decided.
    pub decisions: Vec<DecisionQuestion>,
    /// Hashes of payloads, in hex ([`crate::occurrence::payload_hashes`]): whether an attestation
    /// that is stored here carries them.
    pub payloads: Vec<String>,
}

/// A question for facts. However many there are, the latest of them are shown, up to a limit of the
/// store's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FactQuestion {
    /// Their key.
    pub key: String,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Not after this time.
    pub until: Option<Timestamp>,
}

impl FactQuestion {
    /// The latest facts of a key.
    pub fn latest(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            from: None,
            until: None,
        }
    }

    /// Those of them that happened by this time.
    pub fn until(key: impl Into<String>, at: Timestamp) -> Self {
        Self {
            until: Some(at),
            ..Self::latest(key)
        }
    }

    /// Those that happened at most `span` before this time, or after it.
    pub fn around(key: impl Into<String>, at: Timestamp, span: SignedDuration) -> Self {
        Self {
            from: at.checked_sub(span).ok(),
            until: at.checked_add(span).ok(),
            ..Self::latest(key)
        }
    }

    /// Whether it asks for something that happened then.
    pub fn asks_for(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }
}

/// A question for what the gate had decided when something was deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionQuestion {
    /// What was deployed.
    pub digest: Digest,
    /// Where, in the text form of [`crate::target::Target`].
    pub target: String,
    /// When.
    pub at: Timestamp,
}

/// What is remembered of what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Facts by key, oldest first; of one key the latest ones only.
    pub facts: BTreeMap<String, Vec<Fact>>,
    /// Of each key asked about, a number that every further fact of that key makes greater, whether
    /// it is shown or not. 0, or absent: there is none.
    pub marks: BTreeMap<String, i64>,
    /// Decisions by what was asked.
    pub decisions: BTreeMap<DecisionQuestion, Decided>,
    /// Of the targets asked about, those that the gate ever decided for.
    pub gated: BTreeSet<String>,
    /// Of the payloads asked about, those that an attestation carries.
    pub attested: BTreeSet<String>,
}

/// What the gate decided about one digest at one target, up to a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The last decision up to then.
    pub before: Option<PastDecision>,
    /// The first one within [`Decided::TOLERANCE`] after it that let it through.
    pub let_through_after: Option<PastDecision>,
}

impl Decided {
    /// How far the clocks of the gate and the platform may be apart.
    pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(30);

    /// The decision that holds for the deployment: the last one before it. What was allowed and then
    /// denied is denied. Only where that let nothing through, one counts that seems to be a little
    /// later, since two clocks say so.
    pub fn holding(&self) -> Option<&PastDecision> {
        let through = |decision: &&PastDecision| decision.outcome != Outcome::Denied;
        let before = self.before.as_ref();
        before
            .filter(through)
            .or(self.let_through_after.as_ref())
            .or(before)
    }
}

/// A decision of the gate, as far as a correlation needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDecision {
    /// Its id.
    pub id: String,
    /// When it was made, by the gate.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was not let through.
    Denied,
    /// It was let through without conforming: in dry run, undecided, or by break-glass.
    LetThrough,
    /// It was let through because the request conformed to the policy.
    Conformant,
}

impl Memory {
    /// The facts of a key, oldest first.
    pub fn of(&self, key: &str) -> &[Fact] {
        self.facts.get(key).map_or(&[], Vec::as_slice)
    }

    /// What the conclusions depended on: keys, each with its mark.
    pub fn shown(&self, questions: &Questions) -> Vec<(String, i64)> {
        let keys: BTreeSet<_> = questions.facts.iter().map(|asked| &asked.key).collect();
        let mark = |key: &String| self.marks.get(key).copied().unwrap_or_default();
        keys.into_iter()
            .map(|key| (key.clone(), mark(key)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(id: &str, at: &str, outcome: Outcome) -> Option<PastDecision> {
        Some(PastDecision {
            id: id.to_owned(),
            at: at.parse().unwrap(),
            outcome,
        })
    }

    #[test]
    fn the_last_decision_before_holds_and_a_later_one_only_to_let_through() {
        let denied = decision("denied", "2026-03-03T05:00:00Z", Outcome::Denied);
        let dry_run = decision("dry-run", "2026-03-03T05:00:00Z", Outcome::LetThrough);
        let allowed = decision("allowed", "2026-03-03T05:00:10Z", Outcome::Conformant);
        for (before, after, expected) in [
            (None, None, None),
            (denied.clone(), None, Some("denied")),
            (denied, allowed.clone(), Some("allowed")),
            (dry_run, allowed.clone(), Some("dry-run")),
            (None, allowed, Some("allowed")),
        ] {
            let decided = Decided {
                before,
                let_through_after: after,
            };
            assert_eq!(decided.holding().map(|d| d.id.as_str()), expected);
        }
    }

    #[test]
    fn a_key_that_is_asked_twice_is_shown_once() {
        let at = "2026-03-03T05:00:00Z".parse().unwrap();
        let questions = Questions {
            facts: vec![
                FactQuestion::latest("b"),
                FactQuestion::until("a", at),
                FactQuestion::latest("a"),
            ],
            ..Questions::default()
        };
        let memory = Memory {
            marks: BTreeMap::from([("a".to_owned(), 7)]),
            ..Memory::default()
        };
        assert_eq!(
            memory.shown(&questions),
            [("a".to_owned(), 7), ("b".to_owned(), 0)]
        );
    }
}
