//! Findings and cases as Detection Findings of the Open Cybersecurity Schema Framework (class 2004).

mod case;
mod parts;

use serde_json::{Value, json};

pub use self::case::alert;
use self::parts::{attacks, cloud, evidence, metadata, milliseconds, resources, severity};
use crate::finding::Finding;
use crate::sparse::sparse;

/// The version of the schema that is written.
pub const VERSION: &str = "1.5.0";

/// The class, and the category that it is of.
const CLASS: u32 = 2004;
const CATEGORY: u32 = 2;

/// What happened to a finding (`activity_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Create = 1,
    Update = 2,
    Close = 3,
}

/// One finding, as it was made.
pub fn finding(finding: &Finding) -> Value {
    let mut event = head(Activity::Create);
    let (severity_id, severity) = severity(finding.severity);
    let mut rest = json!({
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "time": milliseconds(finding.at),
        "message": finding.summary,
        "comment": finding.justification,
        "metadata": metadata(&finding.id, [finding].into_iter()),
        "cloud": cloud([finding].into_iter(), finding.target.as_deref()),
        "finding_info": {
            "uid": finding.id,
            "title": finding.summary,
            "types": [finding.category],
            "analytic": {"type_id": 1, "type": "Rule", "uid": finding.detection, "name": finding.detection},
            "attacks": attacks([finding].into_iter()),
            "created_time": milliseconds(finding.at),
            "data_sources": [finding.source.kind],
        },
        "evidences": [evidence(finding)],
        "resources": resources(finding.target.as_deref(), [finding].into_iter()),
        "remediation": finding.rollback.as_ref().map(|command| json!({"desc": command})),
    });
    join(&mut event, &mut rest);
    sparse(event)
}

/// What every event of the class begins with.
fn head(activity: Activity) -> Value {
    let id = activity as u32;
    json!({
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "activity_id": id,
        "activity_name": format!("{activity:?}"),
        "type_uid": CLASS * 100 + id,
        "type_name": format!("Detection Finding: {activity:?}"),
        "is_alert": activity != Activity::Close,
    })
}

fn join(event: &mut Value, rest: &mut Value) {
    if let (Some(event), Some(rest)) = (event.as_object_mut(), rest.as_object_mut()) {
        event.append(rest);
    }
}

#[cfg(test)]
mod tests;
