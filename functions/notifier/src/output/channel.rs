//! Channels: receivers that have a form of their own for alerts, and take it by plain HTTP POST.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::http::Receiver;
use super::{Output, Receipt, Refusal};

/// A receiver, and how an alert is written for it.
pub(super) struct Channel {
    receiver: Receiver,
    write: Box<dyn Fn(&Notification) -> Value + Send + Sync>,
}

impl Channel {
    /// A channel that takes JSON.
    pub(super) fn new(
        receiver: Receiver,
        write: impl Fn(&Notification) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self {
            receiver,
            write: Box::new(write),
        }
    }
}

#[async_trait]
impl Output for Channel {
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<Receipt, Refusal> {
        let body = (self.write)(alert).to_string().into_bytes();
        self.receiver
            .post("application/json", HeaderMap::new(), body, now)
            .await
    }
}

#[cfg(test)]
mod tests;
