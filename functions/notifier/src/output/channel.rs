//! Channels: receivers that have a form of their own for alerts, and take it by plain HTTP POST.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use postern_host::config::Grouping;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::http::Receiver;
use super::{Output, Receipt, Refusal};
use crate::group::AlertGroup;

/// How a group is written.
type WriteGroup = fn(&AlertGroup) -> Value;

/// A receiver, and how an alert is written for it.
pub(super) struct Channel {
    receiver: Receiver,
    write: Box<dyn Fn(&Notification) -> Value + Send + Sync>,
    groups: Option<(Grouping, WriteGroup)>,
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
            groups: None,
        }
    }

    /// The same channel, told of several cases at once where that is configured.
    pub(super) fn grouped(mut self, grouping: Option<Grouping>, write: WriteGroup) -> Self {
        self.groups = grouping.map(|grouping| (grouping, write));
        self
    }

    async fn post(&self, body: Value, now: Timestamp) -> Result<Receipt, Refusal> {
        let body = body.to_string().into_bytes();
        self.receiver
            .post("application/json", HeaderMap::new(), body, now)
            .await
    }
}

#[async_trait]
impl Output for Channel {
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<Receipt, Refusal> {
        self.post((self.write)(alert), now).await
    }

    fn grouping(&self) -> Option<&Grouping> {
        self.groups.as_ref().map(|(grouping, _)| grouping)
    }

    async fn send_group(&self, group: &AlertGroup, now: Timestamp) -> Result<Receipt, Refusal> {
        let Some((_, write)) = &self.groups else {
            return Err(Refusal::again(
                "this channel is told of each case by itself",
            ));
        };
        self.post(write(group), now).await
    }
}

#[cfg(test)]
mod tests;
