//! Topics, queues and buses: an alert as one message. Who takes it is an adapter's business.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::Notification;
use postern_core::ports::{BusMessage, BusRefusal, BusRemedy, Buses, MessageBus};
use postern_host::config::{self, BodyFormat, OutputKind};
use tokio::time::timeout;

use super::{Output, OutputMistake, Receipt, Refusal};
use crate::body::fitted::fitted;
use crate::body::text::{fit, plain};
use crate::body::view::word;
use crate::{body, cloud_event};

/// The whole exchange takes at most this long, with everything that the adapter tries again.
const TIMEOUT: Duration = Duration::from_secs(20);
/// So many bytes are left for attributes and for what the API puts around a message.
const ENVELOPE: usize = 16 * 1024;
/// UTF-16 units of an attribute's value: in UTF-8 they have 1024 bytes at most, which is what Pub/Sub
/// takes.
const VALUE: usize = 341;

/// A bus, and how an alert is written for it.
pub(super) struct Bus {
    name: String,
    bus: Arc<dyn MessageBus>,
    body: BodyFormat,
    /// Whether the envelope of a CloudEvent stands in the attributes, too. SQS takes ten attributes,
    /// and that would be more.
    enveloped: bool,
}

impl Bus {
    /// The output, if it is one of these.
    pub(super) fn of_config(
        config: &config::Output,
        buses: &Buses,
    ) -> Option<Result<Box<dyn Output>, OutputMistake>> {
        let (kind, body) = match &config.kind {
            OutputKind::Sns { body, .. } => ("sns", *body),
            OutputKind::Sqs { body, .. } => ("sqs", *body),
            OutputKind::EventBridge { body, .. } => ("eventbridge", *body),
            OutputKind::PubSub { body, .. } => ("pubsub", *body),
            _ => return None,
        };
        let bus = buses
            .get(&config.name)
            .ok_or(OutputMistake::NotConnected(kind));
        Some(bus.map(|bus| -> Box<dyn Output> {
            Box::new(Self {
                name: config.name.clone(),
                bus: Arc::clone(bus),
                body,
                enveloped: kind == "pubsub",
            })
        }))
    }

    fn message(&self, alert: &Notification) -> Result<BusMessage, Refusal> {
        let limit = self.bus.limit().saturating_sub(ENVELOPE);
        let mut attributes = attributes(alert, self.body);
        if self.enveloped && self.body == BodyFormat::CloudEvents {
            attributes.extend(cloud_event::attributes(alert));
        }
        Ok(BusMessage {
            id: alert.id.clone(),
            group: alert.case.id.clone(),
            kind: match alert.case.revision {
                1 => "Postern Case Opened",
                _ => "Postern Case Changed",
            },
            at: alert.at,
            body: fitted(self.body, alert, limit).map_err(Refusal::dead)?,
            attributes,
        })
    }
}

#[async_trait]
impl Output for Bus {
    async fn send(&self, alert: &Notification, _: Timestamp) -> Result<Receipt, Refusal> {
        let message = self.message(alert)?;
        match timeout(TIMEOUT, self.bus.publish(&message)).await {
            Ok(Ok(id)) => Ok(Receipt::new(format_args!("message id {id}"))),
            Ok(Err(refusal)) => Err(self.refused(refusal)),
            Err(_) => Err(Refusal::again("no answer in time")),
        }
    }
}

impl Bus {
    /// Only a message that is at fault itself is given up: an outage ends, and a permission or a topic
    /// that is missing is put right by somebody, and no alert must be lost until then. Nothing switches
    /// a bus off: what is gone may be made again under its name.
    fn refused(&self, BusRefusal { remedy, error }: BusRefusal) -> Refusal {
        match remedy {
            BusRemedy::Time(asked) => Refusal {
                retry: super::Retry::Again(asked),
                error,
            },
            BusRemedy::Person => {
                tracing::error!(
                    output = self.name,
                    error,
                    "the output takes nothing until somebody puts it right; alerts wait for that"
                );
                Refusal::again(error)
            }
            BusRemedy::Nothing => Refusal::dead(error),
        }
    }
}

/// What receivers filter by. Eight, and SQS takes ten.
fn attributes(alert: &Notification, body: BodyFormat) -> Vec<(&'static str, String)> {
    let case = &alert.case;
    let target = case.target.as_deref().unwrap_or("unknown");
    [
        ("alertId", alert.id.clone()),
        ("caseId", case.id.clone()),
        ("revision", case.revision.to_string()),
        ("category", word(case.category)),
        ("severity", word(case.severity)),
        ("state", word(case.state)),
        ("target", target.replace(['\u{fffe}', '\u{ffff}'], " ")),
        ("content-type", body::content_type(body).to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name, fit(&value, VALUE, plain)))
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

#[cfg(test)]
mod tests;
