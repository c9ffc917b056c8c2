//! Where alerts go on AWS: topics of SNS, queues of SQS, buses of EventBridge. What they share.

mod event_bridge;
mod sns;
mod sqs;

use std::error::Error;

use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use postern_core::image::shortened;
use postern_core::ports::{BusMessage, BusRefusal, BusRemedy};

use crate::failure::explain;

pub use event_bridge::EventBus;
pub use sns::Topic;
pub use sqs::Queue;

/// The largest message of SNS and SQS, and the largest request of EventBridge (256 KiB each, in their
/// lists of quotas). Where one of them takes more by now, nothing is lost by staying below.
const LIMIT: usize = 256 * 1024;

/// A text that names no topic, queue or bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}; write {form}")]
pub struct BusNameError {
    text: String,
    what: &'static str,
    form: &'static str,
}

impl BusNameError {
    fn new(text: &str, what: &'static str, form: &'static str) -> Self {
        let text = shortened(text);
        Self { text, what, form }
    }
}

/// The region and the resource of an ARN of this service.
fn arn<'a>(text: &'a str, service: &str) -> Option<(&'a str, &'a str)> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, of, region, account, resource] => {
            let whole = [partition, region, account, resource].map(is_word);
            (of == service && whole == [true; 4]).then_some((region, resource))
        }
        _ => None,
    }
}

fn is_word(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    !text.is_empty() && text.len() <= 512 && text.bytes().all(known)
}

/// How a FIFO queue or topic orders a message, and knows it again: within a case, and by the alert. Others
/// have none of the two.
fn fifo<'a>(name: &str, message: &'a BusMessage) -> Option<(&'a str, &'a str)> {
    name.ends_with(".fifo")
        .then_some((&message.group, &message.id))
}

/// A message that no request can be made of.
fn unwritable(error: impl ToString) -> BusRefusal {
    BusRefusal {
        remedy: BusRemedy::Nothing,
        error: error.to_string(),
    }
}

/// Why a request failed: `at_fault` tells by the code and the text of the service whether the message is.
fn refusal<E>(
    error: &SdkError<E, HttpResponse>,
    permission: &str,
    resource: &str,
    at_fault: fn(&str, &str) -> bool,
) -> BusRefusal
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let remedy = match error {
        SdkError::ServiceError(service) => {
            let meta = service.err();
            let code = meta.code().unwrap_or_default();
            let text = meta.message().unwrap_or_default();
            of_code(code, text, service.raw().status().as_u16(), at_fault)
        }
        // No region, or a name that makes no request.
        SdkError::ConstructionFailure(_) => BusRemedy::Person,
        _ => BusRemedy::Time(None),
    };
    let error = explain(error, permission, resource);
    BusRefusal { remedy, error }
}

/// What a code means. One that nobody knows is never the message's fault: it may be tried for days, and an
/// alert that was given up is not.
fn of_code(code: &str, text: &str, status: u16, at_fault: fn(&str, &str) -> bool) -> BusRemedy {
    let throttled = ["Throttl", "TooManyRequests", "LimitExceeded", "OverLimit"];
    match status {
        429 | 500.. => BusRemedy::Time(None),
        _ if throttled.iter().any(|word| code.contains(word)) => BusRemedy::Time(None),
        _ if at_fault(code, text) => BusRemedy::Nothing,
        // Access, keys, and what is not there (any more).
        400..=499 => BusRemedy::Person,
        _ => BusRemedy::Time(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_its_service_and_whole() {
        let text = "arn:aws-cn:sns:cn-north-1:111122223333:alerts.fifo";
        assert_eq!(arn(text, "sns"), Some(("cn-north-1", "alerts.fifo")));
        for text in [
            "arn:aws:sqs:eu-west-1:111122223333:alerts",
            "arn:aws:sns::111122223333:alerts",
            "arn:aws:sns:eu-west-1:111122223333:",
            "arn:aws:sns:eu-west-1:111122223333:alerts:0b0b",
            "arn:aws:sns:eu-west-1/../:111122223333:a b",
            "alerts",
        ] {
            assert_eq!(arn(text, "sns"), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_known_to_be_the_messages_fault_is() {
        let at_fault = |code: &str, _: &str| code == "TooLong";
        let remedy = |code, status| of_code(code, "", status, at_fault);
        assert_eq!(remedy("TooLong", 400), BusRemedy::Nothing);
        assert_eq!(remedy("TooLong", 503), BusRemedy::Time(None));
        assert_eq!(remedy("AuthorizationError", 403), BusRemedy::Person);
        assert_eq!(remedy("NotFound", 404), BusRemedy::Person);
        assert_eq!(remedy("Unheard", 400), BusRemedy::Person);
        assert_eq!(remedy("ThrottlingException", 400), BusRemedy::Time(None));
        assert_eq!(remedy("Throttled", 403), BusRemedy::Time(None));
        assert_eq!(remedy("", 301), BusRemedy::Time(None));
    }
}
