//! Alerts of an Alertmanager (API v2). Its labels say which alert it is, so they hold what does not
//! change; the severity is one of them nevertheless, for routes to see it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use postern_core::case::CaseState;
use postern_core::change::Notification;
use postern_core::finding::Severity;
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::text::{fit, plain};
use super::view::{self, word};

/// So long an alert stands without a word about its case. Without an end it would be taken for
/// resolved after the receiver's `resolve_timeout`, five minutes by default.
const STANDS: SignedDuration = SignedDuration::from_hours(30 * 24);
const TEXT: usize = 2000;

/// The alerts of a case: the one that stands, and those that it stood as before.
pub(crate) fn alerts(alert: &Notification) -> Value {
    let case = &alert.case;
    let closed = case.state == CaseState::Closed;
    let until = alert.at.checked_add(STANDS).unwrap_or(Timestamp::MAX);
    let now = one(alert, case.severity, if closed { alert.at } else { until });
    let known: BTreeSet<_> = case
        .findings
        .iter()
        .map(|finding| finding.severity)
        .collect();
    let before = Severity::ALL.into_iter().filter(|other| {
        // An alert may have been louder than its case; whatever stands ends with the case.
        *other != case.severity && (closed || (known.contains(other) && *other < case.severity))
    });
    let before = before.map(|severity| one(alert, severity, alert.at));
    [now].into_iter().chain(before).collect()
}

fn one(alert: &Notification, severity: Severity, ends_at: Timestamp) -> Value {
    let case = &alert.case;
    let view = view::of(alert);
    let mut annotations: Map<String, Value> = view
        .facts
        .iter()
        .map(|(name, value)| {
            (
                name.to_lowercase().replace(' ', "_"),
                fit(value, TEXT, plain).into(),
            )
        })
        .collect();
    annotations.insert("summary".to_owned(), view.title.into());
    annotations.insert(
        "description".to_owned(),
        fit(&view.summary, TEXT, plain).into(),
    );
    json!({
        "labels": {
            "alertname": "PosternCase",
            "case": case.id,
            "category": word(case.category),
            "severity": word(severity).to_lowercase(),
            "target": fit(case.target.as_deref().unwrap_or("unknown"), TEXT, plain),
        },
        "annotations": annotations,
        "startsAt": case.opened_at,
        "endsAt": ends_at,
    })
}

/// From the address of an Alertmanager, with or without a prefix, to where it takes alerts.
pub(crate) fn alerts_of(url: &mut Url) {
    const PATH: &str = "/api/v2/alerts";
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
}

#[cfg(test)]
mod tests;
