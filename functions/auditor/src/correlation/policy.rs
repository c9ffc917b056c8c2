//! Open, deploy, close: the policy was weakened, something was deployed, and the policy was put
//! back. Whichever of the three entries arrives last makes the finding; each further deployment that
//! arrives after that makes another one.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use postern_core::event::AuditEvent;
use postern_core::finding::Finding;
use postern_core::image::Digest;
use postern_core::memory::{Fact, FactQuestion, Memory, Said};

use super::clues::{Clues, Hypothesis, Known, Weighed, digests};
use crate::classify::{Observed, rendered};
use crate::detection::Own;

/// From the weakening to the restoration, at most.
const SPAN: SignedDuration = SignedDuration::from_hours(6);

/// Targets that a summary names.
const NAMED: usize = 5;

const WEAKENED: &str = "weakened";
const RESTORED: &str = "restored";

/// Detections of which one weakens what the other restores.
const PAIRS: [(&str, &str); 1] = [(
    "gcp.binauthz.policy-weakened",
    "gcp.binauthz.policy-changed",
)];

/// A policy, or a deployment, that may be part of such a story.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OpenDeployClose {
    weakened: String,
    restored: String,
    deployments: String,
    told: String,
    /// What this event adds: it is not in the memory yet.
    now: Fact,
    finding: Finding,
    summary: String,
}

pub(super) fn clues(known: &Known<'_>, clues: &mut Clues) {
    let Some((word, images)) = word(known) else {
        return;
    };
    let project = &known.event.project;
    // Keys of their own, so that no number of other changes hides a weakening.
    let weakened = format!("policy|{WEAKENED}|{project}");
    let restored = format!("policy|{RESTORED}|{project}");
    let deployments = format!("deployments|{project}");
    let told = format!("told|open-deploy-close|{project}");
    // A deployment tells of itself; the others are told by then.
    let others = Some(&deployments).filter(|_| !word.is_empty());
    for key in [&weakened, &restored, &told].into_iter().chain(others) {
        clues.ask(FactQuestion::around(key, known.event.at, SPAN));
    }
    let key = match word {
        WEAKENED => weakened.clone(),
        RESTORED => restored.clone(),
        _ => deployments.clone(),
    };
    let fact = fact(key, word, images, known.event, known);
    clues.say(fact.clone());
    let (finding, summary) = known.finding(Own::OpenDeployClose);
    clues.suppose(Hypothesis::OpenDeployClose(Box::new(OpenDeployClose {
        weakened,
        restored,
        deployments,
        told,
        now: fact,
        finding,
        summary,
    })));
}

fn word(known: &Known<'_>) -> Option<(&'static str, Vec<String>)> {
    let found = |id: &str| known.observed.iter().any(|o| o.finding.detection == id);
    for (weakens, restores) in PAIRS {
        if found(weakens) {
            return Some((WEAKENED, Vec::new()));
        }
        if found(restores) {
            return Some((RESTORED, Vec::new()));
        }
    }
    let deployed = &known.subject.deployed;
    (digests(deployed).next().is_some()).then(|| ("", deployed.clone()))
}

fn fact(
    key: String,
    word: &str,
    images: Vec<String>,
    event: &AuditEvent,
    known: &Known<'_>,
) -> Fact {
    Fact {
        key,
        source: known.key.to_owned(),
        at: event.at,
        said: Said {
            word: word.to_owned(),
            principal: known.subject.actor.principal.clone(),
            target: known.subject.target.clone(),
            revision: known.subject.revision.clone(),
            images,
            ..Said::default()
        },
    }
}

impl OpenDeployClose {
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let known = |key: &String| {
            let now = std::iter::once(&self.now).filter(|now| now.key == *key);
            let mut facts: Vec<_> = memory.of(key).iter().chain(now).collect();
            facts.sort_by_key(|fact| fact.at);
            facts
        };
        let (restored, deployments) = (known(&self.restored), known(&self.deployments));
        for opened in known(&self.weakened) {
            let follows = |closed: &&&Fact| {
                closed.at > opened.at && closed.at.duration_since(opened.at) <= SPAN
            };
            let Some(closed) = restored.iter().find(follows) else {
                continue;
            };
            let inside: Vec<_> = deployments
                .iter()
                .copied()
                .filter(|deployed| opened.at <= deployed.at && deployed.at <= closed.at)
                .collect();
            if self.includes_now(opened, closed, &inside) {
                self.tell(opened, closed.at, inside, memory, weighed);
            }
        }
    }

    /// Whether this event is one of the three: otherwise the story was told before.
    fn includes_now(&self, opened: &Fact, closed: &Fact, inside: &[&Fact]) -> bool {
        let source = &self.now.source;
        opened.source == *source
            || closed.source == *source
            || inside.iter().any(|fact| fact.source == *source)
    }

    /// Tells of the deployments that were not told yet, if there are any.
    fn tell(
        &self,
        opened: &Fact,
        closed: Timestamp,
        mut inside: Vec<&Fact>,
        memory: &Memory,
        weighed: &mut Weighed,
    ) {
        let known = memory.of(&self.told);
        inside.retain(|deployed| {
            let source = told_source(opened, deployed);
            known.iter().all(|told| told.source != source)
        });
        if inside.is_empty() {
            return;
        }
        weighed.facts.extend(inside.iter().map(|deployed| Fact {
            key: self.told.clone(),
            source: told_source(opened, deployed),
            at: opened.at,
            said: Said::default(),
        }));
        // By the weakening's key it joins the case of the weakening.
        weighed.found.push(Observed {
            finding: self.finding(opened, closed, &inside),
            event_key: opened.source.clone(),
            operation: None,
        });
    }

    fn finding(&self, opened: &Fact, closed: Timestamp, inside: &[&Fact]) -> Finding {
        let targets = inside.iter().filter_map(|fact| fact.said.target.as_deref());
        let targets: BTreeSet<_> = targets.collect();
        let images = inside.iter().flat_map(|fact| fact.said.images.clone());
        let images: BTreeSet<_> = images.collect();
        // Each event tells of a weakening once.
        let key = format!("{}|{}", opened.source, self.now.source);
        let mut finding = Finding {
            id: crate::classify::finding_id(&self.finding.detection, &key),
            target: None,
            revision: None,
            images: images.into_iter().collect(),
            ..self.finding.clone()
        };
        finding.actor.principal.clone_from(&opened.said.principal);
        let via = inside.iter().filter_map(|fact| fact.said.principal.clone());
        let via: BTreeSet<_> = via
            .filter(|name| Some(name) != opened.said.principal.as_ref())
            .collect();
        finding.actor.via = via.into_iter().collect();
        let minutes = closed.duration_since(opened.at).as_mins();
        let more = targets.len().saturating_sub(NAMED);
        let mut named = targets
            .into_iter()
            .take(NAMED)
            .collect::<Vec<_>>()
            .join(", ");
        if more > 0 {
            named += &format!(" and {more} more");
        }
        let reason = format!("{named} was deployed within {minutes} min");
        finding.summary = rendered(&self.summary, &finding, &reason);
        finding
    }
}

/// By what it is known that a deployment was told with a weakening. Each Pod of a rollout has an entry of
/// its own: where and what counts, not which entry.
fn told_source(opened: &Fact, deployed: &Fact) -> String {
    let target = deployed.said.target.as_deref().unwrap_or_default();
    let mut images: Vec<_> = digests(&deployed.said.images).map(|d| d.hex()).collect();
    images.sort();
    let deployed = Digest::of(format!("{target}\n{}", images.join("\n")).as_bytes());
    format!("{}|{}", opened.source, deployed.hex())
}
