//! The objects that findings and cases have in common.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::VERSION;
use crate::finding::{Finding, Severity};
use crate::target::Target;

/// `severity_id` and its caption.
pub(super) const fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// `timestamp_t`: milliseconds since 1970.
pub(super) fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Who reports, under which id, and by which profiles.
pub(super) fn metadata<'a>(uid: &str, findings: impl Iterator<Item = &'a Finding>) -> Value {
    let cloud = providers(findings).len() == 1;
    json!({
        "version": VERSION,
        "uid": uid,
        "product": {
            "name": "Postern",
            "vendor_name": "Postern",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "profiles": if cloud { vec!["cloud", "incident"] } else { vec!["incident"] },
    })
}

/// Which cloud it happened in; nothing where that is not one.
pub(super) fn cloud<'a>(
    findings: impl Iterator<Item = &'a Finding>,
    target: Option<&str>,
) -> Option<Value> {
    let providers = providers(findings);
    let provider = providers.first().filter(|_| providers.len() == 1)?;
    let target = target.and_then(|target| target.parse::<Target>().ok());
    let project = target.as_ref().and_then(Target::project);
    Some(json!({
        "provider": provider,
        "account": project.map(|uid| json!({"uid": uid, "type_id": 11, "type": "GCP Project"})),
    }))
}

fn providers<'a>(findings: impl Iterator<Item = &'a Finding>) -> BTreeSet<&'static str> {
    findings
        .filter_map(|finding| match finding.source.kind.split('.').next() {
            Some("gcp") => Some("GCP"),
            Some("aws") => Some("AWS"),
            _ => None,
        })
        .collect()
}

/// Techniques of MITRE ATT&CK, each once.
pub(super) fn attacks<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Value> {
    let ids: BTreeSet<&str> = findings
        .flat_map(|finding| finding.attack.iter().map(String::as_str))
        .collect();
    ids.into_iter()
        .map(|id| match id.split_once('.') {
            None => json!({"technique": {"uid": id}}),
            Some((technique, _)) => {
                json!({"technique": {"uid": technique}, "sub_technique": {"uid": id}})
            }
        })
        .collect()
}

/// What a finding was read from. `data` holds what the schema has no place for.
pub(super) fn evidence(finding: &Finding) -> Value {
    let actor = &finding.actor;
    json!({
        "uid": finding.id,
        "name": finding.detection,
        "actor": actor.principal.as_ref().map(|name| json!({
            "user": {"name": name, "uid": name, "credential_uid": actor.key_name},
        })),
        "src_endpoint": actor.ip.as_ref().map(|ip| json!({"ip": ip})),
        "data": {
            "at": finding.at,
            "summary": finding.summary,
            "severity": finding.severity,
            "category": finding.category,
            "via": actor.via,
            "justification": finding.justification,
            "bypassed": finding.bypassed,
            "bypassedVerdict": finding.bypassed_verdict,
            "revision": finding.revision,
            "decisionId": finding.decision_id,
            "source": finding.source,
        },
    })
}

/// What it happened to, and the images in it.
pub(super) fn resources<'a>(
    target: Option<&str>,
    findings: impl Iterator<Item = &'a Finding>,
) -> Vec<Value> {
    let images: BTreeSet<&str> = findings
        .flat_map(|finding| finding.images.iter().map(String::as_str))
        .collect();
    let target = target.map(|uid| {
        let platform = uid.parse::<Target>().ok().map(|target| target.platform());
        json!({"uid": uid, "name": uid, "type": platform})
    });
    let images = images
        .into_iter()
        .map(|uid| json!({"uid": uid, "name": uid, "type": "container-image"}));
    target.into_iter().chain(images).collect()
}
