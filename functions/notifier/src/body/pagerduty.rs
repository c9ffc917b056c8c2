//! An event of PagerDuty (Events API v2): one incident per case, resolved when the case is closed.

use postern_core::case::{CaseAction, CaseState};
use postern_core::change::Notification;
use postern_core::finding::Severity;
use serde_json::{Map, Value, json};

use super::text::{fit, plain};
use super::view::{self, word};

/// A summary takes 1024 characters, a key 255, an event 512 KB (PagerDuty, "Send an alert event").
const SUMMARY: usize = 1024;
const DEDUP_KEY: usize = 255;
const FACT: usize = 2000;

/// An integration key.
pub(crate) struct RoutingKey(String);

/// Why a text is no integration key. It never shows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what `routingKey` refers to is no integration key of PagerDuty: that is 32 letters and digits; \
     add an integration \"Events API v2\" to the service and take its key"
)]
pub struct RoutingKeyError;

impl RoutingKey {
    /// Reads 32 letters and digits.
    pub(crate) fn parse(text: &str) -> Result<Self, RoutingKeyError> {
        let key = text.trim();
        if key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(RoutingKeyError)
        }
    }
}

/// The event of an alert.
pub(crate) fn event(key: &RoutingKey, alert: &Notification) -> Value {
    let mut event = json!({
        "routing_key": key.0,
        "event_action": action(alert),
        "dedup_key": fit(&alert.case.id, DEDUP_KEY, plain),
    });
    if let (Some(event), "trigger") = (event.as_object_mut(), action(alert)) {
        event.insert("client".to_owned(), "Postern".into());
        event.insert("payload".to_owned(), payload(alert));
    }
    event
}

/// Whoever takes or justifies a case ends the calls about it; whatever happens after that calls again.
fn action(alert: &Notification) -> &'static str {
    let case = &alert.case;
    if case.state == CaseState::Closed {
        return "resolve";
    }
    match case.history.last().map(|step| step.action) {
        Some(CaseAction::Acknowledged | CaseAction::Justified) => "acknowledge",
        _ => "trigger",
    }
}

fn payload(alert: &Notification) -> Value {
    let view = view::of(alert);
    let details: Map<String, Value> = view
        .facts
        .iter()
        .map(|(name, value)| (name.to_string(), fit(value, FACT, plain).into()))
        .collect();
    let target = view.target.as_deref();
    json!({
        "summary": fit(&format!("{}: {}", view.title, view.summary), SUMMARY, plain),
        "source": fit(target.unwrap_or("postern"), FACT, plain),
        "severity": severity(alert.case.severity),
        "timestamp": alert.at,
        "component": "binary-authorization",
        "class": word(alert.case.category),
        "custom_details": details,
    })
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests;
