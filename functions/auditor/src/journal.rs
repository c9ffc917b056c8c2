//! The gate's own acts, as the journal has them → findings.

use jiff::Timestamp;
use postern_core::change::SeenEvent;
use postern_core::decision::{Caller, Decision, EnforcementMode};
use postern_core::entry::{Entry, Record};
use postern_core::finding::{Actor, BypassedVerdict, Finding, FindingSource, VerdictSource};
use postern_core::image::Digest;
use postern_core::reason::{Reason, Verdict};

use crate::classify::{Observed, blank, rendered};
use crate::decide::Intake;
use crate::detection::{Catalogue, Detection, Own};

/// The most reasons that a finding repeats.
const REASON_LIMIT: usize = 16;

/// What there is to find in a journal entry: a use of the emergency door, something let through
/// undecided, a change of the revocation list.
pub fn findings_of_entry(catalogue: &Catalogue, entry: &Entry) -> Vec<Observed> {
    let finding = match &entry.record {
        Record::Decision(decision) => of_decision(catalogue, decision),
        Record::Revocation(change) => {
            let own = catalogue.own(Own::Revoked);
            Some(of_list(
                own,
                entry,
                &change.by,
                &change.what.to_string(),
                &change.reason,
            ))
        }
        Record::Unrevocation(change) => {
            let own = catalogue.own(Own::Unrevoked);
            Some(of_list(
                own,
                entry,
                &change.by,
                &change.what.to_string(),
                &change.reason,
            ))
        }
        _ => None,
    };
    let observed = |finding| Observed {
        finding,
        event_key: key(&entry.id),
        operation: None,
    };
    finding.map(observed).into_iter().collect()
}

/// The intake of a journal entry. Taking the same entry in again changes nothing.
pub(crate) fn intake(
    catalogue: &Catalogue,
    entry: &Entry,
    append: bool,
    now: Timestamp,
) -> Result<Intake, serde_json::Error> {
    let raw = serde_json::to_vec(entry)?;
    let seen = SeenEvent {
        key: key(&entry.id),
        content: Digest::of(&serde_json::to_vec(&entry.record)?),
        received_at: now,
        raw,
    };
    Ok(Intake {
        entries: if append {
            vec![entry.clone()]
        } else {
            Vec::new()
        },
        ..Intake::of_own(seen, findings_of_entry(catalogue, entry))
    })
}

/// The intake of an entry whose id is known with other content. It is not appended: an id stands for
/// one entry.
pub(crate) fn reused(catalogue: &Catalogue, intake: Intake, id: &str, now: Timestamp) -> Intake {
    let key = format!("{}|{}", intake.seen.key, intake.seen.content);
    let detection = catalogue.own(Own::ReusedId);
    let mut finding = blank(detection, &key, now, source(id));
    finding.summary = rendered(&detection.summary, &finding, "");
    Intake {
        seen: SeenEvent {
            key: key.clone(),
            ..intake.seen
        },
        entries: Vec::new(),
        observed: vec![Observed {
            finding,
            event_key: key,
            operation: None,
        }],
        ..intake
    }
}

fn key(id: &str) -> String {
    format!("postern.journal|{id}")
}

fn of_decision(catalogue: &Catalogue, decision: &Decision) -> Option<Finding> {
    let undecided = decision.allowed
        && decision.verdict == Verdict::Undetermined
        && decision.enforcement == EnforcementMode::Enforced;
    let own = match &decision.break_glass {
        Some(_) => Own::GateBreakGlass,
        None if undecided => Own::GateFailOpen,
        None => return None,
    };
    let detection = catalogue.own(own);
    let overrode = decision.break_glass.as_ref().map(|used| used.overrode);
    let images = decision.images.iter();
    let mut finding = Finding {
        actor: actor(decision.caller.as_ref()),
        target: Some(decision.target.to_string()),
        images: images
            .map(|i| {
                i.resolved
                    .as_ref()
                    .map_or(i.image.clone(), |r| r.written().to_owned())
            })
            .collect(),
        justification: decision
            .break_glass
            .as_ref()
            .and_then(|used| used.justification.clone()),
        bypassed: match overrode {
            Some(Verdict::NonConformant) => Some(true),
            Some(Verdict::Conformant) => Some(false),
            _ => None,
        },
        bypassed_verdict: overrode.map(|verdict| BypassedVerdict {
            verdict,
            reasons: reasons(decision),
            source: VerdictSource::Gate,
        }),
        decision_id: Some(decision.id.clone()),
        ..blank(
            detection,
            &key(&decision.id),
            decision.decided_at,
            source(&decision.id),
        )
    };
    if let Some(used) = &decision.break_glass {
        let reasons_to_be_louder = [used.over_quota, used.justification.is_none()];
        let steps = reasons_to_be_louder.into_iter().filter(|louder| *louder);
        finding.severity = steps.fold(finding.severity, |severity, _| severity.one_up());
    }
    finding.summary = rendered(&detection.summary, &finding, "");
    Some(finding)
}

fn of_list(detection: &Detection, entry: &Entry, by: &str, what: &str, reason: &str) -> Finding {
    let mut finding = Finding {
        actor: Actor {
            principal: Some(by.to_owned()),
            ..Actor::default()
        },
        justification: Some(reason.to_owned()),
        ..blank(detection, &key(&entry.id), entry.at, source(&entry.id))
    };
    finding.summary = rendered(&detection.summary, &finding, what);
    finding
}

fn source(id: &str) -> FindingSource {
    FindingSource {
        kind: "postern.gate".to_owned(),
        id: id.to_owned(),
        log: None,
    }
}

fn actor(caller: Option<&Caller>) -> Actor {
    let name = |caller: &Caller| {
        caller
            .email
            .clone()
            .unwrap_or_else(|| caller.subject.clone())
    };
    Actor {
        principal: caller.map(name),
        ..Actor::default()
    }
}

fn reasons(decision: &Decision) -> Vec<Reason> {
    let of_images = decision.images.iter().flat_map(|image| &image.reasons);
    decision
        .reasons
        .iter()
        .chain(of_images)
        .take(REASON_LIMIT)
        .cloned()
        .collect()
}
