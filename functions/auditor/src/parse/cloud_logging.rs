//! Cloud Logging's `LogEntry` (REST v2) as JSON → [`AuditEvent`].
//!
//! Only what Google's own logs can hold is believed: the exact log names of the audit logs, which
//! nobody can write to, with an `AuditLog` inside. Everything else is either another kind of entry,
//! kept and counted, or unreadable, with a reason.

mod principal;

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::event::{AuditEvent, EventSource, Stream};
use postern_host::problem::quoted;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::entry::{AUDIT_LOG, AuditLog, LogEntry};
use super::log_name::LogName;
use super::text::Text;
use super::{ENTRY_LIMIT, Form, Head, Unreadable};

/// The type of the payload in the log of continuous validation, after its API version.
const VALIDATION: &str = ".ContinuousValidationEvent";
/// What writes that log.
const VALIDATION_SERVICE: &str = "binaryauthorization.googleapis.com";

/// The borrowed form of an entry: enough to see whether any detection concerns it.
pub(crate) fn log_entry(bytes: &[u8]) -> Result<LogEntry<'_>, Unreadable> {
    if bytes.len() > ENTRY_LIMIT {
        return Err(Unreadable::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Unreadable::NotAnEntry(e.to_string()))?;
    LogEntry::read(text).map_err(not_an_entry)
}

/// What stands beside the payload of an entry that can be believed.
pub(crate) struct EntryIdentity<'a> {
    stream: Stream,
    at: Timestamp,
    project: &'a str,
}

impl<'a> EntryIdentity<'a> {
    /// What detections are chosen by.
    pub(crate) fn head(&self, entry: &'a LogEntry<'_>) -> Head<'a> {
        let payload = entry.proto_payload.as_ref();
        Head {
            stream: self.stream,
            service: match payload {
                _ if self.stream == Stream::ContinuousValidation => VALIDATION_SERVICE,
                payload => payload.map_or("", |p| &p.service_name),
            },
            method: payload.map_or("", |p| &p.method_name),
            has_key: payload.is_some_and(|p| !p.authentication_info.key_name.is_empty()),
        }
    }
}

/// Checks an entry without looking into its request and response.
pub(crate) fn identity<'a>(
    entry: &'a LogEntry<'_>,
    form: Form,
) -> Result<EntryIdentity<'a>, Unreadable> {
    let log = required(&entry.log_name, "logName")?;
    let name = LogName::parse(log).ok_or_else(|| Unreadable::LogName(quoted(log)))?;
    required(&entry.insert_id, "insertId")?;
    let time = required(&entry.timestamp, "timestamp")?;
    let at = time.parse().map_err(|_| Unreadable::Time(quoted(time)))?;
    let stream = name.stream();
    believable(stream, log, entry, form)?;
    Ok(EntryIdentity {
        stream,
        at,
        project: name.owner(),
    })
}

/// Makes the owned event of a borrowed entry.
pub(crate) fn typed(
    entry: &LogEntry<'_>,
    identity: &EntryIdentity<'_>,
) -> Result<AuditEvent, Unreadable> {
    let head = identity.head(entry);
    let nothing = AuditLog::default();
    let payload = entry.proto_payload.as_ref().unwrap_or(&nothing);
    let response = match identity.stream {
        Stream::ContinuousValidation => entry.json_payload,
        _ => payload.response,
    };
    Ok(AuditEvent {
        source: EventSource::GcpAudit,
        id: owned(&entry.insert_id),
        log: owned(&entry.log_name),
        stream: identity.stream,
        at: identity.at,
        project: identity.project.to_owned(),
        actor: principal::actor(payload)?,
        service: head.service.to_owned(),
        method: head.method.to_owned(),
        resource: owned(&payload.resource_name),
        resource_kind: owned(&entry.resource.kind),
        resource_labels: labels(entry.resource.labels)?,
        labels: labels(entry.labels)?,
        operation: entry.operation.id.filled(),
        user_agent: payload.request_metadata.user_agent.filled(),
        status_code: payload.status.code,
        status_message: owned(&payload.status.message),
        read_only: None,
        request: json(payload.request)?,
        response: json(response)?,
        service_data: json(payload.service_data)?,
        metadata: json(payload.metadata)?,
    })
}

fn required<'a>(text: &'a str, field: &'static str) -> Result<&'a str, Unreadable> {
    if text.is_empty() {
        Err(Unreadable::Missing(field))
    } else {
        Ok(text)
    }
}

/// An audit log holds audit entries, and nothing else does.
fn believable(
    stream: Stream,
    log: &str,
    entry: &LogEntry<'_>,
    form: Form,
) -> Result<(), Unreadable> {
    match stream {
        Stream::Other => return Ok(()),
        Stream::ContinuousValidation if is_validation(entry.json_payload) => return Ok(()),
        Stream::ContinuousValidation => return Err(Unreadable::NotAValidation(quoted(log))),
        _ => {}
    }
    let payload = entry.proto_payload.as_ref();
    let found = payload.map_or("", |payload| &payload.kind);
    let implied = form == Form::LogEntryData && payload.is_some() && found.is_empty();
    if found == AUDIT_LOG || implied {
        return Ok(());
    }
    Err(Unreadable::NotAnAuditLog {
        log: quoted(log),
        found: quoted(found),
    })
}

/// `ContinuousValidationEvent`: it says so, or has one of the two events that there are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation<'a> {
    #[serde(borrow, default, rename = "@type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    pod_event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    config_error_event: Option<&'a RawValue>,
}

fn is_validation(payload: Option<&RawValue>) -> bool {
    let Some(payload) = payload else { return false };
    serde_json::from_str::<Validation<'_>>(payload.get()).is_ok_and(|it| {
        it.kind.ends_with(VALIDATION) || it.pod_event.or(it.config_error_event).is_some()
    })
}

fn owned(text: &Text<'_>) -> String {
    text.0.clone().into_owned()
}

fn labels(raw: Option<&RawValue>) -> Result<BTreeMap<String, String>, Unreadable> {
    let Some(raw) = raw else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(raw.get()).map_err(not_an_entry)
}

fn json(raw: Option<&RawValue>) -> Result<Option<Value>, Unreadable> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(not_an_entry)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_an_entry(error: serde_json::Error) -> Unreadable {
    Unreadable::NotAnEntry(quoted(&error.to_string()))
}

#[cfg(test)]
mod tests;
