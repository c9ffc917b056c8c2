//! A decision: the answer to "may these images run there?".

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::image::{Digest, ImageReference};
use crate::reason::{Reason, Verdict};
use crate::target::Target;

/// What is done with a violation: the enforcement mode of the rule that matched.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum EnforcementMode {
    /// Let it through and log it: dry run.
    #[serde(rename = "DRYRUN_AUDIT_LOG_ONLY")]
    DryRun,
    /// Block it and log it.
    #[default]
    #[serde(rename = "ENFORCED_BLOCK_AND_AUDIT_LOG")]
    Enforced,
}

/// The answer, recorded before it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// `postern/v1`.
    pub api_version: ApiVersion,
    /// `Decision`.
    pub kind: DecisionKind,
    /// A ULID; the same in the journal.
    pub id: String,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Whether the deployment may go on: conformant, or dry run, or break-glass by someone who may.
    pub allowed: bool,
    /// The policy's answer, whatever let the images through: the worst of the images'.
    pub verdict: Verdict,
    /// The strictest of the images'.
    pub enforcement: EnforcementMode,
    /// Whether asking again may give another answer, because evidence may still arrive.
    pub retryable: bool,
    /// The emergency door, where it was used.
    pub break_glass: Option<BreakGlass>,
    /// Who asked, verified; absent where no authentication is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// On whose behalf, as the caller claims. Never believed, only recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Where the images are to run.
    pub target: Target,
    /// The policy decided by; absent where there is none.
    pub policy: Option<PolicyIdentity>,
    /// One per image, in the order of the request.
    pub images: Vec<ImageDecision>,
    /// Reasons that concern the request as a whole, such as code outside of any image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Things that do not do what their author meant, such as a break-glass that has no effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The decision on one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageDecision {
    /// The image as it was asked about.
    pub image: String,
    /// The canonical reference by digest that is to be deployed.
    pub resolved: Option<ImageReference>,
    /// The manifests of an index.
    pub children: Vec<Digest>,
    /// Where this image is to run (a List spans namespaces).
    pub target: Target,
    /// The policy's answer.
    pub verdict: Verdict,
    /// The enforcement mode of the rule that matched.
    pub enforcement: EnforcementMode,
    /// The place of the rule that decided, such as `admissionWhitelistPatterns[2]`.
    pub rule: Option<String>,
    /// Why, most telling first.
    pub reasons: Vec<Reason>,
    /// What was verified.
    pub evidence: Vec<Evidence>,
}

/// The policy that a decision was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyIdentity {
    /// `projects/P/policy`, or the file it came from.
    pub name: String,
    /// SHA-256 of the policy's canonical form, in hex.
    pub sha256: String,
}

impl Caller {
    /// What people call them: the e-mail address, else the subject.
    pub fn display_name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.subject)
    }
}

/// A verified caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The token's issuer, or `local` on the command line.
    pub issuer: String,
    /// The token's subject.
    pub subject: String,
    /// The verified e-mail address, where the token has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A use of the emergency door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakGlass {
    /// Why, in the words of whoever used it. Absent only where the platform has no place for it.
    pub justification: Option<String>,
    /// The ticket found in the justification.
    pub ticket: Option<String>,
    /// Where it was asked for.
    pub source: BreakGlassSource,
    /// The verdict that was overridden.
    pub overrode: Verdict,
    /// Over the daily quota: still opened, but louder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over_quota: bool,
}

/// Where a break-glass was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BreakGlassSource {
    /// The request's `breakGlass`.
    Request,
    /// An annotation of the manifest.
    Annotation,
    /// A label of the manifest.
    Label,
}

/// The constant `postern/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ApiVersion {
    /// The only version so far.
    #[default]
    #[serde(rename = "postern/v1")]
    V1,
}

/// The constant `Decision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DecisionKind {
    /// The only value.
    #[default]
    Decision,
}
