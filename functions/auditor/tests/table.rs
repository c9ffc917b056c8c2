//! The committed tables: which detections must fire on which entries.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use std::collections::{BTreeMap, BTreeSet};

use postern_auditor::classify::classify;
use postern_auditor::detection::{Catalogue, Samples};
use postern_auditor::parse::{Form, event};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    expect: BTreeMap<String, BTreeSet<String>>,
    entries: Samples,
}

/// Every table with the name of its file.
fn tables() -> Vec<(String, Table)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let table = serde_saphyr::from_str(&text);
        (name, table.unwrap_or_else(|e| panic!("{path:?}: {e}")))
    };
    paths.iter().map(read).collect()
}

#[test]
fn every_entry_gives_exactly_the_expected_findings() {
    let catalogue = Catalogue::embedded().unwrap();
    let mut wrong = Vec::new();
    for (file, table) in tables() {
        let entries = table.entries.bytes().unwrap();
        let names: BTreeSet<_> = entries.iter().map(|(sample, _)| &sample.name).collect();
        assert_eq!(names.len(), entries.len(), "{file}: a name is there twice");
        assert_eq!(names, table.expect.keys().collect(), "{file}");
        for (sample, bytes) in entries {
            let place = format!("{file}: {}", sample.name);
            let catalogue = catalogue.clone().trusting(&sample.trust);
            let event = event(&bytes, Form::of(&bytes)).unwrap_or_else(|e| panic!("{place}: {e}"));
            let found = classify(&catalogue, &event);
            let found: BTreeSet<_> = found.into_iter().map(|o| o.finding.detection).collect();
            if found != table.expect[&sample.name] || sample.fires == found.is_empty() {
                wrong.push((place, found, table.expect[&sample.name].clone()));
            }
        }
    }
    assert!(wrong.is_empty(), "(entry, found, expected): {wrong:#?}");
}

#[test]
fn every_detection_that_reads_entries_is_in_the_table() {
    let catalogue = Catalogue::embedded().unwrap();
    let reads = catalogue.iter().filter(|d| d.own().is_none());
    let known: BTreeSet<_> = reads.map(|d| d.id.clone()).collect();
    let expected = tables()
        .into_iter()
        .flat_map(|(_, table)| table.expect.into_values())
        .flatten()
        .collect();
    assert_eq!(known, expected);
}
