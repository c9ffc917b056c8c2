//! Detections held against their own samples.

use postern_core::event::AuditEvent;
use postern_core::finding::Severity;

use super::{Catalogue, Detection, Own, Sample, SampleError, Scene, Trust};
use crate::parse::{self, Form, Unreadable};
use crate::subject::Subject;

/// One sample, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The detection.
    pub detection: String,
    /// The sample.
    pub sample: String,
    /// Whether it is what somebody might try in order to slip through.
    pub evasion: bool,
    /// Whether it must fire.
    pub expected: bool,
    /// Whether it did.
    pub fired: bool,
    /// The severity that it must have; `None` if any will do.
    pub expected_severity: Option<Severity>,
    /// The severity that it had; `None` if it did not fire.
    pub severity: Option<Severity>,
}

impl Trial {
    /// Whether the detection did what the sample says.
    pub fn holds(&self) -> bool {
        let severe = self.expected_severity.is_none() || self.expected_severity == self.severity;
        self.expected == self.fired && (severe || !self.fired)
    }
}

/// Tries every sample of every detection.
///
/// # Errors
/// If a sample stands for no entry.
pub fn trials(catalogue: &Catalogue) -> Result<Vec<Trial>, SampleError> {
    let mut trials = Vec::new();
    for detection in catalogue.iter() {
        for (sample, bytes) in detection.samples.bytes()? {
            trials.push(trial(detection, sample, &bytes));
        }
    }
    Ok(trials)
}

fn trial(detection: &Detection, sample: &Sample, bytes: &[u8]) -> Trial {
    let severity = outcome(detection, sample, &read(bytes));
    Trial {
        detection: detection.id.clone(),
        sample: sample.name.clone(),
        evasion: sample.evasion,
        expected: sample.fires,
        fired: severity.is_some(),
        expected_severity: sample.severity,
        severity,
    }
}

fn read(bytes: &[u8]) -> Result<AuditEvent, Unreadable> {
    parse::event(bytes, Form::LogEntry)
}

/// The severity of what is found; `None` where nothing is.
fn outcome(
    detection: &Detection,
    sample: &Sample,
    event: &Result<AuditEvent, Unreadable>,
) -> Option<Severity> {
    match (detection.own(), event) {
        (Some(Own::UnreadableEntry), event) => event.is_err().then_some(detection.severity),
        (_, Ok(event)) => {
            let scene = Scene {
                event,
                subject: &Subject::of(event),
                trust: &Trust::from(&sample.trust),
            };
            detection.fires(scene).then(|| detection.severity_of(scene))
        }
        (_, Err(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_sample_holds() {
        let trials = trials(&Catalogue::embedded().unwrap()).unwrap();
        let broken: Vec<_> = trials.iter().filter(|trial| !trial.holds()).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(trials.len() > 100, "{}", trials.len());
    }

    #[test]
    fn every_detection_that_reads_entries_has_both_kinds_of_samples() {
        let catalogue = Catalogue::embedded().unwrap();
        let trials = trials(&catalogue).unwrap();
        for detection in catalogue
            .iter()
            .filter(|detection| detection.own().is_none())
        {
            for kind in [true, false] {
                let has = |t: &&Trial| t.detection == detection.id && t.expected == kind;
                assert!(
                    trials.iter().any(|t| has(&t)),
                    "{} lacks {kind}",
                    detection.id
                );
            }
        }
    }

    /// A detection whose matcher is damaged anywhere must fail one of its own samples.
    #[test]
    fn every_part_of_every_matcher_is_proven_by_a_sample() {
        let catalogue = Catalogue::embedded().unwrap();
        let mut survivors = Vec::new();
        for detection in catalogue
            .iter()
            .filter(|detection| detection.own().is_none())
        {
            let yaml = file(&detection.id);
            let whole: Value = serde_saphyr::from_str(&yaml).unwrap();
            let mut places = Vec::new();
            leaves(&whole["match"], "/match".to_owned(), &mut places);
            assert!(places.len() > 2, "{}", detection.id);
            for place in places {
                let mut damaged = whole.clone();
                let leaf = damaged.pointer_mut(&place).unwrap();
                *leaf = damage(leaf, &place);
                let Ok(mutant) = Detection::parse(&damaged.to_string()) else {
                    continue;
                };
                let samples = mutant.samples.bytes().unwrap();
                if samples
                    .iter()
                    .all(|(s, bytes)| s.fires == fires(&mutant, bytes))
                {
                    survivors.push(format!("{} {place}", detection.id));
                }
            }
        }
        assert!(survivors.is_empty(), "{survivors:#?}");
    }

    fn file(id: &str) -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/detections");
        std::fs::read_to_string(format!("{folder}/{id}.yaml")).unwrap()
    }

    fn leaves(value: &Value, place: String, places: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(k, v)| leaves(v, format!("{place}/{k}"), places));
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(i, v)| leaves(v, format!("{place}/{i}"), places));
            }
            _ => places.push(place),
        }
    }

    fn damage(leaf: &Value, place: &str) -> Value {
        match leaf {
            Value::Bool(yes) => Value::Bool(!yes),
            Value::String(text) if place.contains("/field") => match text.strip_suffix("\"]") {
                Some(head) => format!("{head}-damaged\"]").into(),
                None if text.contains('.') => format!("{text}Damaged").into(),
                None => "resource".into(),
            },
            Value::String(text) if text == "activity" => "system_event".into(),
            Value::String(text) if text == "system_event" => "activity".into(),
            Value::String(text) => format!("{text}-damaged").into(),
            other => other.clone(),
        }
    }
}
