//! What runs without the gate's consent: a deployment that no decision allowed, and traffic that
//! was moved to such a revision.

use jiff::{SignedDuration, Timestamp};
use postern_core::finding::Finding;
use postern_core::image::Digest;
use postern_core::memory::{Fact, FactQuestion, Memory, Outcome, Said};

use super::clues::{
    Clues, Hypothesis, Known, Told, Weighed, conformant_key, decision_questions, digests, runs_key,
};
use crate::classify::{Observed, rendered};
use crate::detection::Own;

/// The same image at the same place is told again after so long. Every Pod of a Deployment has an
/// entry of its own.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What is told apart: a denial is worse than having asked nobody.
const WITHOUT: &str = "without";
const AFTER_DENIAL: &str = "after-denial";

/// A deployment that the gate may not have allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Undecided {
    /// Whether the configuration says that this target is the gate's.
    gated: bool,
    /// Whether the door was opened for it: then that is what is told.
    break_glass: bool,
    target: String,
    told: String,
    at: Timestamp,
    /// Said in any case: what later traffic changes are held against.
    runs: Fact,
    without: (Finding, String),
    after_denial: (Finding, String),
    event_key: String,
    operation: Option<String>,
}

/// Traffic that may have been moved to a revision that no decision allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Traffic {
    gated: bool,
    target: String,
    runs: String,
    told: String,
    revisions: Vec<String>,
    at: Timestamp,
    finding: Finding,
    summary: String,
    event_key: String,
    operation: Option<String>,
}

/// Under which key the facts about one revision stand besides: it may be older than what is shown of
/// all.
fn of_revision(runs: &str, revision: &str) -> String {
    format!("{runs}|{revision}")
}

pub(super) fn clues(known: &Known<'_>, clues: &mut Clues) {
    let Some(target) = &known.subject.target else {
        return;
    };
    let runs = runs_key(target);
    if !known.subject.deployed.is_empty() {
        deployed(known, target, &runs, clues);
    }
    if !known.subject.traffic_to.is_empty() {
        moved(known, target, runs, clues);
    }
}

fn deployed(known: &Known<'_>, target: &str, runs: &str, clues: &mut Clues) {
    let images = &known.subject.deployed;
    let digests: Vec<_> = digests(images).collect();
    if digests.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = digests.iter().map(Digest::hex).collect();
    sorted.sort();
    let who = known.subject.actor.principal.as_deref().unwrap_or_default();
    let told = format!("told|undecided|{target}|{}|{who}", sorted.join(","));
    for own in [WITHOUT, AFTER_DENIAL] {
        let told = format!("{told}|{own}");
        clues.ask(FactQuestion::around(told, known.event.at, AGAIN_AFTER));
    }
    clues.ask(FactQuestion::until(conformant_key(target), known.event.at));
    clues.ask_decisions(images, target, known.event.at);
    let with_images = |(mut finding, summary): (Finding, String)| {
        finding.images.clone_from(images);
        (finding, summary)
    };
    clues.suppose(Hypothesis::Undecided(Box::new(Undecided {
        gated: known.watch.is_gated(target),
        break_glass: known.break_glass().is_some(),
        target: target.to_owned(),
        told,
        at: known.event.at,
        runs: Fact {
            key: runs.to_owned(),
            source: known.key.to_owned(),
            at: known.event.at,
            said: Said {
                revision: known.subject.revision.clone(),
                principal: known.subject.actor.principal.clone(),
                target: Some(target.to_owned()),
                images: images.clone(),
                ..Said::default()
            },
        },
        without: with_images(known.finding(Own::DeployedWithoutDecision)),
        after_denial: with_images(known.finding(Own::DeployedAfterDenial)),
        event_key: known.key.to_owned(),
        operation: known.subject.operation.clone(),
    })));
}

