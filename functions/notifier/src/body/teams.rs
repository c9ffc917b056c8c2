//! A message of Microsoft Teams: an Adaptive Card, as workflows take it.

use postern_core::change::Notification;
use postern_core::finding::Severity;
use serde_json::{Value, json};

use super::text::{fit, markdown};
use super::view::{self, View};
use crate::group::AlertGroup;

/// A message of 28 KB is taken at most. A UTF-16 unit takes at most three bytes, so that fifteen facts and
/// the rest stay below, however they are written.
const SUMMARY: usize = 1200;
const FACT: usize = 420;

/// The message of an alert.
pub(crate) fn message(alert: &Notification) -> Value {
    written(&view::of(alert), alert.case.severity)
}

/// The message of a group, in the colour of the worst in it.
pub(crate) fn message_of_group(group: &AlertGroup) -> Value {
    let severities = group.alerts.iter().map(|alert| alert.case.severity);
    let worst = severities.max().unwrap_or(Severity::Info);
    written(&view::of_group(group), worst)
}

fn written(view: &View, severity: Severity) -> Value {
    let color = match severity {
        Severity::High | Severity::Critical => "attention",
        Severity::Medium => "warning",
        Severity::Info | Severity::Low => "default",
    };
    let facts: Vec<Value> = view
        .facts
        .iter()
        .map(|(name, value)| json!({"title": name, "value": fit(value, FACT, markdown)}))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": [
                    {
                        "type": "TextBlock", "text": fit(&view.title, FACT, markdown), "wrap": true,
                        "size": "Large", "weight": "Bolder", "color": color,
                    },
                    {"type": "TextBlock", "text": fit(&view.summary, SUMMARY, markdown), "wrap": true},
                    {"type": "FactSet", "facts": facts},
                ],
            },
        }],
    })
}

#[cfg(test)]
mod tests;
