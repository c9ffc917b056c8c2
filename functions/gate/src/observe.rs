//! Targets that are only observed (`gate.observe`): the gate judges and records, and does not stand in the way
//! yet. What is revoked, or may be for all that is known, is stopped there, too.

use postern_core::decision::{EnforcementMode, ImageDecision};
use postern_core::glob::Glob;
use postern_core::reason::{ReasonCode, Verdict};
use postern_core::target::Target;

use crate::judge::KnownRevocations;

/// Which targets are only observed.
#[derive(Debug, Clone, Default)]
pub struct Observed(Vec<Glob>);

impl Observed {
    /// Targets in their text form, in which `*` stands for any characters.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a String>) -> Self {
        Self(patterns.into_iter().map(|text| Glob::new(text)).collect())
    }

    /// Whether this target is.
    pub(crate) fn has(&self, target: &Target) -> bool {
        // Most gates observe nothing.
        !self.0.is_empty() && {
            let target = target.to_string();
            self.0.iter().any(|pattern| pattern.matches(&target))
        }
    }

    /// The decision on an image, which at such a target is one of dry run.
    pub(crate) fn apply(&self, image: &mut ImageDecision, revocations: &KnownRevocations) {
        if self.has(&image.target) && is_not_revoked(image, revocations) {
            image.enforcement = EnforcementMode::DryRun;
        }
    }

    /// What is to be known of a decision that something was let through by being observed alone.
    pub(crate) fn warning(
        &self,
        target: &Target,
        allowed: bool,
        verdict: Verdict,
    ) -> Option<String> {
        if !self.has(target) {
            return None;
        }
        let what = match (allowed, verdict) {
            (_, Verdict::Conformant) => return None,
            (false, _) => {
                "it is denied all the same: something is revoked, or may be, or is for another target"
            }
            (true, Verdict::NonConformant) => "enforced, this would be denied",
            (true, Verdict::Undetermined) => "enforced, this could not be decided",
        };
        Some(format!("{target} is only observed (gate.observe); {what}"))
    }
}

/// Whether the list was read, and says nothing against this image. Where no rule was come to, an image may
/// be another than it is taken for, and only an empty list says nothing against that.
fn is_not_revoked(image: &ImageDecision, revocations: &KnownRevocations) -> bool {
    let is_listed = |code| code == ReasonCode::Revoked;
    revocations.outage.is_none()
        && !image.reasons.iter().any(|reason| is_listed(reason.code))
        && (image.rule.is_some() || !revocations.list.has_digests())
}
