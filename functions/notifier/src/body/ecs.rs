//! An alert as a document of the Elastic Common Schema.

use std::collections::BTreeSet;

use postern_core::case::{Case, CaseState};
use postern_core::change::Notification;
use postern_core::finding::{Category, Finding, Severity};
use postern_core::sparse::sparse;
use postern_core::target::Target;
use serde_json::{Value, json};

use super::view::word;

/// The version of the schema that is written.
const VERSION: &str = "8.17.0";

/// The document of an alert. What the schema has no field for is under `postern`.
pub(super) fn document(alert: &Notification) -> Value {
    let case = &alert.case;
    let first = case.findings.first();
    let findings = || case.findings.iter();
    let target = case
        .target
        .as_ref()
        .and_then(|text| text.parse::<Target>().ok());
    sparse(json!({
        "@timestamp": alert.at,
        "ecs": {"version": VERSION},
        "message": first.map(|finding| &finding.summary),
        "event": {
            "id": alert.id,
            "kind": "alert",
            "category": category(case.category),
            "type": ["info"],
            "action": word(case.category).to_lowercase().replace('_', "-"),
            "severity": severity(case.severity),
            "created": alert.at,
            "start": findings().map(|finding| finding.at).min(),
            "end": (case.state == CaseState::Closed).then_some(alert.at),
            "module": "postern",
            "dataset": "postern.case",
            "provider": first.map(|finding| &finding.source.kind),
            "reason": case.justification,
        },
        "log": {"level": word(case.severity).to_lowercase()},
        "rule": first.map(|finding| json!({
            "id": finding.detection,
            "name": finding.detection,
            "category": finding.category,
            "ruleset": "postern",
        })),
        "threat": threat(case),
        "user": first.and_then(|finding| finding.actor.principal.as_ref()).map(|name| json!({"name": name})),
        "source": first.and_then(|finding| finding.actor.ip.as_ref()).map(|ip| json!({"ip": ip, "address": ip})),
        "related": {
            "user": each(findings().filter_map(|finding| finding.actor.principal.as_deref())
                .chain(case.actors.iter().map(String::as_str))),
            "ip": each(findings().filter_map(|finding| finding.actor.ip.as_deref())),
        },
        "cloud": {
            "provider": first.and_then(provider),
            "project": target.as_ref().and_then(Target::project).map(|id| json!({"id": id})),
        },
        "container": {"image": {"name": first.and_then(|finding| finding.images.first())}},
        "observer": {"vendor": "Postern", "product": "Postern", "type": "admission"},
        "tags": [word(case.category).to_lowercase()],
        "postern": {"case": case},
    }))
}

fn threat(case: &Case) -> Value {
    let findings = case.findings.iter();
    let ids = each(findings.flat_map(|finding| finding.attack.iter().map(String::as_str)));
    if ids.is_empty() {
        return Value::Null;
    }
    let (sub, techniques): (BTreeSet<&str>, BTreeSet<&str>) =
        ids.iter().partition(|id| id.contains('.'));
    json!({
        "framework": "MITRE ATT&CK",
        "technique": {"id": techniques, "subtechnique": {"id": sub}},
    })
}

fn each<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.collect()
}

/// `event.category`, of the words that the schema allows.
fn category(category: Category) -> Vec<&'static str> {
    match category {
        Category::Credential => vec!["iam"],
        Category::TrustChain | Category::PolicyWeakened | Category::AuditBlinded => {
            vec!["configuration"]
        }
        _ => vec!["configuration", "intrusion_detection"],
    }
}

/// `event.severity`: the larger, the worse. The steps are those of Elastic's risk scores.
const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

fn provider(finding: &Finding) -> Option<&'static str> {
    match finding.source.kind.split('.').next() {
        Some("gcp") => Some("gcp"),
        Some("aws") => Some("aws"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
