//! Event buses of Amazon EventBridge (`PutEvents` of the API of 2015-10-07).

use std::time::SystemTime;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::Region;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use postern_core::image::shortened;
use postern_core::ports::{BusMessage, BusRefusal, BusRemedy, MessageBus};

use super::{BusNameError, LIMIT, arn, is_word, of_code, refusal};
use crate::session::Session;

/// Whose events these are, for the patterns of rules.
const SOURCE: &str = "postern";

/// A bus. Nothing is asked before there is a message.
///
/// Events have neither attributes nor an order: rules filter by the detail.
#[derive(Debug)]
pub struct EventBus {
    client: Client,
    bus: String,
}

impl EventBus {
    /// The bus of this name or ARN, in the region of the ARN, in this one, or in that of the session.
    ///
    /// # Errors
    /// If it is neither.
    pub fn new(session: &Session, bus: &str, region: Option<&str>) -> Result<Self, BusNameError> {
        const FORM: &str = "its name, or arn:aws:events:REGION:ACCOUNT:event-bus/NAME";
        let known = arn(bus, "events").filter(|(_, of)| of.starts_with("event-bus/"));
        if known.is_none() && !is_word(bus) {
            return Err(BusNameError::new(bus, "event bus", FORM));
        }
        let mut config = aws_sdk_eventbridge::config::Builder::from(session.sdk());
        if let Some(region) = known.map(|(region, _)| region).or(region) {
            config = config.region(Region::new(region.to_owned()));
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            bus: bus.to_owned(),
        })
    }

    /// The id of the one entry. The request may have gone well, and the entry not.
    fn taken(&self, entry: PutEventsResultEntry) -> Result<String, BusRefusal> {
        match (entry.event_id, entry.error_code) {
            (Some(id), None) => Ok(id),
            (_, code) => {
                let code = code.unwrap_or_default();
                let text = entry.error_message.unwrap_or_default();
                let status = match code.contains("Internal") {
                    true => 500,
                    false => 400,
                };
                Err(BusRefusal {
                    remedy: of_code(&code, &text, status, is_at_fault),
                    error: format!(
                        "it answered {} for {}; {}",
                        shortened(&code),
                        self.bus,
                        shortened(&text)
                    ),
                })
            }
        }
    }
}

#[async_trait]
impl MessageBus for EventBus {
    fn limit(&self) -> usize {
        LIMIT
    }

    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(message.kind)
            .time(DateTime::from(SystemTime::from(message.at)))
            .detail(&message.body)
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer =
            answer.map_err(|error| refusal(&error, "events:PutEvents", &self.bus, is_at_fault))?;
        match answer.entries.unwrap_or_default().into_iter().next() {
            Some(entry) => self.taken(entry),
            None => Err(BusRefusal {
                remedy: BusRemedy::Time(None),
                error: "PutEvents answered without an entry".to_owned(),
            }),
        }
    }
}

fn is_at_fault(code: &str, text: &str) -> bool {
    match code {
        "MalformedDetail" | "InvalidArgument" | "PutEventsRequestEntryTooLarge" => true,
        "ValidationException" | "ValidationError" => !text.to_lowercase().contains("eventbus"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_is_not_the_messages_fault() {
        assert!(is_at_fault("MalformedDetail", ""));
        assert!(is_at_fault(
            "ValidationException",
            "Total size of the entries"
        ));
        let text = "Value 'x' at 'entries.1.member.eventBusName' failed to satisfy";
        assert!(!is_at_fault("ValidationException", text));
        assert!(!is_at_fault("NotAuthorizedForSourceException", ""));
    }
}
