//! CloudEvents by HTTP, in structured mode: the webhook of others, with a token instead of a signature.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use reqwest::header::HeaderMap;

use super::http::Receiver;
use super::{Output, Receipt, Refusal};
use crate::cloud_event;

/// A broker or another receiver of CloudEvents.
pub(super) struct CloudEvents(Receiver);

impl CloudEvents {
    pub(super) const fn new(receiver: Receiver) -> Self {
        Self(receiver)
    }
}

#[async_trait]
impl Output for CloudEvents {
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<Receipt, Refusal> {
        let body = cloud_event::json(alert).map_err(Refusal::dead)?;
        let content_type = cloud_event::CONTENT_TYPE;
        self.0.post(content_type, HeaderMap::new(), body, now).await
    }
}
