//! Findings: what the auditor made of one audit event, or the gate of one of its own acts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decision::ApiVersion;
use crate::reason::{Reason, Verdict};

/// How bad it is. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// For the record.
    Info,
    /// Worth a look some day.
    Low,
    /// Worth a look this week.
    Medium,
    /// Worth a look today.
    High,
    /// Worth waking someone.
    Critical,
}

impl Severity {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// One step worse.
    #[must_use]
    pub const fn one_up(self) -> Self {
        match self {
            Self::Info => Self::Low,
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// The emergency door was used.
    BreakGlass,
    /// A deployment was denied.
    Denied,
    /// A deployment would have been denied.
    DryRun,
    /// A deployment went through because the check failed.
    FailOpen,
    /// The check failed, and the deployment did not go through.
    CheckFailed,
    /// Something that runs no longer conforms.
    ContinuousValidation,
    /// The policy was weakened.
    PolicyWeakened,
    /// Keys, attestors, notes or attestations were tampered with.
    TrustChain,
    /// The auditor was made blind, or cannot read what it was sent.
    AuditBlinded,
    /// Something was deployed past the gate.
    Bypass,
    /// A credential was used that should not exist.
    Credential,
    /// Nothing was heard where something should have been.
    Silence,
}

impl Category {
    /// Whether its alerts go ahead of all others.
    pub const fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::BreakGlass | Self::TrustChain | Self::AuditBlinded
        )
    }

    /// Whether its alerts are sent whatever anybody has configured: they are never silenced.
    pub const fn is_always_told(self) -> bool {
        self.is_urgent() || matches!(self, Self::Bypass)
    }
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `postern/v1`.
    pub api_version: ApiVersion,
    /// `Finding`.
    pub kind: FindingKind,
    /// Hash of the detection and the event key: the same event gives the same id again.
    pub id: String,
    /// The detection's id, such as `gcp.cloud-run.break-glass`.
    pub detection: String,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing happened.
    pub category: Category,
    /// When it happened, by the event.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What it happened to, in the text form of [`crate::target::Target`] where it is one.
    pub target: Option<String>,
    /// The revision, where there is one.
    pub revision: Option<String>,
    /// The images, as the event names them.
    pub images: Vec<String>,
    /// Why, in the actor's words. Attacker-controlled text.
    pub justification: Option<String>,
    /// Whether the image would have been denied; `null` where it is not known.
    pub bypassed: Option<bool>,
    /// The verdict that was bypassed.
    pub bypassed_verdict: Option<BypassedVerdict>,
    /// MITRE ATT&CK technique ids.
    pub attack: Vec<String>,
    /// The gate's decision, where one is known.
    pub decision_id: Option<String>,
    /// The case it went to.
    pub case_id: Option<String>,
    /// The last revision known to conform.
    pub last_conformant_revision: Option<String>,
    /// The command that goes back to it.
    pub rollback: Option<String>,
    /// Where it was read.
    pub source: FindingSource,
    /// One sentence.
    pub summary: String,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// The principal, where it is known.
    pub principal: Option<String>,
    /// Through which identities, outermost last.
    pub via: Vec<String>,
    /// The exported service-account key that was used.
    pub key_name: Option<String>,
    /// The address the call came from.
    pub ip: Option<String>,
}

/// The verdict that a break-glass overrode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BypassedVerdict {
    /// The policy's answer.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Who says so.
    pub source: VerdictSource,
}

/// Who knows the verdict that was bypassed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictSource {
    /// The platform's log entry says it.
    Log,
    /// The gate's own evaluation.
    Gate,
}

/// Where a finding was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingSource {
    /// `gcp.audit`, `aws.cloudtrail`, `postern.gate`, …
    pub kind: String,
    /// The entry's `insertId`, or `eventID`.
    pub id: String,
    /// The log it stood in.
    pub log: Option<String>,
}

/// The constant `Finding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FindingKind {
    /// The only value.
    #[default]
    Finding,
}
