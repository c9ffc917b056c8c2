//! Detections held against their own samples.

use super::{Catalogue, Detection, Own, SampleError};
use crate::parse::{self, Form};
use crate::subject::Subject;

/// One sample, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The detection.
    pub detection: String,
    /// The sample.
    pub sample: String,
    /// Whether it must fire.
    pub expected: bool,
    /// Whether it did.
    pub fired: bool,
}

impl Trial {
    /// Whether the detection did what the sample says.
    pub const fn holds(&self) -> bool {
        self.expected == self.fired
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
            trials.push(Trial {
                detection: detection.id.clone(),
                sample: sample.name.clone(),
                expected: sample.fires,
                fired: fires(detection, &bytes),
            });
        }
    }
    Ok(trials)
}

fn fires(detection: &Detection, bytes: &[u8]) -> bool {
    let event = parse::event(bytes, Form::LogEntry);
    match (detection.own(), event) {
        (Some(Own::UnreadableEntry), event) => event.is_err(),
        (_, Ok(event)) => detection.fires(&event, &Subject::of(&event)),
        (_, Err(_)) => false,
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
