//! What a step of a case writes: the case, its journal entry and its alert, in one change.

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseStep};
use postern_core::change::{Change, Notification, UsedJustification};
use postern_core::entry::{CaseRecord, Entry, Record};
use postern_core::finding::{Finding, FindingSource, Severity};

use super::{ABOUT_CASES, Overdue, hash_of};
use crate::classify::{blank, rendered};
use crate::detection::{Catalogue, Own};

/// What somebody's step changes. `once`: the text of a justification may justify no other case.
pub(crate) fn after_step(
    case: Case,
    action: CaseAction,
    once: bool,
    now: Timestamp,
    ids: &mut dyn FnMut() -> String,
) -> Change {
    let justified = case
        .justification
        .as_deref()
        .filter(|_| action == CaseAction::Justified);
    let used = justified.map(|text| UsedJustification {
        hash: hash_of(text),
        case_id: case.id.clone(),
        once,
    });
    Change {
        entries: step_entry(&case, now, ids).into_iter().collect(),
        outbox: vec![Notification::of(&case, now)],
        justifications: used.into_iter().collect(),
        cases: vec![case],
        ..Change::default()
    }
}

/// What time alone changes: besides the step, a finding says so, and the alert of a missed step is
/// one step louder than its case.
pub(crate) fn after_time(
    catalogue: &Catalogue,
    overdue: Overdue,
    now: Timestamp,
    ids: &mut dyn FnMut() -> String,
) -> Change {
    let finding = finding(catalogue, &overdue, now);
    let mut case = overdue.case;
    case.add_finding(finding.clone());
    let alert = Notification::of(&case, now);
    let louder = overdue.action == CaseAction::Escalated;
    let severity = if louder {
        case.severity.one_up()
    } else {
        case.severity
    };
    let record = Entry {
        id: ids(),
        at: now,
        record: Record::Finding(Box::new(finding.clone())),
    };
    let step = step_entry(&case, now, ids);
    Change {
        findings: vec![finding],
        entries: std::iter::once(record).chain(step).collect(),
        outbox: vec![alert.with_severity(severity)],
        cases: vec![case],
        ..Change::default()
    }
}

fn step_entry(case: &Case, now: Timestamp, ids: &mut dyn FnMut() -> String) -> Option<Entry> {
    let step: &CaseStep = case.history.last()?;
    Some(Entry {
        id: ids(),
        at: now,
        record: Record::CaseStep(CaseRecord {
            case_id: case.id.clone(),
            revision: case.revision,
            step: step.clone(),
        }),
    })
}

fn finding(catalogue: &Catalogue, overdue: &Overdue, now: Timestamp) -> Finding {
    let case = &overdue.case;
    let own = match overdue.action {
        CaseAction::Escalated => Own::CaseOverdue,
        _ => Own::ExceptionLapsed,
    };
    let detection = catalogue.own(own);
    let key = format!("postern.case|{}|{}", case.id, overdue.since);
    let source = FindingSource {
        kind: ABOUT_CASES.to_owned(),
        id: case.id.clone(),
        log: None,
    };
    let mut finding = Finding {
        severity: severity(case.severity, overdue.action),
        category: case.category,
        target: case.target.clone(),
        case_id: Some(case.id.clone()),
        ..blank(detection, &key, now, source)
    };
    let since = overdue.since.to_string();
    finding.summary = rendered(&detection.summary, &finding, &since);
    finding
}

fn severity(of_case: Severity, action: CaseAction) -> Severity {
    match action {
        CaseAction::Escalated => of_case.one_up(),
        _ => of_case,
    }
}
