//! Cases: one or more findings with an owner, a state and an end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// The worst severity of its findings.
    pub severity: Severity,
    /// Whose it is.
    pub owner: Option<String>,
    /// When the first finding arrived.
    pub opened_at: Timestamp,
    /// When someone must have looked.
    pub due_at: Option<Timestamp>,
    /// What it happened to.
    pub target: Option<String>,
    /// Everyone in the actor chains of its findings.
    pub actors: Vec<String>,
    /// Why it was right, in the responder's words.
    pub justification: Option<String>,
    /// Until when the exception stands.
    pub exception_until: Option<Timestamp>,
    /// What it is about.
    pub findings: Vec<Finding>,
    /// Who did what.
    pub history: Vec<CaseStep>,
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
}

/// The constant `Case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum CaseKind {
    /// The only value.
    #[default]
    Case,
}
