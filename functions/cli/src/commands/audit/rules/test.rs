//! `postern audit rules test`.

use postern_auditor::detection::{Catalogue, Trial, never_firing, trials};
use serde_json::json;

use super::{Format, word};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

pub(super) fn test(catalogue: &Catalogue, format: Format) -> Outcome {
    let trials = trials(catalogue).map_err(Failure::mistake)?;
    let mut broken = Vec::new();
    for trial in trials.iter().filter(|trial| !trial.holds()) {
        broken.push(format!("{} {}", trial.detection, did(trial)?));
    }
    for (id, reason) in never_firing(&trials) {
        broken.push(format!(
            "{id} can never fire: no log writes an entry like its samples ({reason})"
        ));
    }
    let of = |kind: &dyn Fn(&Trial) -> bool| trials.iter().filter(|trial| kind(trial)).count();
    let detections = catalogue.iter().count();
    let positives = of(&|trial| trial.expected);
    let negatives = of(&|trial| !trial.expected);
    let evasions = of(&|trial| trial.evasion);
    match format {
        Format::Json => output::print_json(&json!({
            "detections": detections,
            "positives": positives,
            "negatives": negatives,
            "evasions": evasions,
            "broken": broken,
        }))?,
        Format::Table => {
            for line in &broken {
                output::print(line)?;
            }
            output::print(format_args!(
                "{detections} detections; samples: {positives} positives, {negatives} negatives, \
                 {evasions} of all are evasions; {} broken",
                broken.len()
            ))?;
        }
    }
    Ok(if broken.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}

fn did(trial: &Trial) -> Result<String, Failure> {
    let Trial {
        sample,
        expected,
        fired,
        severity,
        expected_severity,
        ..
    } = trial;
    match (expected, fired, severity, expected_severity) {
        (true, true, Some(severity), Some(expected)) => Ok(format!(
            "rates {sample:?} {}, and {} is expected",
            word(severity)?,
            word(expected)?
        )),
        (_, true, ..) => Ok(format!("fires on {sample:?}")),
        (_, false, ..) => Ok(format!("does not fire on {sample:?}")),
    }
}
