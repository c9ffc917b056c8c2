//! HTTP POST, signed as Standard Webhooks says.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use postern_host::config::BodyFormat;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::http::Receiver;
use super::{Output, Receipt, Refusal};
use crate::body;
use crate::signature::Secret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A receiver of webhooks.
pub(super) struct Webhook {
    receiver: Receiver,
    secret: Option<Secret>,
    body: BodyFormat,
}

impl Webhook {
    pub(super) const fn new(receiver: Receiver, secret: Option<Secret>, body: BodyFormat) -> Self {
        Self {
            receiver,
            secret,
            body,
        }
    }
}

#[async_trait]
impl Output for Webhook {
    async fn send(&self, alert: &Notification, now: Timestamp) -> Result<Receipt, Refusal> {
        let body = body::written(self.body, alert).map_err(Refusal::dead)?;
        let timestamp = now.as_second();
        let id = HeaderValue::try_from(&alert.id).map_err(Refusal::dead)?;
        let mut headers = HeaderMap::from_iter([(ID, id), (TIMESTAMP, timestamp.into())]);
        if let Some(secret) = &self.secret {
            let signature = secret
                .sign(&alert.id, timestamp, &body)
                .map_err(Refusal::dead)?;
            let signature = HeaderValue::try_from(signature).map_err(Refusal::dead)?;
            headers.insert(SIGNATURE, signature);
        }
        let content_type = body::content_type(self.body);
        self.receiver.post(content_type, headers, body, now).await
    }
}
