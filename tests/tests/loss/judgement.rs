//! The model against what was recorded and delivered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::client;
use crate::events::{Event, Kind};
use crate::model::Model;
use crate::receivers::Taken;
use crate::record::{Found, Record};

/// What each output took.
pub(crate) type Outputs = BTreeMap<&'static str, Taken>;

/// Ticks until nothing waits any more, with so much more patience than usual.
///
/// # Panics
/// If something still waits then.
pub(crate) fn delivered(address: &str, patience: usize) {
    for _ in 0..patience {
        if is_delivered(address) {
            return;
        }
    }
    panic!(
        "alerts still wait:\n{}",
        client::get(address, "/metrics").unwrap().body
    );
}

fn is_delivered(address: &str) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed() < client::PATIENCE {
        let Some(ticked) = client::post(address, "/v1/tick", &json!({})) else {
            continue;
        };
        // So much is due that one request does not see the end of it; the next one goes on.
        if ticked.status == 408 {
            continue;
        }
        assert_eq!(ticked.status, 200, "{}", ticked.body);
        let done = ["overdue", "looked", "spooled", "delivered", "again", "dead"];
        let idle = done.iter().all(|word| ticked.json()[word] == 0);
        if idle && oldest(address) == Some(0.0) {
            return true;
        }
    }
    false
}

/// How long the oldest alert has waited, in seconds.
fn oldest(address: &str) -> Option<f64> {
    let metrics = client::get(address, "/metrics")?.body;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("postern_alerts_oldest_undelivered_seconds "));
    line?.parse().ok()
}

/// Every finding is in its case, and no case has more of them than were recorded.
pub(crate) fn cases(address: &str, record: &Record) -> Vec<String> {
    let mut of_case: BTreeMap<&str, u64> = BTreeMap::new();
    for found in &record.findings {
        *of_case.entry(&found.case).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for (id, count) in of_case {
        if !record.cases.contains(id) {
            wrong.push(format!(
                "{count} findings are in the case {id:?}, which was never opened"
            ));
            continue;
        }
        let case = client::get(address, &format!("/v1/cases/{id}"))
            .unwrap()
            .json();
        if case["findingCount"] != count {
            wrong.push(format!("{count} findings were recorded of case {case}"));
        }
    }
    wrong
}

/// What is lost, half or wrong.
pub(crate) fn compare(model: &Model, record: &Record, outputs: &Outputs) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(recorded(model, record));
    wrong.extend(found(model, record));
    wrong.extend(told(model, record, outputs));
    wrong.extend(confirmed(record, outputs));
    for (output, taken) in outputs {
        wrong.extend(taken.wrong.iter().map(|what| format!("{output}: {what}")));
    }
    wrong
}

/// What was acknowledged and is not recorded yet, or of which one of these outputs was not told.
pub(crate) fn missing(model: &Model, record: &Record, outputs: &Outputs) -> Vec<String> {
    [
        recorded(model, record),
        found(model, record),
        told(model, record, outputs),
        opened(model, record, outputs),
    ]
    .concat()
}

/// Every output was told of every case of an acknowledged event, however quiet.
fn opened(model: &Model, record: &Record, outputs: &Outputs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (output, taken) in outputs {
        let cases = taken.alerts.values();
        let cases: BTreeSet<_> = cases
            .filter_map(|alert| alert["data"]["id"].as_str())
            .collect();
        let of_acknowledged = model
            .acknowledged()
            .flat_map(|event| of_event(record, event));
        let untold = of_acknowledged.filter(|found| !cases.contains(&*found.case));
        wrong.extend(untold.map(|found| format!("{output} does not know of {found:?}")));
    }
    wrong
}

/// Each acknowledged event is there exactly once; others at most once.
fn recorded(model: &Model, record: &Record) -> Vec<String> {
    let mut wrong = Vec::new();
    for event in model.acknowledged() {
        match record.receipts.get(&event.id) {
            Some(1) => {}
            times => wrong.push(format!(
                "{} was acknowledged, and recorded {times:?}",
                event.id
            )),
        }
    }
    let sent: BTreeSet<_> = model.sent().map(|event| &event.id).collect();
    for (id, times) in &record.receipts {
        if *times > 1 || !sent.contains(id) {
            wrong.push(format!("{id} was recorded {times} times"));
        }
    }
    wrong
}

