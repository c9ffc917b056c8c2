//! A sign of life: somebody outside is called as long as alerts are delivered, and raises an alarm when
//! the calls stop, whatever stopped them.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use postern_core::ports::{Outbox, Unavailable};
use postern_host::config;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::output::ReceiverError;
use crate::output::http::Receiver;

/// Calls a watch.
pub(crate) struct Heartbeat {
    watch: Receiver,
    every: SignedDuration,
    undelivered: SignedDuration,
    last: Mutex<Option<Timestamp>>,
}

impl Heartbeat {
    /// # Errors
    /// If the URL must not or cannot be called.
    pub(crate) fn new(config: &config::Heartbeat, url: &str) -> Result<Self, ReceiverError> {
        Ok(Self {
            watch: Receiver::secret(url, config.allow_private)?,
            every: config.every,
            undelivered: config.undelivered,
            last: Mutex::default(),
        })
    }

    /// Calls the watch if it is time to, and no alert has waited for too long.
    ///
    /// # Errors
    /// If the outbox cannot be read; the watch is not called then.
    pub(crate) async fn beat(
        &self,
        outbox: &dyn Outbox,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        if !self.is_due(now) {
            return Ok(());
        }
        let oldest = outbox.oldest_undelivered().await?;
        let waited = oldest.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        if waited > self.undelivered {
            tracing::error!(
                seconds = waited.as_secs(),
                "an alert has waited too long: the watch is not called"
            );
            return Ok(());
        }
        let body = json!({"apiVersion": "postern/v1", "kind": "Heartbeat", "at": now,
            "oldestUndeliveredSeconds": waited.as_secs()});
        let body = body.to_string().into_bytes();
        let called = self
            .watch
            .post("application/json", HeaderMap::new(), body, now);
        match called.await {
            Ok(_) => *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now),
            Err(refusal) => {
                tracing::warn!(
                    error = refusal.error,
                    "the watch did not take the heartbeat"
                );
            }
        }
        Ok(())
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| now.duration_since(last) >= self.every)
    }
}

#[cfg(test)]
mod tests;
