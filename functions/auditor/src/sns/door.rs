//! Who is let in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postern_core::bytes::Base64;
use postern_core::ports::{Fetcher, Unavailable};
use postern_host::problem::quoted;

use super::certificates::Certificates;
use super::message::{Kind, Message};
use super::topic::Topic;

/// A message is believed for so long: SNS delivers again for an hour at most.
const AGE: SignedDuration = SignedDuration::from_hours(1);
/// How far its clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Lets in what listed topics have signed.
pub struct SnsDoor {
    topics: Vec<Topic>,
    certificates: Certificates,
}

/// A text that is no topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("audit.sns.topics: {0:?} is no topic: write arn:aws:sns:REGION:ACCOUNT:NAME")]
pub struct SnsMistake(String);

/// What was posted, and is believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Posted {
    /// A message of a topic.
    Notification {
        /// The topic's ARN.
        topic: String,
        /// The message itself.
        message: String,
    },
    /// A subscription began or ended; nothing is to be done any more.
    Subscription,
}

/// Why a message is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnsError {
    /// It is not signed as a listed topic signs; it will not be the next time either.
    #[error("{0}")]
    Refused(String),
    /// Amazon could not be asked for the certificate, or for the confirmation.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

fn refused<T>(why: impl Into<String>) -> Result<T, SnsError> {
    Err(SnsError::Refused(why.into()))
}

impl SnsDoor {
    /// A door for these topics.
    ///
    /// # Errors
    /// At the first text that is no topic.
    pub fn new(topics: &[String], fetcher: Arc<dyn Fetcher>) -> Result<Self, SnsMistake> {
        let topic = |arn: &String| Topic::parse(arn).ok_or_else(|| SnsMistake(quoted(arn)));
        Ok(Self {
            topics: topics.iter().map(topic).collect::<Result<_, _>>()?,
            certificates: Certificates::new(fetcher),
        })
    }

    /// Reads a posted body, verifies it, and confirms what is to be confirmed. What costs a question
    /// to Amazon comes last.
    pub(crate) async fn open(&self, body: &[u8], now: Timestamp) -> Result<Posted, SnsError> {
        let Ok(message) = serde_json::from_slice::<Message>(body) else {
            return refused(
                "this is no message of Amazon SNS with its signature: switch raw message delivery \
                 off for the subscription",
            );
        };
        let topic = self.verified(&message, now).await?;
        match message.kind {
            Kind::Notification => Ok(Posted::Notification {
                topic: topic.arn.clone(),
                message: message.message,
            }),
            Kind::SubscriptionConfirmation => {
                let url = message.subscribe_url.unwrap_or_default();
                if !topic.is_confirmed_at(&url) {
                    return refused("its SubscribeURL is not one of SNS in the topic's region");
                }
                self.certificates.visit(&url).await?;
                tracing::info!(topic = topic.arn, "a subscription was confirmed");
                Ok(Posted::Subscription)
            }
            Kind::UnsubscribeConfirmation => {
                tracing::warn!(
                    topic = topic.arn,
                    "a subscription has ended: nothing comes from this topic any more"
                );
                Ok(Posted::Subscription)
            }
        }
    }

    async fn verified(&self, message: &Message, now: Timestamp) -> Result<&Topic, SnsError> {
        let named = |topic: &&Topic| topic.arn == message.topic_arn;
        let Some(topic) = self.topics.iter().find(named) else {
            let topic = quoted(&message.topic_arn);
            return refused(format!(
                "topic {topic:?} may not deliver: add it to audit.sns.topics"
            ));
        };
        if message.signature_version != "2" {
            return refused(format!(
                "its signature is not of version 2 (SHA-256): aws sns set-topic-attributes \
                 --topic-arn {} --attribute-name SignatureVersion --attribute-value 2",
                topic.arn
            ));
        }
        let Some(time) = message.time() else {
            return refused("its Timestamp is none");
        };
        let age = now.duration_since(time);
        if age > AGE || age < -AHEAD {
            return refused("its Timestamp is over an hour ago, or in the future");
        }
        if !topic.has_certificate_at(&message.signing_cert_url) {
            return refused("its SigningCertURL is not one of SNS in the topic's region");
        }
        let Some(signed) = message.signed() else {
            return refused("fields of it that are signed are missing");
        };
        let Ok(signature) = Base64::decode(&message.signature) else {
            return refused("its Signature is no base64");
        };
        let certificate = self.certificates.at(&message.signing_cert_url).await?;
        if !certificate.is_valid_at(now.as_second()) {
            return refused("the certificate of its signature is not valid now");
        }
        match certificate.key().verify(signed.as_bytes(), &signature) {
            Ok(()) => Ok(topic),
            Err(error) => refused(format!("its signature is wrong: {error}")),
        }
    }
}
