//! An alert: a case at one revision, with its findings as evidence.

use serde_json::{Value, json};

use super::parts::{attacks, cloud, evidence, metadata, milliseconds, resources, severity};
use super::{Activity, head, join};
use crate::case::{Case, CaseState};
use crate::change::Notification;
use crate::finding::Finding;
use crate::sparse::sparse;

/// The case of an alert as one finding, whose id stays the same from its creation to its close.
pub fn alert(alert: &Notification) -> Value {
    let case = &alert.case;
    let findings = || case.findings.iter();
    let (status_id, status) = status(case.state);
    let (severity_id, severity) = severity(case.severity);
    let first = findings().map(|finding| finding.at).min();
    let last = findings().map(|finding| finding.at).max();
    let mut event = head(activity(case));
    let mut rest = json!({
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_detail": case.closed_as,
        "time": milliseconds(case.opened_at),
        "start_time": first.map(milliseconds),
        "end_time": last.map(milliseconds),
        "message": case.findings.first().map(|finding| &finding.summary),
        "comment": case.justification,
        "assignee_group": case.owner.as_ref().map(|name| json!({"name": name})),
        "tickets": case.ticket.as_ref().map(|uid| json!([{"uid": uid}])),
        "metadata": metadata(&alert.id, findings()),
        "cloud": cloud(findings(), case.target.as_deref()),
        "finding_info": {
            "uid": case.id,
            "title": title(case),
            "types": [case.category],
            "analytic": case.findings.first().map(analytic),
            "related_analytics": case.findings.iter().skip(1).map(analytic).collect::<Vec<_>>(),
            "attacks": attacks(findings()),
            "created_time": milliseconds(case.opened_at),
            "modified_time": milliseconds(alert.at),
            "first_seen_time": first.map(milliseconds),
            "last_seen_time": last.map(milliseconds),
            "related_events_count": case.finding_count,
        },
        "evidences": findings().map(evidence).collect::<Vec<_>>(),
        "resources": resources(case.target.as_deref(), findings()),
        "remediation": case.rollback.as_ref().map(|command| json!({"desc": command})),
        "unmapped": {
            "revision": case.revision,
            "state": case.state,
            "actors": case.actors,
            "dueAt": case.due_at,
            "exceptionUntil": case.exception_until,
            "lastConformantRevision": case.last_conformant_revision,
            "drill": case.drill,
        },
    });
    join(&mut event, &mut rest);
    sparse(event)
}

fn activity(case: &Case) -> Activity {
    match (case.state, case.revision) {
        (CaseState::Closed, _) => Activity::Close,
        (_, 1) => Activity::Create,
        _ => Activity::Update,
    }
}

/// `status_id` and its caption.
const fn status(state: CaseState) -> (u32, &'static str) {
    match state {
        CaseState::Open => (1, "New"),
        CaseState::Acknowledged | CaseState::Justified => (2, "In Progress"),
        CaseState::Closed => (4, "Resolved"),
    }
}

fn title(case: &Case) -> String {
    let summary = case
        .findings
        .first()
        .map(|finding| finding.summary.as_str());
    summary
        .or(case.target.as_deref())
        .unwrap_or("A case of Postern")
        .to_owned()
}

fn analytic(finding: &Finding) -> Value {
    json!({"type_id": 1, "type": "Rule", "uid": finding.detection, "name": finding.detection})
}
