//! Ticks that come through a queue: `{"tick":true}`.
//!
//! What is to be sent stands in the outbox alone, so a message names nothing, and any of them may come
//! twice, late or never: each drains what is due, and an alert that somebody else has claimed is not
//! sent again.

use jiff::Timestamp;
use postern_core::ports::Unavailable;
use serde::Deserialize;

use crate::notifier::Notifier;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    tick: bool,
}

/// Does what a message says.
///
/// # Errors
/// If it says nothing that we know, which ends in the queue's dead-letter queue; or if the outbox could
/// not be read or written.
pub async fn take(notifier: &Notifier, body: &str) -> Result<(), Unavailable> {
    match serde_json::from_str(body) {
        Ok(Message { tick: true }) => notifier.tick(Timestamp::now()).await.map(drop),
        _ => Err(Unavailable::permanent(
            "the queue",
            "the message is not {\"tick\":true}, which is all that the notifier takes",
        )),
    }
}
