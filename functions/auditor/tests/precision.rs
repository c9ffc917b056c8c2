//! Ordinary entries: none of them may have a finding that wakes somebody, and every detection is
//! tried on something that looks much like what it is after.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use postern_auditor::detection::Catalogue;
use postern_auditor::input::{Classified, classify_all};
use postern_core::finding::Severity;
use postern_host::config::TrustSet;
use serde::Deserialize;
use serde_json::Value;

/// Ordinary whoever looks at them.
const ORDINARY: [&str; 2] = [
    include_str!("ordinary/gcp.ndjson"),
    include_str!("ordinary/aws.ndjson"),
];

/// Ordinary once it is told what is ours.
const ORDINARY_ONCE_TOLD: &str = include_str!("ordinary/once-told.ndjson");

const TRUST: &str = include_str!("ordinary/trust.yaml");

/// Findings above this wake somebody.
const QUIET: Severity = Severity::Low;

/// Detections that nobody can do without, and that are wrong now and then. There are none.
const EXCEPTIONS: [&str; 0] = [];

#[test]
fn nobody_is_woken_by_ordinary_entries() {
    let catalogue = Catalogue::embedded().unwrap();
    for file in ORDINARY {
        assert_eq!(loud(&catalogue, file), [""; 0]);
    }
}

#[test]
fn nobody_is_woken_by_ordinary_entries_where_it_is_told_what_is_ours() {
    let catalogue = told();
    for file in ORDINARY.into_iter().chain([ORDINARY_ONCE_TOLD]) {
        assert_eq!(loud(&catalogue, file), [""; 0]);
    }
}

#[test]
fn what_is_ordinary_once_told_is_told_apart_by_the_trust_set() {
    let catalogue = Catalogue::embedded().unwrap();
    assert_ne!(loud(&catalogue, ORDINARY_ONCE_TOLD), [""; 0]);
}

#[test]
fn the_ordinary_entries_are_many_and_of_many_kinds() {
    let ordinary: Vec<_> = ORDINARY.into_iter().flat_map(calls).collect();
    let methods: BTreeSet<_> = ordinary.iter().map(|call| &call.method).collect();
    let ids: BTreeSet<_> = ordinary.iter().map(|call| &call.id).collect();
    assert!(ordinary.len() >= 300, "{} entries", ordinary.len());
    assert!(methods.len() >= 60, "{} methods", methods.len());
    assert_eq!(ids.len(), ordinary.len(), "an id twice");
    assert!(ids.iter().all(|id| id.starts_with("synthetic-")));
}

#[test]
fn every_ordinary_entry_is_read() {
    let catalogue = Catalogue::embedded().unwrap();
    for file in ORDINARY.into_iter().chain([ORDINARY_ONCE_TOLD]) {
        let read = classified(&catalogue, file);
        assert_eq!(read.len(), file.lines().count());
        assert!(read.iter().all(|classified| classified.event.is_some()));
    }
}

#[test]
fn every_detection_is_tried_on_something_that_nearly_fires_it() {
    let files = ORDINARY.into_iter().chain([ORDINARY_ONCE_TOLD]);
    let ordinary: Vec<_> = files.flat_map(calls).collect();
    let catalogue = Catalogue::embedded().unwrap();
    let untried: Vec<_> = catalogue
        .iter()
        .filter(|detection| detection.own().is_none())
        .map(|detection| matched(&detection.id))
        .filter(|matched| !ordinary.iter().any(|call| matched.nearly(call)))
        .map(|matched| matched.id)
        .collect();
    assert_eq!(untried, [""; 0]);
}

fn told() -> Catalogue {
    let trust: TrustSet = serde_saphyr::from_str(TRUST).unwrap();
    Catalogue::embedded().unwrap().trusting(&trust)
}

fn classified(catalogue: &Catalogue, file: &str) -> Vec<Classified> {
    let mut all = Vec::new();
    classify_all(
        catalogue,
        file.as_bytes(),
        true,
        Timestamp::UNIX_EPOCH,
        &mut |one| {
            all.push(one);
        },
    );
    all
}

/// The findings that would wake somebody, by entry.
fn loud(catalogue: &Catalogue, file: &str) -> Vec<String> {
    let findings = classified(catalogue, file)
        .into_iter()
        .flat_map(|one| one.observed)
        .map(|observed| observed.finding);
    findings
        .filter(|finding| finding.severity > QUIET)
        .filter(|finding| !EXCEPTIONS.contains(&finding.detection.as_str()))
        .map(|f| format!("{}: {} {:?}", f.source.id, f.detection, f.severity))
        .collect()
}

/// What an entry says was called, in whatever log it stands.
struct Call {
    id: String,
    service: String,
    method: String,
}

fn calls(file: &str) -> Vec<Call> {
    let call = |line: &str| {
        let entry: Value = serde_json::from_str(line).unwrap();
        let first = |places: &[&str]| {
            let mut found = places.iter().filter_map(|place| entry.pointer(place));
            found.find_map(Value::as_str).unwrap_or_default().to_owned()
        };
        Call {
            id: first(&["/insertId", "/eventID"]),
            service: first(&["/protoPayload/serviceName", "/eventSource"]),
            method: first(&["/protoPayload/methodName", "/eventName"]),
        }
    };
    file.lines().map(call).collect()
}

/// What a detection looks for, as far as it can be missed narrowly.
#[derive(Deserialize)]
struct File {
    id: String,
    #[serde(rename = "match")]
    matched: Matched,
}

#[derive(Deserialize)]
struct Matched {
    #[serde(skip)]
    id: String,
    #[serde(default)]
    service: OneOrMany,
    #[serde(default)]
    method: OneOrMany,
    #[serde(default, rename = "where")]
    conditions: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

fn matched(id: &str) -> Matched {
    let path = format!("{}/detections/{id}.yaml", env!("CARGO_MANIFEST_DIR"));
    let file: File = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(file.id, id);
    Matched {
        id: file.id,
        ..file.matched
    }
}

impl Matched {
    /// The same method of the same service. Of AWS, where a detection has no more conditions, such a
    /// record is one that fires; there it is a method of that name of another service, or another
    /// method of that service.
    fn nearly(&self, call: &Call) -> bool {
        let same_method = self.method.is_empty() || self.method.any(|m| ends_in(&call.method, m));
        let same_service = self.service.is_empty() || self.service.any(|s| call.service == s);
        if self.id.starts_with("aws.") && self.conditions.is_empty() {
            same_method != same_service
        } else {
            same_method && same_service
        }
    }
}

impl OneOrMany {
    fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    fn any(&self, holds: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::None => false,
            Self::One(one) => holds(one),
            Self::Many(many) => many.iter().any(|one| holds(one)),
        }
    }
}

/// As detections read it: at a dot or slash, and of AWS without the date of the interface.
fn ends_in(method: &str, suffix: &str) -> bool {
    let dated = |rest: &str| {
        let digits = rest.split_once('v').map_or(rest, |(date, _)| date);
        digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let before = method.strip_suffix(suffix);
    before.is_some_and(|before| before.is_empty() || before.ends_with(['.', '/']))
        || method.strip_prefix(suffix).is_some_and(dated)
}
