//! Detections held against their own samples.

use std::collections::BTreeMap;

use postern_core::event::AuditEvent;
use postern_core::finding::Severity;

use super::{Catalogue, Detection, Own, Sample, SampleError, Scene, Trust, shape};
use crate::parse::{self, Form, Unreadable};
use crate::subject::Lazily;

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
    /// Why no log writes such an entry; `None` if one could.
    pub unreal: Option<String>,
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

/// The detections that could never fire: none of the samples that they fire on is an entry that a log
/// could write. Each with the reason, for the first of them.
pub fn never_firing(trials: &[Trial]) -> Vec<(&str, &str)> {
    let mut known: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.fired) {
        let reason = known
            .entry(&trial.detection)
            .or_insert(trial.unreal.as_deref());
        // One is enough.
        if trial.unreal.is_none() {
            *reason = None;
        }
    }
    let never = known.into_iter();
    never
        .filter_map(|(id, reason)| Some((id, reason?)))
        .collect()
}

fn trial(detection: &Detection, sample: &Sample, bytes: &[u8]) -> Trial {
    let severity = Case::new(sample, bytes).outcome(detection);
    Trial {
        detection: detection.id.clone(),
        sample: sample.name.clone(),
        evasion: sample.evasion,
        expected: sample.fires,
        fired: severity.is_some(),
        expected_severity: sample.severity,
        severity,
        unreal: detection.own().is_none().then(|| unreal(bytes)).flatten(),
    }
}

/// A sample, read.
struct Case {
    event: Result<AuditEvent, Unreadable>,
    trust: Trust,
}

impl Case {
    fn new(sample: &Sample, bytes: &[u8]) -> Self {
        Self {
            event: parse::event(bytes, Form::of(bytes)),
            trust: Trust::from(&sample.trust),
        }
    }

    /// The severity of what is found; `None` where nothing is.
    fn outcome(&self, detection: &Detection) -> Option<Severity> {
        match (detection.own(), &self.event) {
            (Some(Own::UnreadableEntry), event) => event.is_err().then_some(detection.severity),
            (_, Ok(event)) => {
                let subject = Lazily::of(event);
                let scene = Scene {
                    event,
                    subject: &subject,
                    trust: &self.trust,
                };
                detection.fires(scene).then(|| detection.severity_of(scene))
            }
            (_, Err(_)) => None,
        }
    }
}

fn unreal(bytes: &[u8]) -> Option<String> {
    match serde_json::from_slice(bytes) {
        Ok(entry) => shape::check(&entry).err(),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
