//! Queues of Amazon SQS (`SendMessage` of the API of 2012-11-05).

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Region;
use aws_sdk_sqs::types::MessageAttributeValue;
use postern_core::ports::{BusMessage, BusRefusal, MessageBus};

use super::{BusNameError, LIMIT, fifo, is_word, refusal, unwritable};
use crate::session::Session;

/// A queue. Nothing is asked before there is a message.
#[derive(Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue at this URL, in this region, in the one that the URL says, or in that of the session.
    ///
    /// # Errors
    /// If it is no URL of a queue.
    pub fn new(session: &Session, url: &str, region: Option<&str>) -> Result<Self, BusNameError> {
        const FORM: &str = "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME";
        let host = host_of(url).ok_or_else(|| BusNameError::new(url, "URL of a queue", FORM))?;
        let mut config = aws_sdk_sqs::config::Builder::from(session.sdk());
        if let Some(region) = region.or(region_of(host)) {
            config = config.region(Region::new(region.to_owned()));
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            url: url.to_owned(),
        })
    }
}

#[async_trait]
impl MessageBus for Queue {
    fn limit(&self) -> usize {
        LIMIT
    }

    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
        let mut request = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(&message.body);
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(unwritable)?;
            request = request.message_attributes(*name, value);
        }
        if let Some((group, id)) = fifo(&self.url, message) {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| refusal(&error, "sqs:SendMessage", &self.url, is_at_fault))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

fn is_at_fault(code: &str, text: &str) -> bool {
    match code.rsplit(['.', '#']).next().unwrap_or_default() {
        "InvalidMessageContents" | "InvalidAttributeValue" => true,
        "InvalidParameterValue" | "InvalidParameterValueException" => !text.contains("ueue"),
        _ => false,
    }
}

/// The host of `https://HOST/ACCOUNT/NAME`.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let parts: Vec<_> = rest.split('/').collect();
    match parts[..] {
        [host, account, name] if !host.is_empty() && is_word(account) && is_word(name) => {
            Some(host)
        }
        _ => None,
    }
}

/// The region that a host of SQS says: after `sqs`, or before `queue` in the oldest ones.
fn region_of(host: &str) -> Option<&str> {
    let labels: Vec<_> = host.split('.').collect();
    let is_aws = host.ends_with(".amazonaws.com")
        || host.ends_with(".amazonaws.com.cn")
        || host.ends_with(".api.aws");
    let at = |name: &str| labels.iter().position(|label| *label == name);
    let index = match (at("sqs").or(at("sqs-fips")), at("queue")) {
        (Some(index), _) => index + 1,
        (None, Some(index)) => index.checked_sub(1)?,
        (None, None) => return None,
    };
    labels.get(index).copied().filter(|_| is_aws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_the_region() {
        let region = |url: &str| host_of(url).and_then(region_of).map(str::to_owned);
        for (host, expected) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("eu-west-1.queue.amazonaws.com", Some("eu-west-1")),
            (
                "vpce-0a-1b.sqs.us-east-2.vpce.amazonaws.com",
                Some("us-east-2"),
            ),
            (
                "sqs-fips.us-gov-west-1.amazonaws.com",
                Some("us-gov-west-1"),
            ),
            ("sqs.eu-west-1.api.aws", Some("eu-west-1")),
            ("sqs.eu-west-1.example.com", None),
            ("127.0.0.1:5000", None),
        ] {
            let url = format!("https://{host}/111122223333/alerts");
            assert_eq!(region(&url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_queue_is_none() {
        for url in [
            "alerts",
            "https://",
            "https://h/alerts",
            "https://h/1/2/3",
            "https://h/1/ ",
        ] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }

    #[test]
    fn the_queue_is_not_the_messages_fault() {
        assert!(is_at_fault("InvalidMessageContents", ""));
        let text = "One or more parameters are invalid. Reason: Message must be shorter";
        assert!(is_at_fault("InvalidParameterValue", text));
        assert!(!is_at_fault("AWS.SimpleQueueService.NonExistentQueue", ""));
        assert!(!is_at_fault("AccessDenied", ""));
    }
}
