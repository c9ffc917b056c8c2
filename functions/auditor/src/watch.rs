//! What the auditor watches for beyond single entries, as the configuration says.

use jiff::SignedDuration;
use postern_core::glob::Glob;
use postern_host::config::Config;

/// What to watch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Patterns of targets that may be deployed to only through the gate.
    pub gated: Vec<String>,
    /// After how long a break-glass image that nobody attested is a finding.
    pub attest_within: SignedDuration,
    /// After how long without an entry silence is a finding.
    pub silence_after: Option<SignedDuration>,
    /// Whose silence is noticed; empty: of everyone that was ever heard.
    pub projects: Vec<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            gated: Vec::new(),
            attest_within: SignedDuration::from_hours(24),
            silence_after: None,
            projects: Vec::new(),
        }
    }
}

impl From<&Config> for Watch {
    fn from(config: &Config) -> Self {
        let default = Self::default();
        Self {
            gated: config.audit.gated.clone(),
            attest_within: config.cases.attest_within.unwrap_or(default.attest_within),
            silence_after: config.audit.silence_after,
            projects: config.audit.projects.clone(),
        }
    }
}

impl Watch {
    /// Whether the configuration says that this target is deployed to only through the gate.
    pub(crate) fn is_gated(&self, target: &str) -> bool {
        let covers = |pattern: &String| Glob::new(pattern).matches(target);
        self.gated.iter().any(covers)
    }
}
