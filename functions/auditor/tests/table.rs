//! The committed table: which detections must fire on which entries.

use std::collections::{BTreeMap, BTreeSet};

use postern_auditor::classify::classify;
use postern_auditor::detection::{Catalogue, Samples};
use postern_auditor::parse::{Form, event};
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    expect: BTreeMap<String, Vec<String>>,
    entries: Samples,
}

const TABLE: &str = include_str!("table.yaml");

#[test]
fn every_entry_gives_exactly_the_expected_findings() {
    let table: Table = serde_saphyr::from_str(TABLE).unwrap();
    let catalogue = Catalogue::embedded().unwrap();
    let entries = table.entries.bytes().unwrap();
    assert_eq!(entries.len(), table.expect.len());
    for (sample, bytes) in entries {
        let event = event(&bytes, Form::LogEntry).unwrap();
        let found = classify(&catalogue, &event);
        let found: Vec<_> = found.iter().map(|o| o.finding.detection.as_str()).collect();
        assert_eq!(found, table.expect[&sample.name], "{}", sample.name);
        assert_eq!(sample.fires, !found.is_empty(), "{}", sample.name);
    }
}

#[test]
fn every_detection_that_reads_entries_is_in_the_table() {
    let catalogue = Catalogue::embedded().unwrap();
    let reads = |id: &str| catalogue.get(id).is_some_and(|d| d.own().is_none());
    let known: BTreeSet<_> = catalogue
        .iter()
        .filter(|d| reads(&d.id))
        .map(|d| d.id.clone())
        .collect();
    let table: Table = serde_saphyr::from_str(TABLE).unwrap();
    let expected: BTreeSet<_> = table.expect.into_values().flatten().collect();
    assert_eq!(expected, known);
}
