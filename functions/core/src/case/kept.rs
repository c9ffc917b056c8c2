//! What a case keeps of many findings and steps: the first and the newest. Of the rest it keeps what
//! somebody has to know before they join, or close, the case; the findings themselves are in the store
//! and in the journal.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Case, CaseAction, CaseStep};
use crate::finding::Finding;

/// Findings that a case keeps.
const FINDINGS_KEPT: usize = 200;
/// Findings that an alert carries.
const FINDINGS_TOLD: usize = 20;
/// Steps of the program itself that a case keeps; those of people all stay.
const STEPS_KEPT: usize = 200;
/// Bytes of names of images, revisions and attestors that are kept of findings that are not.
const NAMES_KEPT: usize = 64 * 1024;

/// What is known of the findings that a case does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeftOut {
    /// Their revisions.
    pub revisions: BTreeSet<String>,
    /// Their images, as they name them.
    pub images: BTreeSet<String>,
    /// The attestors that their bypassed verdicts asked for.
    pub attestors: BTreeSet<String>,
}

impl LeftOut {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// Whether it is too much for one case: what comes now belongs to another.
    pub fn is_full(&self) -> bool {
        self.names().map(String::len).sum::<usize>() >= NAMES_KEPT
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.revisions
            .iter()
            .chain(&self.images)
            .chain(&self.attestors)
    }

    fn take(&mut self, finding: Finding) {
        self.revisions.extend(finding.revision);
        self.images.extend(finding.images);
        let verdicts = finding.bypassed_verdict.into_iter();
        let reasons = verdicts.flat_map(|verdict| verdict.reasons);
        self.attestors
            .extend(reasons.filter_map(|reason| reason.attestor));
    }
}

impl Case {
    /// How many findings there are, those included that the case does not keep.
    pub fn findings_in_all(&self) -> u64 {
        let kept = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        self.finding_count.max(kept)
    }

    /// Every revision that its findings name, those included that the case does not keep.
    pub fn revisions(&self) -> impl Iterator<Item = &str> {
        let kept = self.findings.iter();
        let kept = kept.filter_map(|finding| finding.revision.as_ref());
        kept.chain(&self.left_out.revisions).map(String::as_str)
    }

    /// Every image that its findings name, those included that the case does not keep.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let kept = self.findings.iter().flat_map(|finding| &finding.images);
        kept.chain(&self.left_out.images).map(String::as_str)
    }

    /// Every attestor that its findings say was required when it happened.
    pub fn required_attestors(&self) -> impl Iterator<Item = &str> {
        let verdicts = self.findings.iter();
        let verdicts = verdicts.filter_map(|finding| finding.bypassed_verdict.as_ref());
        let reasons = verdicts.flat_map(|verdict| &verdict.reasons);
        let kept = reasons.filter_map(|reason| reason.attestor.as_ref());
        kept.chain(&self.left_out.attestors).map(String::as_str)
    }

    /// Adds a finding. The entry of a revision stands before that of its service: it says more.
    pub fn add_finding(&mut self, finding: Finding) {
        self.finding_count = self.findings_in_all().saturating_add(1);
        self.findings.push(finding);
        self.findings
            .sort_by_key(|finding| finding.revision.is_none());
        self.keep_findings(FINDINGS_KEPT);
    }

    /// Adds a step.
    pub fn add_step(&mut self, step: CaseStep) {
        self.history.push(step);
        self.keep_steps(STEPS_KEPT);
    }

    /// The case as an alert carries it.
    #[must_use]
    pub fn told(&self) -> Self {
        self.shortened(FINDINGS_TOLD)
    }

    /// The case with at most so many findings, and as many steps of the program itself. How many
    /// findings there are in all it still says.
    #[must_use]
    pub fn shortened(&self, most: usize) -> Self {
        let mut told = self.clone();
        told.keep_findings(most);
        told.keep_steps(most);
        told
    }

    /// Keeps the finding that stands first, the first that happened, and the newest.
    fn keep_findings(&mut self, most: usize) {
        self.finding_count = self.findings_in_all();
        let surplus = self.findings.len().saturating_sub(most);
        if surplus == 0 {
            return;
        }
        let mut by_age: Vec<_> = self.findings.iter().enumerate().collect();
        by_age.sort_by_key(|(_, finding)| finding.at);
        let oldest = by_age.into_iter().map(|(index, _)| index).skip(1);
        let leave: BTreeSet<_> = oldest.filter(|index| *index > 0).take(surplus).collect();
        for (index, finding) in std::mem::take(&mut self.findings).into_iter().enumerate() {
            match leave.contains(&index) {
                true => self.left_out.take(finding),
                false => self.findings.push(finding),
            }
        }
    }

    /// Keeps the newest of the steps that the program takes by itself.
    fn keep_steps(&mut self, most: usize) {
        let own = |step: &CaseStep| {
            matches!(
                step.action,
                CaseAction::FindingAdded | CaseAction::Escalated
            )
        };
        let count = self.history.iter().filter(|step| own(step)).count();
        let mut surplus = count.saturating_sub(most);
        self.history.retain(|step| {
            let leave = surplus > 0 && own(step);
            surplus -= usize::from(leave);
            !leave
        });
    }
}

#[cfg(test)]
mod tests;
