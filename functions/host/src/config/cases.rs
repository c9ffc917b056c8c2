//! How cases are walked.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use postern_core::finding::Severity;
use serde::Deserialize;

/// How cases are walked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cases {
    /// What counts as a justification.
    pub justification: JustificationRules,
    /// From which severity on closing needs a second person. Absent: HIGH.
    pub two_person: Option<Severity>,
    /// When someone must have looked, by severity; of those that are not named, the default.
    pub due: Due,
    /// After how long a break-glass image that nobody attested is a finding. Default: 24 hours.
    pub attest_within: Option<SignedDuration>,
    /// How long an exception may stand at most. Default: 30 days.
    pub max_exception: Option<SignedDuration>,
}

/// Severity → time. Defaults: CRITICAL 4 h, HIGH 24 h, MEDIUM 72 h, LOW 168 h; INFO is never due.
pub type Due = BTreeMap<Severity, SignedDuration>;

/// What counts as a justification.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JustificationRules {
    /// Characters, at least. Default: 10.
    pub min_length: Option<usize>,
    /// A regular expression that must be found in the ticket or the text. Absent: `breakGlass.ticket`.
    pub ticket: Option<String>,
    /// Whether a text that justified another case may be used again.
    pub allow_repeats: bool,
}
