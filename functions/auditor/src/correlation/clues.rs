//! What an event may mean together with others: what to ask of the memory, what to conclude from
//! the answer, and what to remember of the event itself. Pure.

use jiff::{SignedDuration, Timestamp};
use postern_core::event::AuditEvent;
use postern_core::finding::{Category, Finding};
use postern_core::image::{Digest, ImageReference};
use postern_core::memory::{DecisionQuestion, Expectation, Fact, FactQuestion, Memory, Questions};
use postern_core::rollback;
use postern_core::target::Target;

use super::{conformance, policy, signatures, sticky, unverified};
use crate::classify::Observed;
use crate::detection::Catalogue;
use crate::subject::Subject;
use crate::watch::Watch;

/// An event, and what was made of it so far.
pub(super) struct Known<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) watch: &'a Watch,
    pub(super) event: &'a AuditEvent,
    pub(super) subject: &'a Subject,
    pub(super) observed: &'a [Observed],
    /// The event's key, which may be another than its own where that is taken.
    pub(super) key: &'a str,
}

/// What an event may mean, and what it says for later ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Clues {
    /// What to ask.
    pub(crate) questions: Questions,
    hypotheses: Vec<Hypothesis>,
    facts: Vec<Fact>,
    /// What should happen now.
    pub(crate) expectations: Vec<Expectation>,
}

/// Something that is so if the memory says so.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Hypothesis {
    Sticky(Box<sticky::Sticky>),
    OpenDeployClose(Box<policy::OpenDeployClose>),
    Undecided(Box<unverified::Undecided>),
    Traffic(Box<unverified::Traffic>),
}

impl Clues {
    /// What this event may mean together with others.
    pub(crate) fn of(
        catalogue: &Catalogue,
        watch: &Watch,
        event: &AuditEvent,
        subject: &Subject,
        observed: &[Observed],
        key: &str,
    ) -> Self {
        let known = Known {
            catalogue,
            watch,
            event,
            subject,
            observed,
            key,
        };
        let mut clues = Self::default();
        sticky::clues(catalogue, observed, &mut clues);
        policy::clues(&known, &mut clues);
        unverified::clues(&known, &mut clues);
        signatures::clues(&known, &mut clues);
        for observed in observed {
            clues.follow(catalogue, watch, observed);
        }
        clues
    }

    /// What findings of a journal entry make of earlier events.
    pub(crate) fn of_findings(catalogue: &Catalogue, watch: &Watch, observed: &[Observed]) -> Self {
        let mut clues = Self::default();
        sticky::clues(catalogue, observed, &mut clues);
        for observed in observed {
            clues.follow(catalogue, watch, observed);
        }
        clues
    }

    /// What should follow a finding, and what is to be known of its target.
    fn follow(&mut self, catalogue: &Catalogue, watch: &Watch, observed: &Observed) {
        let finding = &observed.finding;
        if let Some(target) = &finding.target {
            self.ask(FactQuestion::until(conformant_key(target), finding.at));
            self.ask_decisions(&finding.images, target, finding.at);
        }
        self.expectations
            .extend(conformance::expected(catalogue, watch, observed));
    }

    /// Says in a finding what is known: the gate's decision about its images, and the last revision
    /// of which the gate had found that it conforms.
    fn enrich(finding: &mut Finding, memory: &Memory) {
        let Some(target) = &finding.target else {
            return;
        };
        if finding.decision_id.is_none() {
            let asked = decision_questions(&finding.images, target, finding.at);
            let mut held = asked.filter_map(|asked| memory.decisions.get(&asked)?.holding());
            finding.decision_id = held.next().map(|decision| decision.id.clone());
        }
        let conformant = |fact: &&Fact| {
            fact.said.conformant == Some(true)
                && fact.at < finding.at
                && fact.said.revision.is_some()
                && fact.said.revision != finding.revision
        };
        let last = memory
            .of(&conformant_key(target))
            .iter()
            .rev()
            .find(conformant);
        finding.last_conformant_revision = last.and_then(|fact| fact.said.revision.clone());
        let back = finding.last_conformant_revision.as_deref();
        finding.rollback = back
            .zip(target.parse::<Target>().ok())
            .and_then(|(revision, target)| rollback::command(&target, revision));
    }

    pub(super) fn ask(&mut self, question: FactQuestion) {
        if !self.questions.facts.contains(&question) {
            self.questions.facts.push(question);
        }
    }

    pub(super) fn ask_decisions(&mut self, images: &[String], target: &str, at: Timestamp) {
        let asked = decision_questions(images, target, at);
        self.questions.decisions.extend(asked);
    }

    pub(super) fn suppose(&mut self, hypothesis: Hypothesis) {
        self.hypotheses.push(hypothesis);
    }

