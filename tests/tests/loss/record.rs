//! What was recorded, read from an export of the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::scene::Scene;

/// An export, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) entries: usize,
    /// How often an event was taken in, by its `insertId`.
    pub(crate) receipts: BTreeMap<String, usize>,
    pub(crate) findings: Vec<Found>,
    /// Cases that took a step.
    pub(crate) cases: BTreeSet<String>,
    /// How often an output confirmed an alert.
    pub(crate) deliveries: BTreeMap<(String, String), usize>,
}

/// A finding.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) category: String,
    /// The `insertId` of its event.
    pub(crate) event: String,
    pub(crate) case: String,
}

impl Record {
    /// Exports everything that was signed.
    pub(crate) fn of(scene: &Scene) -> Self {
        let export = scene.path("export.ndjson");
        let out = export.display().to_string();
        // One of an earlier time says less.
        let _ = std::fs::remove_file(&export);
        postern_tests::run(&mut scene.ledger(&["export", "--out", &out]));
        let mut record = Self::default();
        for line in BufReader::new(std::fs::File::open(export).unwrap())
            .lines()
            .skip(1)
        {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            record.take(&line["entry"]);
        }
        record
    }

    fn take(&mut self, entry: &Value) {
        self.entries += 1;
        let body = &entry["body"];
        match entry["record"].as_str().unwrap() {
            "EVENT" => {
                assert_eq!(body["readable"], true, "{entry}");
                let key = text(&body["eventKey"]);
                let id = key.rsplit('|').next().unwrap_or_default().to_owned();
                *self.receipts.entry(id).or_default() += 1;
            }
            "FINDING" => self.findings.push(Found {
                id: text(&body["id"]),
                category: text(&body["category"]),
                event: text(&body["source"]["id"]),
                case: text(&body["caseId"]),
            }),
            "CASE_STEP" => drop(self.cases.insert(text(&body["caseId"]))),
            "DELIVERY" => {
                let delivery = (text(&body["notification"]), text(&body["output"]));
                *self.deliveries.entry(delivery).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// A word; empty where there is none.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
