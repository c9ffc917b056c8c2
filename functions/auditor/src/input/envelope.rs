//! Envelopes: what entries and records come in.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Delivery;
use crate::cloud_events;
use crate::parse::{Form, Unreadable, cloud_trail};
use crate::push;

/// The `detail-type`s of EventBridge events that hold a record.
const BRIDGED: [&str; 4] = [
    "AWS API Call via CloudTrail",
    "AWS Console Sign In via CloudTrail",
    "AWS Service Event via CloudTrail",
    "AWS Insight via CloudTrail",
];

/// What a document is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opened<'a> {
    /// No envelope: an entry or a record, or what is taken for one.
    Itself(Form),
    /// An envelope with this in it.
    One(Cow<'a, [u8]>, Form),
    /// A list of documents.
    Many(Vec<&'a [u8]>, Form),
}

/// The members that tell documents apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    log_name: Option<IgnoredAny>,
    event_version: Option<IgnoredAny>,
    specversion: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
    #[serde(rename = "detail-type")]
    detail_type: Option<IgnoredAny>,
    #[serde(borrow, default, rename = "Records")]
    records: Option<&'a RawValue>,
    digest_start_time: Option<IgnoredAny>,
}

/// An event of EventBridge.
#[derive(Deserialize)]
struct Bridged<'a> {
    #[serde(borrow, rename = "detail-type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    account: Cow<'a, str>,
    #[serde(borrow, default)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// Opens one envelope, or says what the document is by itself. `form` is what its envelope says.
pub(super) fn open(document: &[u8], form: Form) -> Result<Opened<'_>, Unreadable> {
    let not_an_entry = |e: serde_json::Error| Unreadable::NotAnEntry(e.to_string());
    if document.trim_ascii_start().first() == Some(&b'[') {
        let elements = serde_json::from_slice(document).map_err(not_an_entry)?;
        return Ok(Opened::Many(bytes(elements), form));
    }
    let shape: Shape<'_> = serde_json::from_slice(document).map_err(not_an_entry)?;
    match shape {
        Shape {
            log_name: Some(_), ..
        } => Ok(Opened::Itself(match form {
            Form::CloudTrail => Form::LogEntry,
            form => form,
        })),
        Shape {
            event_version: Some(_),
            ..
        } => Ok(Opened::Itself(Form::CloudTrail)),
        Shape {
            specversion: Some(_),
            ..
        } => {
            let (inside, form) = cloud_events::structured(document).entry?;
            Ok(Opened::One(inside, form))
        }
        Shape {
            message: Some(_), ..
        } => {
            let data = push::unwrapped(document).ok_or(Unreadable::Missing("logName"))??;
            Ok(Opened::One(Cow::Owned(data), form))
        }
        Shape {
            detail_type: Some(_),
            ..
        } => Ok(Opened::One(
            Cow::Borrowed(bridged(document)?),
            Form::CloudTrail,
        )),
        Shape {
            records: Some(records),
            ..
        } => {
            let records = serde_json::from_str(records.get()).map_err(not_an_entry)?;
            Ok(Opened::Many(bytes(records), Form::CloudTrail))
        }
        Shape {
            digest_start_time: Some(_),
            ..
        } => Err(Unreadable::Envelope(
            "it is a CloudTrail digest file, which holds no records; leave those out".to_owned(),
        )),
        _ if form == Form::CloudTrail => Ok(Opened::Itself(form)),
        _ => Err(Unreadable::Missing("logName")),
    }
}

/// Opens every envelope of a delivery, however deep; `None` if it holds more than `limit` documents.
pub(super) fn open_all(body: &[u8], depth: usize, limit: usize) -> Option<Vec<Delivery<'_>>> {
    let mut all = Vec::new();
    collect(body, Form::LogEntry, depth, limit, &mut all).then_some(all)
}

fn collect<'a>(
    document: &'a [u8],
    form: Form,
    depth: usize,
    limit: usize,
    all: &mut Vec<Delivery<'a>>,
) -> bool {
    let delivery = |entry| Delivery {
        raw: Cow::Borrowed(document),
        entry,
    };
    let opened = if depth == 0 {
        Err(too_deep())
    } else {
        open(document, form)
    };
    match opened {
        Ok(Opened::Itself(form)) => all.push(delivery(Ok((Cow::Borrowed(document), form)))),
        Ok(Opened::One(Cow::Borrowed(inside), form)) => {
            return collect(inside, form, depth - 1, limit, all);
        }
        Ok(Opened::One(Cow::Owned(inside), form)) => {
            let mut within = Vec::new();
            let few = collect(&inside, form, depth - 1, limit, &mut within);
            for delivery in within {
                all.push(delivery.into_owned());
            }
            return few && all.len() <= limit;
        }
        Ok(Opened::Many(documents, form)) => {
            let mut documents = documents.into_iter();
            return documents.all(|document| collect(document, form, depth - 1, limit, all));
        }
        Err(reason) => all.push(delivery(Err(reason))),
    }
    all.len() <= limit
}

/// Nobody packs that often; whoever does wants to keep somebody busy.
pub(super) fn too_deep() -> Unreadable {
    Unreadable::Envelope("envelopes within envelopes".to_owned())
}

fn bytes(values: Vec<&RawValue>) -> Vec<&[u8]> {
    values.into_iter().map(|v| v.get().as_bytes()).collect()
}

/// The record in an event of EventBridge. EventBridge says account and region itself, the record
/// repeats them.
fn bridged(document: &[u8]) -> Result<&[u8], Unreadable> {
    let refused = |reason: &str| Unreadable::Envelope(format!("the EventBridge event {reason}"));
    let event: Bridged<'_> =
        serde_json::from_slice(document).map_err(|_| refused("has no detail"))?;
    if !BRIDGED.contains(&&*event.kind) {
        let kind = postern_host::problem::quoted(&event.kind);
        return Err(refused(&format!("of detail-type {kind:?} holds no record")));
    }
    let detail = event.detail.get().as_bytes();
    let record = cloud_trail::record(detail)?;
    if !record.is_one() {
        return Err(refused("holds no CloudTrail record"));
    }
    if record.contradicts(&event.account, &event.region) {
        return Err(refused(
            "names another account or region than the record in it",
        ));
    }
    Ok(detail)
}
