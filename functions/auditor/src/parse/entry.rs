//! The members of a `LogEntry` that matter, borrowed from its bytes.
//!
//! Sources: Cloud Logging API v2, `LogEntry`; `google.cloud.audit.AuditLog`. Members that are not
//! named here are ignored, and what only an event needs stays raw until there is one.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::text::{Text, or_default};

/// A `LogEntry`, with one or another view of its payload.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry<'a, P = AuditLog<'a>> {
    #[serde(borrow, default)]
    pub(crate) log_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) insert_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) timestamp: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) resource: Resource<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) operation: Operation<'a>,
    #[serde(borrow, default)]
    pub(super) split: Option<Split<'a>>,
    #[serde(default = "none")]
    pub(super) proto_payload: Option<P>,
    #[serde(borrow, default)]
    pub(super) json_payload: Option<&'a RawValue>,
}

fn none<P>() -> Option<P> {
    None
}

/// The type of an audit entry's payload.
pub(super) const AUDIT_LOG: &str = "type.googleapis.com/google.cloud.audit.AuditLog";

impl<'a> LogEntry<'a> {
    /// Reads one in a single pass. Of a payload that is no `AuditLog` only the type is kept: its
    /// members can have the same names and other forms, and then a second pass reads no others.
    pub(super) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        match serde_json::from_str::<Self>(text) {
            Ok(mut entry) => {
                if let Some(payload) = entry.proto_payload.as_mut().filter(|p| p.is_other()) {
                    *payload = AuditLog::of_kind(std::mem::take(&mut payload.kind));
                }
                Ok(entry)
            }
            Err(error) => match serde_json::from_str::<LogEntry<'a, Typed<'a>>>(text) {
                Ok(LogEntry {
                    proto_payload: Some(Typed { kind }),
                    log_name,
                    insert_id,
                    timestamp,
                    resource,
                    labels,
                    operation,
                    split,
                    json_payload,
                }) if AuditLog::of_kind(kind.clone()).is_other() => Ok(Self {
                    proto_payload: Some(AuditLog::of_kind(kind)),
                    log_name,
                    insert_id,
                    timestamp,
                    resource,
                    labels,
                    operation,
                    split,
                    json_payload,
                }),
                _ => Err(error),
            },
        }
    }
}

/// `google.protobuf.Any`, without what is in it.
#[derive(Deserialize)]
pub(super) struct Typed<'a> {
    #[serde(borrow, default, rename = "@type")]
    kind: Text<'a>,
}

/// `MonitoredResource`.
#[derive(Deserialize, Default)]
pub(super) struct Resource<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Option<&'a RawValue>,
}

/// `LogEntryOperation`. Its first and last entry have the same id.
#[derive(Deserialize, Default)]
pub(super) struct Operation<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
}

/// `LogSplit`: the entry is a part of one that was too large.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Split<'a> {
    #[serde(borrow, default)]
    pub(super) uid: Text<'a>,
    /// Left out of the first one, as proto3 leaves out every zero.
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) total_splits: u32,
}

/// `AuditLog`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLog<'a> {
    #[serde(borrow, default, rename = "@type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) service_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) method_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) resource_name: Text<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) authentication_info: AuthenticationInfo<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) request_metadata: RequestMetadata<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(super) status: Status<'a>,
    #[serde(borrow, default)]
    pub(super) request: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) service_data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) metadata: Option<&'a RawValue>,
}

impl<'a> AuditLog<'a> {
    fn of_kind(kind: Text<'a>) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Whether it says that it is something else.
    fn is_other(&self) -> bool {
        !self.kind.is_empty() && &*self.kind != AUDIT_LOG
    }
}

/// Who called.
#[derive(Deserialize, Default)]
pub(super) struct AuthenticationInfo<'a> {
    #[serde(borrow, default, rename = "principalEmail")]
    pub(super) email: Text<'a>,
    #[serde(borrow, default, rename = "principalSubject")]
    pub(super) subject: Text<'a>,
    #[serde(borrow, default, rename = "thirdPartyPrincipal")]
    pub(super) third_party: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "serviceAccountKeyName")]
    pub(super) key_name: Text<'a>,
    #[serde(borrow, default, rename = "serviceAccountDelegationInfo")]
    pub(super) delegation: Option<&'a RawValue>,
}

/// Where from and with what.
#[derive(Deserialize, Default)]
pub(super) struct RequestMetadata<'a> {
    #[serde(borrow, default, rename = "callerIp")]
    pub(super) caller_ip: Text<'a>,
    #[serde(borrow, default, rename = "callerSuppliedUserAgent")]
    pub(super) user_agent: Text<'a>,
}

/// `google.rpc.Status`.
#[derive(Deserialize, Default)]
pub(super) struct Status<'a> {
    #[serde(default)]
    pub(super) code: i32,
    #[serde(borrow, default)]
    pub(super) message: Text<'a>,
}
