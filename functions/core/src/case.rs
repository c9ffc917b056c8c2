//! Cases: one or more findings with an owner, a state and an end.

mod kept;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::kept::LeftOut;
use crate::decision::ApiVersion;
use crate::finding::{Category, Finding, Severity};

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum CaseState {
    /// Nobody has looked yet.
    Open,
    /// Someone took it.
    Acknowledged,
    /// Someone said why it was right.
    Justified,
    /// Done.
    Closed,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// `postern/v1`.
    pub api_version: ApiVersion,
    /// `Case`.
    pub kind: CaseKind,
    /// Stable over the whole life of the case.
    pub id: String,
    /// Counts every change, from 1.
    pub revision: u64,
    /// Where it stands.
    pub state: CaseState,
    /// The category of its findings.
    pub category: Category,
    /// The worst severity of what happened; that nobody looked in time does not change it.
    pub severity: Severity,
    /// Whose it is.
    pub owner: Option<String>,
    /// Where its owner is told.
    #[serde(default)]
    pub channel: Option<String>,
    /// When the first finding arrived.
    pub opened_at: Timestamp,
    /// When someone must have taken the next step.
    pub due_at: Option<Timestamp>,
    /// What it happened to.
    pub target: Option<String>,
    /// Labels of what it happened to, as they were first seen: routes may ask for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Everyone in the actor chains of its findings.
    pub actors: Vec<String>,
    /// Why it was right, in the responder's words.
    pub justification: Option<String>,
    /// The ticket that belongs to the justification.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Until when the exception stands.
    pub exception_until: Option<Timestamp>,
    /// The last revision known to conform.
    #[serde(default)]
    pub last_conformant_revision: Option<String>,
    /// The command that goes back to it.
    #[serde(default)]
    pub rollback: Option<String>,
    /// The drill that it was part of.
    #[serde(default)]
    pub drill: Option<String>,
    /// How it was closed; `null` while it is not.
    #[serde(default)]
    pub closed_as: Option<ClosedAs>,
    /// What it is about: of many findings the first and the newest.
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    #[serde(default)]
    pub finding_count: u64,
    /// What is known of those that it does not keep.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// Who did what; of the steps that the program takes by itself the newest.
    pub history: Vec<CaseStep>,
}

impl Case {
    /// A case of which nothing else is known.
    pub fn new(
        id: impl Into<String>,
        category: Category,
        severity: Severity,
        at: Timestamp,
    ) -> Self {
        Self {
            api_version: ApiVersion::V1,
            kind: CaseKind::Case,
            id: id.into(),
            revision: 1,
            state: CaseState::Open,
            category,
            severity,
            owner: None,
            channel: None,
            opened_at: at,
            due_at: None,
            target: None,
            labels: BTreeMap::new(),
            actors: Vec::new(),
            justification: None,
            ticket: None,
            exception_until: None,
            last_conformant_revision: None,
            rollback: None,
            drill: None,
            closed_as: None,
            findings: Vec::new(),
            finding_count: 0,
            left_out: LeftOut::default(),
            history: Vec::new(),
        }
    }
}

/// One step in the life of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseStep {
    /// When.
    pub at: Timestamp,
    /// Who; `postern` for what the program did by itself.
    pub by: String,
    /// What.
    pub action: CaseAction,
    /// In their words.
    pub comment: Option<String>,
}

/// What can happen to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum CaseAction {
    /// It was opened.
    Opened,
    /// A finding joined.
    FindingAdded,
    /// Someone took it.
    Acknowledged,
    /// Someone said why it was right.
    Justified,
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
    /// A step was not taken in time.
    Escalated,
}

/// How a case was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClosedAs {
    /// Its images were attested, and that was verified.
    Attested,
    /// What it is about runs no more, and what runs instead conforms; that was read at the source.
    Replaced,
    /// An approver lets it stand until a date.
    Exception,
    /// By what was said.
    Resolved,
}

/// A time in which the emergency door is used for practice at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drill {
    /// A ULID.
    pub id: String,
    /// Where, in the text form of [`crate::target::Target`].
    pub target: String,
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What is practised.
    pub reason: String,
    /// Who declared it.
    pub declared_by: String,
    /// When it was declared.
    pub declared_at: Timestamp,
}

impl Drill {
    /// Whether something that happened there and then was part of it. What was declared after the
    /// fact was not.
    pub fn covers(&self, target: &str, at: Timestamp) -> bool {
        self.target == target && self.from <= at && at <= self.until && self.declared_at <= at
    }
}

/// The constant `Case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CaseKind {
    /// The only value.
    #[default]
    Case,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_of_an_older_version_still_reads() {
        let stored = serde_json::json!({
            "apiVersion": "postern/v1", "kind": "Case", "id": "c", "revision": 1, "state": "OPEN",
            "category": "BREAK_GLASS", "severity": "HIGH", "owner": null,
            "openedAt": "2026-03-03T05:00:10Z", "dueAt": null, "target": null, "actors": [],
            "justification": null, "exceptionUntil": null, "findings": [], "history": [],
        });
        let case: Case = serde_json::from_value(stored).unwrap();
        assert_eq!((case.finding_count, case.left_out.is_empty()), (0, true));
        assert_eq!(
            (case.ticket, case.drill, case.closed_as),
            (None, None, None)
        );
    }

    #[test]
    fn a_drill_that_was_declared_after_the_fact_covers_nothing() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let drill = Drill {
            id: "d".to_owned(),
            target: "cloud-run:demo-mart/europe-west1/web".to_owned(),
            from: time("2026-03-03T05:00:00Z"),
            until: time("2026-03-03T06:00:00Z"),
            reason: "quarterly drill".to_owned(),
            declared_by: "lead@example.com".to_owned(),
            declared_at: time("2026-03-03T05:30:00Z"),
        };
        let covers = |at| drill.covers("cloud-run:demo-mart/europe-west1/web", time(at));
        assert!(!covers("2026-03-03T05:29:59Z"));
        assert!(covers("2026-03-03T05:30:00Z"));
        assert!(!covers("2026-03-03T06:00:01Z"));
        assert!(!drill.covers(
            "cloud-run:demo-mart/europe-west1/api",
            time("2026-03-03T05:40:00Z")
        ));
    }
}
