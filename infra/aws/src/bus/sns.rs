//! Topics of Amazon SNS (`Publish` of the API of 2010-03-31).

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Region;
use aws_sdk_sns::types::MessageAttributeValue;
use postern_core::ports::{BusMessage, BusRefusal, MessageBus};

use super::{BusNameError, LIMIT, arn, fifo, refusal, unwritable};
use crate::session::Session;

/// A topic. Nothing is asked before there is a message.
#[derive(Debug)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic of this ARN, in the region that it says.
    ///
    /// # Errors
    /// If it is no ARN of a topic.
    pub fn new(session: &Session, topic: &str) -> Result<Self, BusNameError> {
        const FORM: &str = "arn:aws:sns:REGION:ACCOUNT:NAME";
        let (region, _) =
            arn(topic, "sns").ok_or_else(|| BusNameError::new(topic, "ARN of a topic", FORM))?;
        let config = aws_sdk_sns::config::Builder::from(session.sdk())
            .region(Region::new(region.to_owned()))
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            arn: topic.to_owned(),
        })
    }
}

#[async_trait]
impl MessageBus for Topic {
    fn limit(&self) -> usize {
        LIMIT
    }

    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            // What stands above the mail of subscribers who take it as mail.
            .subject(message.kind)
            .message(&message.body);
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(unwritable)?;
            request = request.message_attributes(*name, value);
        }
        if let Some((group, id)) = fifo(&self.arn, message) {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| refusal(&error, "sns:Publish", &self.arn, is_at_fault))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

/// A parameter that is wrong is the message, unless it is the topic, or the key that it is encrypted with.
fn is_at_fault(code: &str, text: &str) -> bool {
    code.starts_with("InvalidParameter")
        && !["TopicArn", "Topic", "KMS"]
            .iter()
            .any(|other| text.contains(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_is_not_the_messages_fault() {
        let text = "Invalid parameter: Message too long";
        assert!(is_at_fault("InvalidParameter", text));
        let text = "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements";
        assert!(!is_at_fault("InvalidParameter", text));
        assert!(!is_at_fault("AuthorizationError", "Message"));
    }
}
