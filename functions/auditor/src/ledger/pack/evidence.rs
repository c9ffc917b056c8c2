//! What an entry is evidence of.

use postern_core::case::CaseAction;
use postern_core::entry::Record;
use postern_core::finding::Category;
use serde::Deserialize;

/// A kind of evidence. An entry may be of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The gate decided.
    Decision,
    /// The gate said no.
    Denial,
    /// The emergency door was used, by the gate's record or by the platform's.
    BreakGlass,
    /// An event of an audit log was taken in.
    Event,
    /// Something was found.
    Finding,
    /// Policy, keys, attestors or registries were changed.
    TrustChange,
    /// Something was deployed past the gate, or although a check failed.
    Bypass,
    /// The record knows that something is missing.
    Gap,
    /// A case took a step.
    CaseStep,
    /// A case was closed.
    Closing,
    /// A drill was declared.
    Drill,
    /// Something was put on the revocation list, or taken off it.
    Revocation,
    /// An attestation was signed.
    Signing,
    /// An alert reached its output.
    Delivery,
    /// Something was erased or pruned.
    Retention,
}

impl Evidence {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Decision,
        Self::Denial,
        Self::BreakGlass,
        Self::Event,
        Self::Finding,
        Self::TrustChange,
        Self::Bypass,
        Self::Gap,
        Self::CaseStep,
        Self::Closing,
        Self::Drill,
        Self::Revocation,
        Self::Signing,
        Self::Delivery,
        Self::Retention,
    ];

    /// In words, for a number of them.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Decision => "decisions",
            Self::Denial => "denials",
            Self::BreakGlass => "uses of break-glass",
            Self::Event => "events of audit logs",
            Self::Finding => "findings",
            Self::TrustChange => "findings about policy, keys and attestors",
            Self::Bypass => "findings about bypasses",
            Self::Gap => "findings about gaps",
            Self::CaseStep => "steps of cases",
            Self::Closing => "closings",
            Self::Drill => "drills",
            Self::Revocation => "changes of the revocation list",
            Self::Signing => "signatures",
            Self::Delivery => "deliveries of alerts",
            Self::Retention => "erasures and prunings",
        }
    }

    /// What a record is evidence of.
    pub fn of(record: &Record) -> Vec<Self> {
        match record {
            Record::Decision(decision) => {
                let mut of = vec![Self::Decision];
                if !decision.allowed {
                    of.push(Self::Denial);
                }
                if decision.break_glass.is_some() {
                    of.push(Self::BreakGlass);
                }
                of
            }
            Record::Event(_) => vec![Self::Event],
            Record::Finding(finding) => {
                let mut of = vec![Self::Finding];
                of.extend(match finding.category {
                    Category::BreakGlass => Some(Self::BreakGlass),
                    Category::PolicyWeakened | Category::TrustChain | Category::Credential => {
                        Some(Self::TrustChange)
                    }
                    Category::Bypass | Category::FailOpen => Some(Self::Bypass),
                    Category::AuditBlinded | Category::Silence => Some(Self::Gap),
                    Category::Denied => Some(Self::Denial),
                    Category::DryRun | Category::CheckFailed | Category::ContinuousValidation => {
                        None
                    }
                });
                of
            }
            Record::CaseStep(step) if step.step.action == CaseAction::Closed => {
                vec![Self::CaseStep, Self::Closing]
            }
            Record::CaseStep(_) => vec![Self::CaseStep],
            Record::Drill(_) => vec![Self::Drill],
            Record::Revocation(_) | Record::Unrevocation(_) => vec![Self::Revocation],
            Record::Signing(_) => vec![Self::Signing],
            Record::Delivery(_) => vec![Self::Delivery],
            Record::Erasure(_) | Record::Pruning(_) => vec![Self::Retention],
            // A kind that came later supports nothing until somebody says what.
            _ => Vec::new(),
        }
    }
}
