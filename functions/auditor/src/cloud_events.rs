//! CloudEvents 1.0 over HTTP: binary, structured and batch (CloudEvents HTTP protocol binding §3).

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use postern_core::bytes::Base64;
use postern_host::problem::quoted;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::input::Delivery;
use crate::parse::{Form, Unreadable};
use crate::push;

/// The most events of one batch.
const BATCH_LIMIT: usize = 1000;

/// Eventarc: an audit log entry was written.
const AUDIT_LOG_WRITTEN: &str = "google.cloud.audit.log.v1.written";
/// Eventarc: a message was published, such as by a log sink.
const MESSAGE_PUBLISHED: &str = "google.cloud.pubsub.topic.v1.messagePublished";

/// The attributes and the data of a structured event.
#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data_base64: Option<Cow<'a, str>>,
}

/// Takes a request apart into its events; `None` if it is no CloudEvent in any mode.
pub(crate) fn events<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<Delivery<'a>>> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let content_type = header(CONTENT_TYPE.as_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if content_type.starts_with("application/cloudevents-batch+json") {
        let events: Vec<&'a RawValue> = serde_json::from_slice(body).ok()?;
        if events.len() > BATCH_LIMIT {
            return None;
        }
        return Some(
            events
                .into_iter()
                .map(|event| structured(event.get().as_bytes()))
                .collect(),
        );
    }
    if content_type.starts_with("application/cloudevents+json") {
        return Some(vec![structured(body)]);
    }
    let version = header("ce-specversion")?;
    let kind = header("ce-type")?;
    let entry = carried(version, kind, Cow::Borrowed(body));
    Some(vec![Delivery {
        raw: Cow::Borrowed(body),
        entry,
    }])
}

/// The entry in one structured event.
pub(crate) fn structured(raw: &[u8]) -> Delivery<'_> {
    Delivery {
        raw: Cow::Borrowed(raw),
        entry: entry(raw),
    }
}

fn entry(raw: &[u8]) -> Result<(Cow<'_, [u8]>, Form), Unreadable> {
    let event: Structured<'_> = serde_json::from_slice(raw).map_err(|e| {
        Unreadable::Envelope(format!("it is no CloudEvent: {}", quoted(&e.to_string())))
    })?;
    let data = match (event.data, event.data_base64) {
        (Some(data), None) => Cow::Borrowed(data.get().as_bytes()),
        (None, Some(text)) => Base64::decode(&text).map(Cow::Owned).map_err(|_| {
            Unreadable::Envelope("the CloudEvent's data_base64 is not base64".to_owned())
        })?,
        _ => {
            return Err(Unreadable::Envelope(
                "the CloudEvent has no data".to_owned(),
            ));
        }
    };
    carried(&event.specversion, &event.kind, data)
}

fn carried<'a>(
    version: &str,
    kind: &str,
    data: Cow<'a, [u8]>,
) -> Result<(Cow<'a, [u8]>, Form), Unreadable> {
    match (version, kind) {
        ("1.0", AUDIT_LOG_WRITTEN) => Ok((data, Form::LogEntryData)),
        ("1.0", MESSAGE_PUBLISHED) => {
            let data = push::unwrapped(&data).ok_or_else(|| {
                Unreadable::Envelope("the CloudEvent holds no Pub/Sub message".to_owned())
            })??;
            Ok((Cow::Owned(data), Form::LogEntry))
        }
        ("1.0", other) => Err(Unreadable::Envelope(format!(
            "no entry is known in CloudEvents of type {:?}",
            quoted(other)
        ))),
        (other, _) => Err(Unreadable::Envelope(format!(
            "CloudEvents {:?} is not 1.0",
            quoted(other)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn the_three_modes_carry_the_same_entry() {
        let expected = Ok((Cow::Borrowed(br#"{"a":1}"#.as_slice()), Form::LogEntryData));
        let binary = headers(&[("ce-specversion", "1.0"), ("ce-type", AUDIT_LOG_WRITTEN)]);
        assert_eq!(events(&binary, br#"{"a":1}"#).unwrap()[0].entry, expected);

        let one = format!(
            r#"{{"specversion":"1.0","type":"{AUDIT_LOG_WRITTEN}","id":"i","source":"s","data":{{"a":1}}}}"#
        );
        let structured = headers(&[(
            "content-type",
            "application/cloudevents+json; charset=utf-8",
        )]);
        assert_eq!(
            events(&structured, one.as_bytes()).unwrap()[0].entry,
            expected
        );

        let batch = headers(&[("content-type", "application/cloudevents-batch+json")]);
        let body = format!("[{one},{one}]");
        let events = events(&batch, body.as_bytes()).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].entry, expected);
    }

    #[test]
    fn what_is_no_event_is_said() {
        assert_eq!(events(&HeaderMap::new(), b"{}"), None);
        for (version, kind) in [("0.3", AUDIT_LOG_WRITTEN), ("1.0", "com.example.other")] {
            let body = format!(r#"{{"specversion":"{version}","type":"{kind}","data":{{}}}}"#);
            assert!(structured(body.as_bytes()).entry.is_err(), "{body}");
        }
    }
}
