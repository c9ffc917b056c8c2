//! CloudTrail's records → [`AuditEvent`].
//!
//! Source: CloudTrail user guide, "record contents". Nobody but AWS writes a record, but whoever may
//! deliver to us can claim one: the account and region in it are only as good as the route.

mod caller;
mod record;
mod resource;

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::event::{AuditEvent, EventSource, Stream};
use postern_host::problem::quoted;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::record::Record;
use super::{ENTRY_LIMIT, Head, Unreadable};

/// What records have for the name of their log: a record does not say which trail it came by.
const LOG: &str = "cloudtrail";

/// `google.rpc.Code`s that stand for what AWS says in words.
const OK: i32 = 0;
const UNKNOWN: i32 = 2;
const PERMISSION_DENIED: i32 = 7;

/// The borrowed form of a record: enough to see whether any detection concerns it.
pub(crate) fn record(bytes: &[u8]) -> Result<Record<'_>, Unreadable> {
    if bytes.len() > ENTRY_LIMIT {
        return Err(Unreadable::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Unreadable::NotARecord(e.to_string()))?;
    serde_json::from_str(text).map_err(not_a_record)
}

/// What was checked of a record that can be believed.
pub(crate) struct RecordIdentity<'a> {
    stream: Stream,
    at: Timestamp,
    account: &'a str,
}

impl RecordIdentity<'_> {
    /// What detections are chosen by.
    pub(crate) fn head<'a>(&self, record: &'a Record<'_>) -> Head<'a> {
        Head {
            stream: self.stream,
            service: &record.event_source,
            method: &record.event_name,
            has_key: record.user_identity.has_exported_key(),
        }
    }
}

/// Checks a record without looking into its parameters.
pub(crate) fn identity<'a>(record: &'a Record<'_>) -> Result<RecordIdentity<'a>, Unreadable> {
    let stream = stream(record);
    checked("eventVersion", &record.event_version, is_known_version)?;
    if !record.is_one() {
        return Err(Unreadable::NotARecord("it has a logName".to_owned()));
    }
    checked("eventID", &record.event_id, is_graphic)?;
    checked("awsRegion", &record.aws_region, is_host)?;
    // Events of Insights have both of them elsewhere.
    if stream == Stream::CloudTrail {
        checked("eventSource", &record.event_source, is_host)?;
        checked("eventName", &record.event_name, is_printable)?;
    }
    let time = checked("eventTime", &record.event_time, is_graphic)?;
    let at = time.parse().map_err(|_| Unreadable::Time(quoted(time)))?;
    let account = checked("recipientAccountId", record.account(), is_account)?;
    Ok(RecordIdentity {
        stream,
        at,
        account,
    })
}

/// Makes the owned event of a borrowed record.
pub(crate) fn typed(
    record: &Record<'_>,
    identity: &RecordIdentity<'_>,
) -> Result<AuditEvent, Unreadable> {
    let request = json(record.request_parameters)?;
    let response = json(record.response_elements)?;
    let resources = resource::listed(record.resources)?;
    let first = resources.first();
    let mut labels = BTreeMap::from([
        ("account".to_owned(), identity.account.to_owned()),
        ("region".to_owned(), record.aws_region.to_string()),
    ]);
    labels.extend(first.and_then(|first| Some(("arn".to_owned(), first.arn()?))));
    Ok(AuditEvent {
        source: EventSource::AwsCloudTrail,
        id: record.event_id.to_string(),
        log: LOG.to_owned(),
        stream: identity.stream,
        at: identity.at,
        project: identity.account.to_owned(),
        service: record.event_source.to_string(),
        method: record.event_name.to_string(),
        resource: resource::named(request.as_ref(), &resources),
        resource_kind: first.map(resource::Listed::kind).unwrap_or_default(),
        resource_labels: labels,
        labels: BTreeMap::new(),
        operation: None,
        actor: caller::actor(record)?,
        user_agent: record.user_agent.filled(),
        status_code: status(record, response.as_ref()),
        status_message: message(record),
        read_only: record.read_only(),
        request,
        response,
        service_data: json(record.service_event_details)?,
        metadata: json(record.additional_event_data)?,
    })
}

/// Only events of Insights and of VPC endpoints are something else; a category that nobody knows yet
/// is looked at.
fn stream(record: &Record<'_>) -> Stream {
    match &*record.event_category {
        "Insight" | "NetworkActivity" => Stream::Other,
        _ if &*record.event_type == "AwsCloudTrailInsight" => Stream::Other,
        _ => Stream::CloudTrail,
    }
}

fn checked<'a>(
    field: &'static str,
    value: &'a str,
    ok: fn(&str) -> bool,
) -> Result<&'a str, Unreadable> {
    match value {
        "" => Err(Unreadable::Missing(field)),
        value if ok(value) => Ok(value),
        value => Err(Unreadable::Field {
            field,
            value: quoted(value),
        }),
    }
}

/// Within one major version nothing is taken away or changes its meaning.
fn is_known_version(text: &str) -> bool {
    let minor = text.strip_prefix("1.").unwrap_or_default();
    (1..=4).contains(&minor.len()) && minor.bytes().all(|b| b.is_ascii_digit())
}

fn is_graphic(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_printable(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// `lambda.amazonaws.com`, `eu-west-1`.
fn is_host(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    text.len() <= 256 && text.bytes().all(ok)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn status(record: &Record<'_>, response: Option<&Value>) -> i32 {
    let denied = |code: &str| {
        code.starts_with("AccessDenied")
            || code.starts_with("Unauthorized")
            || code.ends_with(".UnauthorizedOperation")
    };
    // A sign-in that failed has no error code.
    let sign_in = response.and_then(|r| r.get("ConsoleLogin")?.as_str());
    match &*record.error_code {
        "" if sign_in == Some("Failure") => PERMISSION_DENIED,
        "" => OK,
        code if denied(code) => PERMISSION_DENIED,
        _ => UNKNOWN,
    }
}

fn message(record: &Record<'_>) -> String {
    match (&*record.error_code, &*record.error_message) {
        (code, "") => code.to_owned(),
        ("", message) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    }
}

fn json(raw: Option<&RawValue>) -> Result<Option<Value>, Unreadable> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(not_a_record)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_a_record(error: serde_json::Error) -> Unreadable {
    Unreadable::NotARecord(quoted(&error.to_string()))
}

#[cfg(test)]
mod tests;
