//! A message of Slack, in blocks (Block Kit). Everything that others wrote stands in plain text
//! objects, and escaped: neither a mention nor a link comes of it.

use postern_core::change::Notification;
use serde_json::{Value, json};

use super::text::{entities, fit};
use super::view::{self, View};
use crate::group::AlertGroup;

/// A header takes 150 characters, the text of a section 3000, one of its fields 2000; a section takes ten fields
/// (Slack, "Block Kit: blocks").
const HEADER: usize = 150;
const SECTION: usize = 3000;
const FIELD: usize = 2000;
const FIELDS: usize = 10;

/// The message of an alert.
pub(crate) fn message(alert: &Notification) -> Value {
    written(view::of(alert))
}

/// The message of a group.
pub(crate) fn message_of_group(group: &AlertGroup) -> Value {
    written(view::of_group(group))
}

fn written(view: View) -> Value {
    let header = json!({"type": "header", "text": plain(&view.title, HEADER)});
    let summary = json!({"type": "section", "text": plain(&view.summary, SECTION)});
    let facts: Vec<Value> = view
        .facts
        .iter()
        .flat_map(|(name, value)| {
            let name = json!({"type": "mrkdwn", "text": format!("*{name}*"), "verbatim": true});
            [name, plain(value, FIELD)]
        })
        .collect();
    let facts = facts
        .chunks(FIELDS)
        .map(|fields| json!({"type": "section", "fields": fields}));
    let blocks: Vec<Value> = [header, summary].into_iter().chain(facts).collect();
    json!({
        // What a notification shows.
        "text": fit(&format!("{} {}", view.title, view.target.unwrap_or_default()), SECTION, entities),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "emoji": false, "text": some(fit(text, limit, entities))})
}

/// A text object must not be empty.
fn some(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
