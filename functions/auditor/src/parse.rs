//! Cloud Logging's `LogEntry` (REST v2) as JSON → [`AuditEvent`].
//!
//! Only what Google's own logs can hold is believed: the exact log names of the audit logs, which
//! nobody can write to, with an `AuditLog` inside. Everything else is either another kind of entry,
//! kept and counted, or unreadable, with a reason.

mod entry;
mod log_name;

use jiff::Timestamp;
use postern_core::event::{AuditEvent, EventSource, Stream};
use postern_core::finding::Actor;
use postern_host::problem::quoted;
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) use self::entry::LogEntry;
use self::entry::{AUDIT_LOG, AuditLog, Labels};
use self::log_name::LogName;

/// The largest entry that is read, in bytes. Cloud Logging's own limit is 256 KiB.
pub const ENTRY_LIMIT: usize = 1024 * 1024;

/// By which kind of route an entry came: what it may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Cloud Logging exports it.
    LogEntry,
    /// As Eventarc delivers it (`google.cloud.audit.log.v1.written`): the payload's type is implied.
    LogEntryData,
}

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Too large to be one.
    #[error("it has {0} bytes; an entry has at most {ENTRY_LIMIT}")]
    TooLarge(usize),
    /// No JSON, or not of the form of a `LogEntry`.
    #[error("it is no LogEntry: {0}")]
    NotAnEntry(String),
    /// A field that every entry has is not there.
    #[error("the entry has no {0}")]
    Missing(&'static str),
    /// The time cannot be read.
    #[error("{0:?} is no RFC 3339 timestamp")]
    Time(String),
    /// The log's name is not of the form `projects/P/logs/L` (or of another owner's).
    #[error("{0:?} is not the name of a log")]
    LogName(String),
    /// An audit log holds nothing but `AuditLog` payloads.
    #[error("an entry of {log:?} holds {found:?} and not an AuditLog")]
    NotAnAuditLog {
        /// The log.
        log: String,
        /// The payload's type.
        found: String,
    },
    /// The log belongs to a project that nobody expects entries of.
    #[error("nobody expects entries of project {0:?}")]
    UnexpectedProject(String),
    /// An envelope that holds no entry.
    #[error("{0}")]
    Envelope(String),
}

/// Reads one entry.
///
/// # Errors
/// If the bytes are no entry, or one that cannot be believed.
pub fn event(bytes: &[u8], form: Form) -> Result<AuditEvent, Unreadable> {
    typed(log_entry(bytes)?, form)
}