    pub(super) fn say(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// What is so, by what is remembered.
    pub(crate) fn weigh(&self, memory: &Memory, observed: &[Observed]) -> Weighed {
        let mut weighed = Weighed {
            found: observed.to_vec(),
            facts: self.facts.clone(),
        };
        for hypothesis in &self.hypotheses {
            match hypothesis {
                Hypothesis::Sticky(sticky) => sticky.weigh(memory, &mut weighed),
                Hypothesis::OpenDeployClose(policy) => policy.weigh(memory, &mut weighed),
                Hypothesis::Undecided(undecided) => undecided.weigh(memory, &mut weighed),
                Hypothesis::Traffic(traffic) => traffic.weigh(memory, &mut weighed),
            }
        }
        for observed in &mut weighed.found {
            Self::enrich(&mut observed.finding, memory);
        }
        weighed
    }
}

/// What an event turned out to mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Weighed {
    /// The findings, and those that only the memory could make.
    pub(crate) found: Vec<Observed>,
    /// What to remember.
    pub(crate) facts: Vec<Fact>,
}

impl Weighed {
    /// Adds a finding that is told once: while a fact of that key was said within `window`, it is not
    /// said again.
    pub(super) fn tell(&mut self, memory: &Memory, told: Told<'_>, observed: Observed) {
        let near = |at: Timestamp| at.duration_since(told.at).abs() <= told.window;
        let fact = Fact {
            key: told.key.to_owned(),
            source: observed.event_key.clone(),
            at: told.at,
            said: Default::default(),
        };
        self.tell_unless(memory, fact, |fact| near(fact.at), observed);
    }

    /// Adds a finding, and the fact that it was told, unless a fact of the same key says the same.
    pub(super) fn tell_unless(
        &mut self,
        memory: &Memory,
        told: Fact,
        same: impl Fn(&Fact) -> bool,
        observed: Observed,
    ) {
        if !memory.of(&told.key).iter().any(same) {
            self.facts.push(told);
            self.found.push(observed);
        }
    }
}

/// How a finding is recognised as told.
pub(super) struct Told<'a> {
    pub(super) key: &'a str,
    pub(super) at: Timestamp,
    pub(super) window: SignedDuration,
}

impl Known<'_> {
    /// The break-glass that was found in this event.
    pub(super) fn break_glass(&self) -> Option<&Finding> {
        break_glass(self.observed).map(|observed| &observed.finding)
    }

    /// A finding about what this event is about.
    pub(super) fn finding(&self, own: crate::detection::Own) -> (Finding, String) {
        let detection = self.catalogue.own(own);
        let source = postern_core::finding::FindingSource {
            kind: self.event.source.as_str().to_owned(),
            id: self.event.id.clone(),
            log: Some(self.event.log.clone()),
        };
        let finding = Finding {
            actor: self.subject.actor.clone(),
            target: self.subject.target.clone(),
            revision: self.subject.revision.clone(),
            images: self.subject.images.clone(),
            justification: self.subject.justification.clone(),
            ..crate::classify::blank(detection, self.key, self.event.at, source)
        };
        (finding, detection.summary.clone())
    }
}

/// The break-glass among what was found; two detections may say it of one entry.
pub(super) fn break_glass(observed: &[Observed]) -> Option<&Observed> {
    let mut observed = observed.iter();
    observed.find(|observed| observed.finding.category == Category::BreakGlass)
}

/// Under which key the facts stand about what runs at a target.
pub(super) fn runs_key(target: &str) -> String {
    format!("runs|{target}")
}

/// Under which key those of them stand that name a revision to go back to. A key of their own: what
/// does not conform cannot crowd them out.
pub(super) fn conformant_key(target: &str) -> String {
    format!("conformant|{target}")
}

/// What the gate had decided about these images by then.
pub(super) fn decision_questions<'a>(
    images: &'a [String],
    target: &'a str,
    at: Timestamp,
) -> impl Iterator<Item = DecisionQuestion> + 'a {
    digests(images).map(move |digest| DecisionQuestion {
        digest,
        target: target.to_owned(),
        at,
    })
}

/// The digests of images: of those that have one, or that are nothing but one.
pub(super) fn digests(images: &[String]) -> impl Iterator<Item = Digest> + '_ {
    images.iter().filter_map(|image| {
        let reference = image.parse::<ImageReference>().ok();
        let named = reference.and_then(|image| image.digest());
        named.or_else(|| image.parse().ok())
    })
}

/// Those that have a digest.
pub(super) fn by_digest(images: &[String]) -> impl Iterator<Item = ImageReference> + '_ {
    let references = images.iter().filter_map(|image| image.parse().ok());
    references.filter(|image: &ImageReference| image.digest().is_some())
}
