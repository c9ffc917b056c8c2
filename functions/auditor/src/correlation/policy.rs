//! Open, deploy, close: the policy was weakened, something was deployed, and the policy was put
//! back. Whichever of the three entries arrives last makes the finding.

use jiff::{SignedDuration, Timestamp};
use postern_core::event::AuditEvent;
use postern_core::finding::Finding;
use postern_core::memory::{Fact, Memory, Said};

use super::clues::{Clues, Hypothesis, Known, Told, Weighed, digests};
use crate::classify::{Observed, rendered};
use crate::detection::Own;

/// From the weakening to the restoration, at most.
const SPAN: SignedDuration = SignedDuration::from_hours(6);

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
    changes: String,
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
    let changes = format!("policy|{project}");
    let deployments = format!("deployments|{project}");
    let told = format!("told|open-deploy-close|{project}");
    for key in [&changes, &deployments, &told] {
        clues.ask(key.clone());
    }
    let key = if word.is_empty() {
        deployments.clone()
    } else {
        changes.clone()
    };
    let fact = fact(key, word, images, known.event, known);
    clues.say(fact.clone());
    let (finding, summary) = known.finding(Own::OpenDeployClose);
    clues.suppose(Hypothesis::OpenDeployClose(Box::new(OpenDeployClose {
        changes,
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
            allowed: None,
        },
    }
}

impl OpenDeployClose {
    pub(super) fn weigh(&self, memory: &Memory, weighed: &mut Weighed) {
        let mut changes = memory.of(&self.changes).to_vec();
        let mut deployments = memory.of(&self.deployments).to_vec();
        if self.now.said.word.is_empty() {
            deployments.push(self.now.clone());
        } else {
            changes.push(self.now.clone());
        }
        changes.sort_by_key(|fact| fact.at);
        let windows = changes.iter().filter(|fact| fact.said.word == WEAKENED);
        for opened in windows {
            let until = |closed: &&Fact| {
                closed.said.word == RESTORED
                    && closed.at > opened.at
                    && closed.at.duration_since(opened.at) <= SPAN
            };
            let Some(closed) = changes.iter().find(until) else {
                continue;
            };
            let inside: Vec<_> = deployments
                .iter()
                .filter(|deployed| opened.at <= deployed.at && deployed.at <= closed.at)
                .collect();
            if !inside.is_empty() && self.includes_now(opened, closed, &inside) {
                self.tell(opened, closed.at, &inside, memory, weighed);
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

    fn tell(
        &self,
        opened: &Fact,
        closed: Timestamp,
        inside: &[&Fact],
        memory: &Memory,
        weighed: &mut Weighed,
    ) {
        let mut targets: Vec<&str> = inside
            .iter()
            .filter_map(|fact| fact.said.target.as_deref())
            .collect();
        targets.dedup();
        let mut finding = Finding {
            id: crate::classify::finding_id(&self.finding.detection, &opened.source),
            target: None,
            revision: None,
            images: inside.iter().flat_map(|f| f.said.images.clone()).collect(),
            ..self.finding.clone()
        };
        finding.actor.principal.clone_from(&opened.said.principal);
        let via = inside.iter().filter_map(|fact| fact.said.principal.clone());
        finding.actor.via = via
            .filter(|name| Some(name) != opened.said.principal.as_ref())
            .collect();
        finding.actor.via.dedup();
        let minutes = closed.duration_since(opened.at).as_mins();
        let reason = format!("{} was deployed within {minutes} min", targets.join(", "));
        finding.summary = rendered(&self.summary, &finding, &reason);
        let told = Told {
            key: &self.told,
            at: opened.at,
            window: SignedDuration::ZERO,
        };
        // By the weakening's key it joins the case of the weakening.
        let observed = Observed {
            finding,
            event_key: opened.source.clone(),
            operation: None,
        };
        weighed.tell(memory, told, observed);
    }
}
