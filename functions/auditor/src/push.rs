//! Pub/Sub push: one message, wrapped or not (Pub/Sub, "Push subscriptions").

use axum::http::HeaderMap;
use postern_core::bytes::Base64;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

use crate::parse::Unreadable;

const SUBSCRIPTION_HEADER: &str = "x-goog-pubsub-subscription-name";

/// What a push request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push<'a> {
    /// The subscription that it says it comes from.
    pub(crate) subscription: Option<Cow<'a, str>>,
    /// The message's data, or why there is none.
    pub(crate) data: Result<Cow<'a, [u8]>, Unreadable>,
}

/// A wrapped push. Ids come in two spellings at once; neither matters here.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow, default)]
    subscription: Option<Cow<'a, str>>,
}

/// A message. One without data is legal, and holds no entry.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

/// Takes a push request apart. With the subscription in a header the body is the data itself
/// (`noWrapper`, `writeMetadata`); otherwise it is that only if it has no `message`.
pub(crate) fn push<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Push<'a> {
    if let Some(name) = headers.get(SUBSCRIPTION_HEADER) {
        let subscription = name.to_str().ok().map(Cow::Borrowed);
        return Push {
            subscription,
            data: Ok(Cow::Borrowed(body)),
        };
    }
    match serde_json::from_slice::<Wrapped<'_>>(body) {
        Ok(wrapped) => {
            let data = data(wrapped.message).map(Cow::Owned);
            Push {
                subscription: wrapped.subscription,
                data,
            }
        }
        Err(_) => Push {
            subscription: None,
            data: Ok(Cow::Borrowed(body)),
        },
    }
}

/// The data of an envelope `{"message": {"data": …}}`; `None` for anything else.
pub(crate) fn unwrapped(body: &[u8]) -> Option<Result<Vec<u8>, Unreadable>> {
    serde_json::from_slice::<Wrapped<'_>>(body)
        .ok()
        .map(|wrapped| data(wrapped.message))
}

fn data(message: &RawValue) -> Result<Vec<u8>, Unreadable> {
    let message: Message<'_> = serde_json::from_str(message.get())
        .map_err(|_| Unreadable::Envelope("the push holds no Pub/Sub message".to_owned()))?;
    let text = message
        .data
        .ok_or_else(|| Unreadable::Envelope("the Pub/Sub message has no data".to_owned()))?;
    Base64::decode(&text)
        .map_err(|_| Unreadable::Envelope("the Pub/Sub message's data is not base64".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(body: &str) -> Push<'static> {
        let body: &'static str = Box::leak(body.to_owned().into_boxed_str());
        let headers = Box::leak(Box::default());
        push(headers, body.as_bytes())
    }

    #[test]
    fn a_wrapped_message_is_unwrapped_with_both_spellings_of_its_ids() {
        let push = of(
            r#"{"message":{"data":"eyJhIjoxfQ==","messageId":"1","message_id":"1",
            "publishTime":"2026-01-02T03:04:05Z","publish_time":"2026-01-02T03:04:05Z",
            "attributes":{"logging.googleapis.com/timestamp":"2026-01-02T03:04:05Z"}},
            "subscription":"projects/p/subscriptions/s","deliveryAttempt":3}"#,
        );
        assert_eq!(
            push.subscription.as_deref(),
            Some("projects/p/subscriptions/s")
        );
        assert_eq!(push.data.unwrap().as_ref(), br#"{"a":1}"#);
    }

    #[test]
    fn an_unwrapped_message_is_its_own_body() {
        let mut headers = HeaderMap::new();
        headers.insert(
            SUBSCRIPTION_HEADER,
            "projects/p/subscriptions/s".parse().unwrap(),
        );
        let push = push(&headers, br#"{"message":{"data":"no"}}"#);
        assert_eq!(
            push.subscription.as_deref(),
            Some("projects/p/subscriptions/s")
        );
        assert_eq!(push.data.unwrap().as_ref(), br#"{"message":{"data":"no"}}"#);
        assert_eq!(of(r#"{"logName":"x"}"#).subscription, None);
    }

    #[test]
    fn an_envelope_without_an_entry_says_why() {
        let messages = [
            r#"{"message":{"attributes":{}}}"#,
            r#"{"message":{"data":"*"}}"#,
            r#"{"message":5}"#,
        ]
        .map(|body| of(body).data.unwrap_err().to_string())
        .join("\n");
        insta::assert_snapshot!(messages, @"
        the Pub/Sub message has no data
        the Pub/Sub message's data is not base64
        the push holds no Pub/Sub message
        ");
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = push(&HeaderMap::new(), &body);
        }
    }
}