fn moved(known: &Known<'_>, target: &str, runs: String, clues: &mut Clues) {
    let revisions = known.subject.traffic_to.clone();
    let told = format!("told|traffic|{target}|{}", revisions.join(","));
    clues.ask(FactQuestion::around(&told, known.event.at, AGAIN_AFTER));
    clues.ask(FactQuestion::until(conformant_key(target), known.event.at));
    clues.ask(FactQuestion::latest(&runs));
    for revision in &revisions {
        clues.ask(FactQuestion::latest(of_revision(&runs, revision)));
    }
    let (finding, summary) = known.finding(Own::TrafficToUnverified);
    clues.suppose(Hypothesis::Traffic(Box::new(Traffic {
        gated: known.watch.is_gated(target),
        target: target.to_owned(),
        runs,
        told,
        revisions,
        at: known.event.at,
        finding,
        summary,
        event_key: known.key.to_owned(),
        operation: known.subject.operation.clone(),
    })));
}

impl Undecided {
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let images = &self.runs.said.images;
        let asked = decision_questions(images, &self.target, self.at);
        let held: Vec<_> = asked
            .map(|asked| memory.decisions.get(&asked)?.holding())
            .collect();
        let all = |is: fn(Outcome) -> bool| {
            let mut held = held.iter();
            held.all(|decision| decision.is_some_and(|decision| is(decision.outcome)))
        };
        // In dry run, the gate was asked and let through what does not conform: nobody went past it, so
        // that is no bypass. But one cannot go back to it.
        let let_through = all(|outcome| outcome != Outcome::Denied);
        let conforms = all(|outcome| outcome == Outcome::Conformant);
        let gated = self.gated || memory.gated.contains(&self.target);
        self.remember(gated, let_through, conforms, weighed);
        if !gated || let_through || self.break_glass {
            return;
        }
        let mut denials = held.into_iter().flatten();
        let denied = denials.find(|decision| decision.outcome == Outcome::Denied);
        let denied = denied.map(|decision| decision.id.clone());
        let ((finding, summary), word) = match denied {
            Some(_) => (&self.after_denial, AFTER_DENIAL),
            None => (&self.without, WITHOUT),
        };
        let mut finding = finding.clone();
        finding.decision_id = denied;
        finding.summary = rendered(summary, &finding, "");
        let told = Told {
            key: &format!("{}|{word}", self.told),
            at: self.at,
            window: AGAIN_AFTER,
        };
        let observed = Observed {
            finding,
            event_key: self.event_key.clone(),
            operation: self.operation.clone(),
        };
        weighed.tell(memory, told, observed);
    }
}

impl Undecided {
    /// What the emergency door let in is not what one goes back to, whatever else the gate said.
    fn remember(&self, gated: bool, let_through: bool, conforms: bool, weighed: &mut Weighed) {
        let known = gated || let_through;
        let mut runs = self.runs.clone();
        runs.said.allowed = known.then_some(let_through && !self.break_glass);
        runs.said.conformant = known.then_some(conforms && !self.break_glass);
        if let Some(revision) = &runs.said.revision {
            let mut keys = vec![of_revision(&runs.key, revision)];
            if runs.said.conformant == Some(true) {
                keys.push(conformant_key(&self.target));
            }
            let under = |key| Fact {
                key,
                ..runs.clone()
            };
            weighed.facts.extend(keys.into_iter().map(under));
        }
        weighed.facts.push(runs);
    }
}

impl Traffic {
    /// A revision that nobody saw being deployed is not one that a decision allowed.
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let facts = memory.of(&self.runs);
        let allowed = |revision: &String| {
            let of_it = |fact: &&Fact| fact.said.revision.as_ref() == Some(revision);
            let known = memory.of(&of_revision(&self.runs, revision));
            let among_all = || facts.iter().rev().find(of_it);
            known.last().or_else(among_all)?.said.allowed
        };
        let gated = self.gated || facts.iter().any(|fact| fact.said.allowed.is_some());
        let not_allowed: Vec<_> = self
            .revisions
            .iter()
            .filter(|revision| allowed(revision) != Some(true))
            .collect();
        let Some(first) = not_allowed.first().filter(|_| gated) else {
            return;
        };
        let mut finding = self.finding.clone();
        finding.revision = Some((*first).clone());
        finding.target = Some(self.target.clone());
        finding.summary = rendered(&self.summary, &finding, first);
        let told = Told {
            key: &self.told,
            at: self.at,
            window: AGAIN_AFTER,
        };
        let observed = Observed {
            finding,
            event_key: self.event_key.clone(),
            operation: self.operation.clone(),
        };
        weighed.tell(memory, told, observed);
    }
}