/// The borrowed form of an entry: enough to see whether any detection concerns it.
pub(crate) fn log_entry(bytes: &[u8]) -> Result<LogEntry<'_>, Unreadable> {
    if bytes.len() > ENTRY_LIMIT {
        return Err(Unreadable::TooLarge(bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|e| Unreadable::NotAnEntry(quoted(&e.to_string())))
}

/// What stands beside the payload of an entry that can be believed.
pub(crate) struct EntryIdentity {
    pub(crate) stream: Stream,
    at: Timestamp,
    project: String,
}

/// Checks an entry without looking into its request and response.
pub(crate) fn identity(entry: &LogEntry<'_>, form: Form) -> Result<EntryIdentity, Unreadable> {
    let log = required(&entry.log_name.0, "logName")?;
    let name = LogName::parse(log).ok_or_else(|| Unreadable::LogName(quoted(log)))?;
    required(&entry.insert_id.0, "insertId")?;
    let time = required(&entry.timestamp.0, "timestamp")?;
    let at = time.parse().map_err(|_| Unreadable::Time(quoted(time)))?;
    believable(name.stream(), log, entry.proto_payload.as_ref(), form)?;
    Ok(EntryIdentity {
        stream: name.stream(),
        at,
        project: name.project().to_owned(),
    })
}

/// Makes the owned event of a borrowed entry.
pub(crate) fn typed(entry: LogEntry<'_>, form: Form) -> Result<AuditEvent, Unreadable> {
    let EntryIdentity {
        stream,
        at,
        project,
    } = identity(&entry, form)?;
    let payload = entry.proto_payload.unwrap_or_default();
    Ok(AuditEvent {
        source: EventSource::GcpAudit,
        id: entry.insert_id.0.into_owned(),
        log: entry.log_name.0.into_owned(),
        stream,
        at,
        project,
        actor: actor(&payload),
        service: payload.service_name.0.into_owned(),
        method: payload.method_name.0.into_owned(),
        resource: payload.resource_name.0.into_owned(),
        resource_kind: entry.resource.kind.0.into_owned(),
        resource_labels: owned(entry.resource.labels),
        labels: owned(entry.labels),
        operation: entry.operation.id.0.filled(),
        user_agent: payload.request_metadata.user_agent.0.filled(),
        status_code: payload.status.code,
        status_message: payload.status.message.0.into_owned(),
        read_only: None,
        request: json(payload.request)?,
        response: json(payload.response)?,
        service_data: None,
        metadata: None,
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
    payload: Option<&AuditLog<'_>>,
    form: Form,
) -> Result<(), Unreadable> {
    let found = payload.map_or("", |payload| &payload.kind.0);
    let implied = form == Form::LogEntryData && payload.is_some() && found.is_empty();
    if stream == Stream::Other || found == AUDIT_LOG || implied {
        return Ok(());
    }
    Err(Unreadable::NotAnAuditLog {
        log: quoted(log),
        found: quoted(found),
    })
}

fn actor(payload: &AuditLog<'_>) -> Actor {
    let who = &payload.authentication_info;
    let via = who.delegation.iter().map(entry::Delegation::principal);
    Actor {
        principal: who
            .email
            .0
            .clone()
            .filled()
            .or_else(|| who.subject.0.clone().filled()),
        via: via
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        key_name: who.key_name.0.clone().filled(),
        ip: payload.request_metadata.caller_ip.0.clone().filled(),
    }
}

fn owned(labels: Labels<'_>) -> std::collections::BTreeMap<String, String> {
    labels
        .into_iter()
        .map(|(key, value)| (key.0.into_owned(), value.0.into_owned()))
        .collect()
}

fn json(raw: Option<&RawValue>) -> Result<Option<Value>, Unreadable> {
    raw.map(|raw| serde_json::from_str(raw.get()))
        .transpose()
        .map_err(|e| Unreadable::NotAnEntry(quoted(&e.to_string())))
}

trait Filled {
    /// The text, unless it is empty.
    fn filled(self) -> Option<String>;
}

impl Filled for std::borrow::Cow<'_, str> {
    fn filled(self) -> Option<String> {
        if self.is_empty() {
            None
        } else {
            Some(self.into_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::classify::classify;
    use crate::testing::{catalogue, entry, patched};

    fn read(entry: &Value) -> Result<AuditEvent, Unreadable> {
        event(entry.to_string().as_bytes(), Form::LogEntry)
    }

    #[test]
    fn an_entry_becomes_a_typed_event() {
        let event = read(&entry("gke-break-glass")).unwrap();
        assert_eq!(event.stream, Stream::Activity);
        assert_eq!(
            event.actor.principal.as_deref(),
            Some("night-duty@example.com")
        );
        assert_eq!(event.actor.ip.as_deref(), Some("203.0.113.40"));
        assert_eq!(event.project, "acme-shop");
        assert_eq!(event.method, "io.k8s.core.v1.pods.create");
    }

    #[test]
    fn impersonation_and_exported_keys_are_kept() {
        let entry = patched(
            &entry("gke-break-glass"),
            &[(
                "/protoPayload/authenticationInfo",
                serde_json::json!({
                    "principalEmail": "deployer@acme-shop.iam.gserviceaccount.com",
                    "serviceAccountKeyName": "//iam.googleapis.com/projects/acme-shop/keys/k1",
                    "serviceAccountDelegationInfo": [
                        {"firstPartyPrincipal": {"principalEmail": "eve@example.com"}},
                        {"principalSubject": "serviceAccount:hop@acme-shop.iam.gserviceaccount.com"}
                    ]
                }),
            )],
        );
        let actor = read(&entry).unwrap().actor;
        assert_eq!(
            actor.via,
            [
                "eve@example.com",
                "serviceAccount:hop@acme-shop.iam.gserviceaccount.com"
            ]
        );
        assert!(actor.key_name.is_some());
    }

    #[rstest::rstest]
    #[case::slash(
        "projects/acme-shop/logs/cloudaudit.googleapis.com/activity",
        Stream::Other
    )]
    #[case::custom(
        "projects/acme-shop/logs/my-cloudaudit.googleapis.com%2Factivity",
        Stream::Other
    )]
    #[case::data(
        "projects/acme-shop/logs/cloudaudit.googleapis.com%2Fdata_access",
        Stream::Other
    )]
    #[case::real(
        "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity",
        Stream::Activity
    )]
    fn only_the_exact_log_name_is_an_audit_log(#[case] log: &str, #[case] expected: Stream) {
        let entry = patched(&entry("gke-break-glass"), &[("/logName", log.into())]);
        match read(&entry) {
            Ok(event) => assert_eq!(event.stream, expected),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_no_log_entry_is_says_why() {
        let base = entry("gke-break-glass");
        let messages = [
            (
                "/logName",
                Value::from("users/1/logs/cloudaudit.googleapis.com%2Factivity"),
            ),
            ("/insertId", Value::from("")),
            ("/timestamp", Value::from("yesterday")),
            (
                "/protoPayload/@type",
                Value::from("type.googleapis.com/other.Thing"),
            ),
            ("/protoPayload/status", Value::from("no")),
        ]
        .map(|change| read(&patched(&base, &[change])).unwrap_err().to_string())
        .join("\n");
        insta::assert_snapshot!(messages, @r#"
    "users/1/logs/cloudaudit.googleapis.com%2Factivity" is not the name of a log
    the entry has no insertId
    "yesterday" is no RFC 3339 timestamp
    an entry of "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity" holds "type.googleapis.com/other.Thing" and not an AuditLog
    it is no LogEntry: invalid type: string "no", expected struct Status at line 1 column 901
    "#);
    }

    #[rstest::rstest]
    #[case::organization("organizations/1/logs/cloudaudit.googleapis.com%2Factivity")]
    #[case::folder("folders/1/logs/cloudaudit.googleapis.com%2Fsystem_event")]
    #[case::billing("billingAccounts/01-AB/logs/cloudaudit.googleapis.com%2Factivity")]
    fn logs_of_other_owners_are_other_logs(#[case] log: &str) {
        let event = read(&patched(
            &entry("gke-break-glass"),
            &[("/logName", log.into())],
        ))
        .unwrap();
        assert_eq!(event.stream, Stream::Other);
        assert_eq!(classify(&catalogue(), &event), []);
    }

    #[test]
    fn a_payload_of_another_type_is_another_kind_of_entry() {
        let requests = serde_json::json!({
            "logName": "projects/acme-shop/logs/appengine.googleapis.com%2Frequest_log",
            "insertId": "request-1",
            "timestamp": "2026-03-03T03:10:00Z",
            "protoPayload": {
                "@type": "type.googleapis.com/google.appengine.logging.v1.RequestLog",
                "status": 200,
                "resource": "/",
                "responseSize": "12"
            }
        });
        assert_eq!(read(&requests).unwrap().stream, Stream::Other);
        let audit_log = patched(
            &requests,
            &[(
                "/logName",
                "projects/acme-shop/logs/cloudaudit.googleapis.com%2Factivity".into(),
            )],
        );
        assert!(matches!(
            read(&audit_log),
            Err(Unreadable::NotAnAuditLog { .. })
        ));
        let claims = patched(&audit_log, &[("/protoPayload/@type", AUDIT_LOG.into())]);
        assert!(matches!(read(&claims), Err(Unreadable::NotAnEntry(_))));
    }

    #[test]
    fn eventarc_leaves_the_type_out_and_says_the_same() {
        let base = entry("cloud-run-break-glass");
        let mut data = base.clone();
        data["protoPayload"]
            .as_object_mut()
            .unwrap()
            .remove("@type");
        data["receiveTimestamp"] = "2026-03-03T09:09:09Z".into();
        let exported = read(&base).unwrap();
        let delivered = event(data.to_string().as_bytes(), Form::LogEntryData).unwrap();
        assert_eq!(delivered.key(), exported.key());
        assert_eq!(delivered.content(), exported.content());
        assert!(event(data.to_string().as_bytes(), Form::LogEntry).is_err());
    }

    #[test]
    fn too_large_and_too_deep_are_refused() {
        assert_eq!(
            event(&vec![b' '; ENTRY_LIMIT + 1], Form::LogEntry),
            Err(Unreadable::TooLarge(ENTRY_LIMIT + 1))
        );
        let deep = format!(
            r#"{{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","insertId":"i",
            "timestamp":"2026-01-02T03:04:05Z","protoPayload":{{"@type":"{AUDIT_LOG}","request":{}1{}}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(
            event(deep.as_bytes(), Form::LogEntry),
            Err(Unreadable::NotAnEntry(_))
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = event(&bytes, Form::LogEntry);
        }

        #[test]
        fn no_damage_panics(at in 0usize..1300, byte: u8, cut in 0usize..1300) {
            let mut bytes = entry("gke-break-glass").to_string().into_bytes();
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = event(&bytes, Form::LogEntry);
            bytes.truncate(cut % length);
            let _ = event(&bytes, Form::LogEntry);
        }
    }
}
