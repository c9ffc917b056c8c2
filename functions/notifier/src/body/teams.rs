//! A message of Microsoft Teams: an Adaptive Card, as workflows take it.

use postern_core::change::Notification;
use postern_core::finding::Severity;
use serde_json::{Value, json};

use super::text::{fit, markdown};
use super::view;

/// A message of 28 KB is taken at most. A UTF-16 unit takes at most three bytes, so that fifteen facts and
/// the rest stay below, however they are written.
const SUMMARY: usize = 1200;
const FACT: usize = 420;

/// The message of an alert.
pub(crate) fn message(alert: &Notification) -> Value {
    let view = view::of(alert);
    let color = match alert.case.severity {
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
