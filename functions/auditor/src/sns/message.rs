//! What SNS posts, and which of its fields are signed, in which order.

use jiff::Timestamp;
use serde::Deserialize;

/// One posted message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    message_id: String,
    pub(super) topic_arn: String,
    pub(super) message: String,
    /// The text is signed, so it is kept as it came.
    timestamp: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(rename = "SubscribeURL", default)]
    pub(super) subscribe_url: Option<String>,
    pub(super) signature_version: String,
    pub(super) signature: String,
    #[serde(rename = "SigningCertURL")]
    pub(super) signing_cert_url: String,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    Notification,
    SubscriptionConfirmation,
    UnsubscribeConfirmation,
}

impl Message {
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.timestamp.parse().ok()
    }

    /// The string that was signed; `None` where a field of it is missing.
    pub(super) fn signed(&self) -> Option<String> {
        let mut fields = vec![
            ("Message", self.message.as_str()),
            ("MessageId", &self.message_id),
        ];
        if self.kind == Kind::Notification {
            fields.extend(self.subject.as_deref().map(|subject| ("Subject", subject)));
        } else {
            fields.push(("SubscribeURL", self.subscribe_url.as_deref()?));
        }
        fields.push(("Timestamp", &self.timestamp));
        if self.kind != Kind::Notification {
            fields.push(("Token", self.token.as_deref()?));
        }
        fields.push(("TopicArn", &self.topic_arn));
        fields.push((
            "Type",
            match self.kind {
                Kind::Notification => "Notification",
                Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
                Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
            },
        ));
        let line = |(name, value)| format!("{name}\n{value}\n");
        Some(fields.into_iter().map(line).collect())
    }
}
