//! Sticky break-glass: the same justification again. A manifest or Terraform configuration that
//! keeps it bypasses every later check.

use jiff::Timestamp;
use postern_core::memory::{Fact, Memory, Said};

use super::WINDOW;
use super::clues::{Clues, Hypothesis, Known, Told, Weighed};
use crate::case::hash_of;
use crate::classify::{Observed, rendered};
use crate::detection::Own;

/// A justification that may have been used before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sticky {
    used: String,
    told: String,
    at: Timestamp,
    revision: Option<String>,
    observed: Observed,
}

pub(super) fn clues(known: &Known<'_>, clues: &mut Clues) {
    let Some(finding) = known.break_glass() else {
        return;
    };
    let (Some(target), Some(text)) = (&finding.target, &finding.justification) else {
        return;
    };
    let hash = hash_of(text).hex();
    let used = format!("break-glass|{target}|{hash}");
    let told = format!("told|sticky|{target}|{hash}");
    clues.ask(used.clone());
    clues.ask(told.clone());
    clues.say(Fact {
        key: used.clone(),
        source: known.key.to_owned(),
        at: finding.at,
        said: Said {
            revision: finding.revision.clone(),
            principal: finding.actor.principal.clone(),
            ..Said::default()
        },
    });
    let (mut sticky, summary) = known.finding(Own::StickyBreakGlass);
    sticky.revision.clone_from(&finding.revision);
    sticky.summary = rendered(&summary, &sticky, "");
    clues.suppose(Hypothesis::Sticky(Box::new(Sticky {
        used,
        told,
        at: finding.at,
        revision: finding.revision.clone(),
        observed: known.observed(sticky),
    })));
}

impl Sticky {
    /// Two entries of one deployment say the same justification; so only another revision, or another
    /// time, is another use.
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let another = |fact: &Fact| match (&fact.said.revision, &self.revision) {
            (Some(theirs), Some(ours)) => theirs != ours,
            _ => fact.at.duration_since(self.at).abs() > WINDOW,
        };
        if memory.of(&self.used).iter().any(another) {
            let told = Told {
                key: &self.told,
                at: self.at,
                window: WINDOW,
            };
            weighed.tell(memory, told, self.observed.clone());
        }
    }
}
