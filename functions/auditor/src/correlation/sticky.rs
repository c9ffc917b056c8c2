//! Sticky break-glass: the same justification again. A manifest or Terraform configuration that
//! keeps it bypasses every later check. Uses at the gate and on the platform are held against each other.

use jiff::{SignedDuration, Timestamp};
use postern_core::finding::Finding;
use postern_core::memory::{Fact, FactQuestion, Memory, Said};

use super::WINDOW;
use super::clues::{Clues, Hypothesis, Weighed, break_glass};
use crate::case::hash_of;
use crate::classify::{Observed, blank, rendered};
use crate::detection::{Catalogue, Own};

/// What one use leaves in different logs (the gate's, who asked for it, what became of it) is at most so
/// far apart: a revision may take a while to start.
const ONE_USE: SignedDuration = SignedDuration::from_hours(1);

/// A justification that may have been used before.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sticky {
    used: String,
    told: String,
    at: Timestamp,
    /// What other entries of this use say, too.
    said: Said,
    observed: Observed,
}

pub(super) fn clues(catalogue: &Catalogue, observed: &[Observed], clues: &mut Clues) {
    let Some(observed) = break_glass(observed) else {
        return;
    };
    let finding = &observed.finding;
    let (Some(target), Some(text)) = (&finding.target, &finding.justification) else {
        return;
    };
    let hash = hash_of(text).hex();
    let used = format!("break-glass|{target}|{hash}");
    let told = format!("told|sticky|{target}|{hash}");
    let earlier = finding.at.checked_sub(ONE_USE).unwrap_or(finding.at);
    clues.ask(FactQuestion::latest(&used));
    // However many entries this use has.
    clues.ask(FactQuestion::until(&used, earlier));
    clues.ask(FactQuestion::latest(&told));
    let said = Said {
        word: finding.detection.clone(),
        revision: finding.revision.clone(),
        operation: observed.operation.clone(),
        principal: finding.actor.principal.clone(),
        ..Said::default()
    };
    clues.say(Fact {
        key: used.clone(),
        source: observed.event_key.clone(),
        at: finding.at,
        said: said.clone(),
    });
    clues.suppose(Hypothesis::Sticky(Box::new(Sticky {
        used,
        told,
        at: finding.at,
        said,
        observed: Observed {
            finding: sticky(catalogue, observed),
            ..observed.clone()
        },
    })));
}

fn sticky(catalogue: &Catalogue, observed: &Observed) -> Finding {
    let used = &observed.finding;
    let detection = catalogue.own(Own::StickyBreakGlass);
    let base = blank(detection, &observed.event_key, used.at, used.source.clone());
    let mut finding = Finding {
        actor: used.actor.clone(),
        target: used.target.clone(),
        revision: used.revision.clone(),
        images: used.images.clone(),
        justification: used.justification.clone(),
        ..base
    };
    finding.summary = rendered(&detection.summary, &finding, "");
    finding
}

impl Sticky {
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let mut uses = memory.of(&self.used).iter();
        if uses.any(|fact| self.is_another(fact)) {
            let told = Fact {
                key: self.told.clone(),
                source: self.observed.event_key.clone(),
                at: self.at,
                said: self.said.clone(),
            };
            let same = |told: &Fact| !self.is_another(told);
            weighed.tell_unless(memory, told, same, self.observed.clone());
        }
    }

    /// Whether it is of another use. Entries of one deployment say the same justification: what they
    /// name, a revision or an operation, says whether they are of one. Where they have nothing to
    /// compare, time does: a second entry of the same kind is another use, one of another kind is
    /// the same use from another side.
    fn is_another(&self, fact: &Fact) -> bool {
        let (theirs, ours) = (&fact.said, &self.said);
        if theirs.operation.is_some() && theirs.operation == ours.operation {
            return false;
        }
        if let (Some(theirs), Some(ours)) = (&theirs.revision, &ours.revision) {
            return theirs != ours;
        }
        let of_one = match theirs.word.is_empty() || theirs.word == ours.word {
            true => WINDOW,
            false => ONE_USE,
        };
        fact.at.duration_since(self.at).abs() > of_one
    }
}
