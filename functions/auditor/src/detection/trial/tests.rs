use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::*;

#[test]
fn every_sample_holds() {
    let trials = trials(&crate::testing::catalogue()).unwrap();
    let broken: Vec<_> = trials.iter().filter(|trial| !trial.holds()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(trials.len() > 1000, "{}", trials.len());
}

#[test]
fn every_detection_that_reads_entries_has_every_kind_of_sample() {
    let catalogue = crate::testing::catalogue();
    let trials = trials(&catalogue).unwrap();
    for detection in catalogue.iter().filter(|d| d.own().is_none()) {
        let has = |kind: &dyn Fn(&Trial) -> bool| {
            let own = |t: &&Trial| t.detection == detection.id;
            trials.iter().filter(own).any(kind)
        };
        assert!(has(&|t| t.expected), "{} fires on nothing", detection.id);
        assert!(has(&|t| !t.expected), "{} fires on anything", detection.id);
        assert!(
            has(&|t| t.evasion),
            "{}: nobody tries to evade it",
            detection.id
        );
    }
}

/// A detection that is damaged anywhere in what it matches or how it rates must fail one of its own
/// samples.
#[test]
fn every_part_of_every_matcher_is_proven_by_a_sample() {
    let catalogue = crate::testing::catalogue();
    let detections: Vec<_> = catalogue.iter().filter(|d| d.own().is_none()).collect();
    let next = AtomicUsize::new(0);
    let survivors = Mutex::new(Vec::new());
    let work = || {
        while let Some(detection) = detections.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = unproven(detection);
            survivors.lock().unwrap().extend(found);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let mut survivors = survivors.into_inner().unwrap();
    survivors.sort();
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// The places of a detection that can be damaged without any sample telling.
fn unproven(detection: &Detection) -> Vec<String> {
    let mut whole: Value = serde_saphyr::from_str(&file(&detection.id)).unwrap();
    // Read once, here: that is what takes time.
    whole["samples"] = Value::Array(Vec::new());
    let samples = detection.samples.bytes().unwrap();
    let samples: Vec<_> = samples
        .iter()
        .map(|(sample, bytes)| (sample, Case::new(sample, bytes)))
        .collect();
    let mut places = Vec::new();
    for part in ["match", "failed", "severityWhen", "louder"] {
        if let Some(value) = whole.get(part) {
            leaves(value, format!("/{part}"), &mut places);
        }
    }
    assert!(places.len() > 1, "{}", detection.id);
    let holds = |mutant: &Detection| {
        samples.iter().all(|(sample, case)| {
            let severity = case.outcome(mutant);
            severity.is_some() == sample.fires
                && (severity.is_none() || sample.severity.is_none() || severity == sample.severity)
        })
    };
    let survives = |place: &String| {
        let mut damaged = whole.clone();
        let leaf = damaged.pointer_mut(place).unwrap();
        *leaf = damage(leaf, place);
        Detection::of(damaged).is_ok_and(|mutant| holds(&mutant))
    };
    places
        .iter()
        .filter(|place| survives(place))
        .map(|place| format!("{} {place}", detection.id))
        .collect()
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

/// Something else of the same kind, so that it is still a detection.
fn damage(leaf: &Value, place: &str) -> Value {
    let instead = |text: &str, one: &str, other: &str| -> Value {
        if text == one { other } else { one }.into()
    };
    match leaf {
        Value::Bool(yes) => Value::Bool(!yes),
        Value::String(text) if place.contains("/field") => match text.strip_suffix("\"]") {
            Some(head) => format!("{head}-damaged\"]").into(),
            None if text.contains('.') => format!("{text}Damaged").into(),
            None => instead(text, "operation", "ip"),
        },
        Value::String(text) if place.starts_with("/match/log") => {
            instead(text, "policy_denied", "activity")
        }
        Value::String(text) if place.ends_with("/severity") || place == "/failed" => {
            instead(text, "INFO", "MEDIUM")
        }
        Value::String(text) if place.ends_with("/in") || place.ends_with("/configured") => {
            instead(text, "attestors", "notes")
        }
        Value::String(text) => format!("{text}-damaged").into(),
        other => other.clone(),
    }
}

#[test]
fn every_sample_is_an_entry_that_a_log_could_write() {
    let trials = trials(&crate::testing::catalogue()).unwrap();
    let unreal: Vec<_> = trials
        .iter()
        .filter_map(|t| Some((&t.detection, &t.sample, t.unreal.as_ref()?)))
        .collect();
    assert!(unreal.is_empty(), "{unreal:#?}");
    assert!(never_firing(&trials).is_empty());
}

#[test]
fn a_detection_that_only_fires_on_what_no_log_writes_is_told() {
    let trial = |sample: &str, fired, unreal: Option<&str>| Trial {
        detection: "acme.x".to_owned(),
        sample: sample.to_owned(),
        evasion: false,
        expected: fired,
        fired,
        expected_severity: None,
        severity: None,
        unreal: unreal.map(str::to_owned),
    };
    let unreal = [trial("a", true, Some("/data")), trial("b", false, None)];
    assert_eq!(never_firing(&unreal), [("acme.x", "/data")]);
    let real = [trial("a", true, Some("/data")), trial("b", true, None)];
    assert!(never_firing(&real).is_empty());
}
