//! What the auditor watches for beyond single entries, as the configuration says.

use jiff::SignedDuration;
use postern_host::config::Config;

/// What to watch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Patterns of targets that may be deployed to only through the gate.
    pub gated: Vec<String>,
    /// Patterns of KMS keys that sign attestations.
    pub keys: Vec<String>,
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
            keys: Vec::new(),
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
            keys: config.audit.trust.keys.clone(),
            attest_within: config.cases.attest_within.unwrap_or(default.attest_within),
            silence_after: config.audit.silence_after,
            projects: config.audit.projects.clone(),
        }
    }
}

impl Watch {
    /// Whether the configuration says that this target is deployed to only through the gate.
    pub(crate) fn is_gated(&self, target: &str) -> bool {
        self.gated.iter().any(|pattern| covers(pattern, target))
    }

    /// Whether attestations are signed with this key, or a version of it.
    pub(crate) fn is_our_key(&self, key: &str) -> bool {
        let key_of_version = key.split("/cryptoKeyVersions/").next().unwrap_or(key);
        let known = |pattern: &String| covers(pattern, key) || covers(pattern, key_of_version);
        self.keys.iter().any(known)
    }
}

/// Whether a pattern, in which `*` stands for any characters, covers the whole of a name.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
