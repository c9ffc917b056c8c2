//! `postern audit rules list`.

use postern_auditor::detection::{Catalogue, Detection};
use serde_json::{Value, json};

use super::{Format, word};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

pub(super) fn list(catalogue: &Catalogue, format: Format) -> Outcome {
    match format {
        Format::Json => {
            let detections: Vec<_> = catalogue.iter().map(described).collect();
            output::print_json(&json!({"detections": detections}))?;
        }
        Format::Table => {
            for detection in catalogue.iter() {
                output::print(row(detection)?)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn row(detection: &Detection) -> Result<String, Failure> {
    Ok(format!(
        "{:<45}  {:<8}  {:<21}  {}",
        detection.id,
        word(&detection.severity)?,
        word(&detection.category)?,
        detection.title
    ))
}

fn described(detection: &Detection) -> Value {
    json!({
        "id": detection.id,
        "title": detection.title,
        "severity": detection.severity,
        "category": detection.category,
        "attack": detection.attack,
        "why": detection.why.trim(),
        "whatToDo": detection.what_to_do.trim(),
        "falsePositives": detection.false_positives,
        "readsEntries": detection.own().is_none(),
    })
}