/// An event is there with its findings or not at all, and was never taken for a forgery.
fn found(model: &Model, record: &Record) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut ids = BTreeSet::new();
    let mut events = BTreeSet::new();
    for found in &record.findings {
        if !ids.insert(&found.id) || found.category == "AUDIT_BLINDED" {
            wrong.push(format!("{found:?}"));
        }
        events.insert(&found.event);
    }
    for event in model.sent().filter(|event| event.kind != Kind::Ordinary) {
        let is_recorded = record.receipts.contains_key(&event.id);
        if is_recorded != events.contains(&event.id) {
            wrong.push(format!(
                "{} is half there: recorded {is_recorded}",
                event.id
            ));
        }
    }
    wrong
}

/// Every output was told of every acknowledged break-glass.
fn told(model: &Model, record: &Record, outputs: &Outputs) -> Vec<String> {
    let mut wrong = Vec::new();
    for (output, taken) in outputs {
        let findings: BTreeSet<&str> = taken.alerts.values().flat_map(findings_of).collect();
        let cases: BTreeSet<&str> = taken
            .alerts
            .values()
            .filter_map(|alert| alert["data"]["id"].as_str())
            .collect();
        let is_told = |found: &Found| {
            let first = found.event.starts_with("asked") || findings.contains(&*found.id);
            cases.contains(&*found.case) && first
        };
        let loud = |event: &&Event| matches!(event.kind, Kind::BreakGlass | Kind::Asked);
        for event in model.acknowledged().filter(loud) {
            if !of_event(record, event).all(is_told) {
                wrong.push(format!("{output} was never told of {}", event.id));
            }
        }
    }
    wrong
}

fn of_event<'a>(record: &'a Record, event: &'a Event) -> impl Iterator<Item = &'a Found> {
    let of = |found: &&Found| found.event == event.id;
    record.findings.iter().filter(of)
}

fn findings_of(alert: &Value) -> impl Iterator<Item = &str> {
    let findings = alert["data"]["findings"].as_array();
    findings
        .into_iter()
        .flatten()
        .filter_map(|finding| finding["id"].as_str())
}

/// What one output got all got, and what was got was recorded as such, once.
fn confirmed(record: &Record, outputs: &Outputs) -> Vec<String> {
    let all: BTreeSet<&String> = outputs
        .values()
        .flat_map(|taken| taken.alerts.keys())
        .collect();
    let mut wrong = Vec::new();
    for (output, taken) in outputs {
        for alert in &all {
            let times = record
                .deliveries
                .get(&((*alert).clone(), (*output).to_owned()));
            if times != Some(&1) || !taken.alerts.contains_key(*alert) {
                let got = taken.alerts.contains_key(*alert);
                wrong.push(format!("{output}: {alert} got {got}, recorded {times:?}"));
            }
        }
    }
    let recorded = record.deliveries.len();
    if recorded != all.len() * outputs.len() {
        wrong.push(format!(
            "{recorded} deliveries of {} alerts were recorded",
            all.len()
        ));
    }
    wrong
}

/// The figures of a campaign.
pub(crate) fn print(
    model: &Model,
    record: &Record,
    outputs: &Outputs,
    refused: &BTreeMap<&str, usize>,
) {
    let figures = model.figures;
    println!(
        "events: {} sent, {} acknowledged, {} recorded; {} deliveries, {} of them repeated, {} requests \
         without an answer, {} refused",
        model.sent().count(),
        model.acknowledged().count(),
        record.receipts.len(),
        figures.deliveries,
        figures.repeated,
        figures.unanswered,
        figures.refused,
    );
    println!(
        "ledger: {} entries, {} findings, {} cases",
        record.entries,
        record.findings.len(),
        record.cases.len()
    );
    for (output, taken) in outputs {
        println!(
            "{output}: {} alerts, {} of them came again, {} attempts were refused",
            taken.alerts.len(),
            taken.again,
            refused.get(output).copied().unwrap_or_default()
        );
    }
}
