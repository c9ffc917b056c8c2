//! A message of Google Chat: a card, in one thread per case.

use postern_core::change::Notification;
use reqwest::Url;
use serde_json::{Value, json};

use super::text::{entities, fit, no_tags};
use super::view::{self, View};
use crate::group::AlertGroup;

/// A message takes 32,000 bytes at most. A UTF-16 unit takes at most three, so that fifteen facts and the rest
/// stay below.
const SUMMARY: usize = 1200;
const FACT: usize = 420;
const TITLE: usize = 200;

/// The message of an alert. Texts in cards are HTML; titles are not, and know no escape.
pub(crate) fn message(alert: &Notification) -> Value {
    written(view::of(alert), &alert.case.id, &alert.id)
}

/// The message of a group, in a thread of its own.
pub(crate) fn message_of_group(group: &AlertGroup) -> Value {
    written(view::of_group(group), &group.id, &group.id)
}

fn written(view: View, thread: &str, card: &str) -> Value {
    let target = view.target.unwrap_or_default();
    let summary = json!({"textParagraph": {"text": fit(&view.summary, SUMMARY, entities)}});
    let facts = view.facts.iter().map(|(name, value)| {
        json!({"decoratedText": {"topLabel": name, "text": fit(value, FACT, entities), "wrapText": true}})
    });
    let widgets: Vec<Value> = [summary].into_iter().chain(facts).collect();
    json!({
        // What a notification shows.
        "fallbackText": fit(&format!("{} {target}", view.title), TITLE, no_tags),
        "thread": {"threadKey": thread},
        "cardsV2": [{
            "cardId": card,
            "card": {
                "header": {
                    "title": view.title,
                    "subtitle": fit(&target, TITLE, no_tags),
                },
                "sections": [{"widgets": widgets}],
            },
        }],
    })
}

/// Without it a webhook's message starts a thread of its own.
pub(crate) fn threaded(url: &mut Url) {
    url.query_pairs_mut()
        .append_pair("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
}

#[cfg(test)]
mod tests;
