//! The members of a `LogEntry` that matter, borrowed from its bytes.
//!
//! Sources: Cloud Logging API v2, `LogEntry`; `google.cloud.audit.AuditLog`. Members that are not
//! named here are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Text that is borrowed where it holds no escapes.
#[derive(Deserialize, Default, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

pub(super) type Labels<'a> = BTreeMap<Text<'a>, Text<'a>>;

/// A `LogEntry`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogEntry<'a> {
    #[serde(borrow, default)]
    pub(crate) log_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) insert_id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) timestamp: Text<'a>,
    #[serde(borrow, default)]
    pub(super) resource: Resource<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Labels<'a>,
    #[serde(borrow, default)]
    pub(super) operation: Operation<'a>,
    #[serde(borrow, default, deserialize_with = "payload")]
    pub(super) proto_payload: Option<AuditLog<'a>>,
}

impl LogEntry<'_> {
    /// The service that was called; empty where there is no audit payload.
    pub(crate) fn service(&self) -> &str {
        self.proto_payload
            .as_ref()
            .map_or("", |payload| &payload.service_name.0)
    }
}

impl LogEntry<'_> {
    /// The method that was called, as logged.
    pub(crate) fn method(&self) -> &str {
        self.proto_payload
            .as_ref()
            .map_or("", |payload| &payload.method_name.0)
    }

    /// Whether an exported key was used.
    pub(crate) fn has_key(&self) -> bool {
        let payload = self.proto_payload.as_ref();
        payload.is_some_and(|payload| !payload.authentication_info.key_name.0.is_empty())
    }
}

/// The type of an audit entry's payload.
pub(super) const AUDIT_LOG: &str = "type.googleapis.com/google.cloud.audit.AuditLog";

/// The payload, if it is or may be an `AuditLog`. Of any other only the type is read: its members can
/// have the same names and other forms.
fn payload<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<AuditLog<'a>>, D::Error> {
    let Some(raw) = Option::<&'a RawValue>::deserialize(from)? else {
        return Ok(None);
    };
    let Typed { kind } = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
    if kind.0.is_empty() || kind.0 == AUDIT_LOG {
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(D::Error::custom)
    } else {
        Ok(Some(AuditLog {
            kind,
            ..AuditLog::default()
        }))
    }
}

/// `google.protobuf.Any`, without what is in it.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, default, rename = "@type")]
    kind: Text<'a>,
}

/// `MonitoredResource`.
#[derive(Deserialize, Default)]
pub(super) struct Resource<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) labels: Labels<'a>,
}

/// `LogEntryOperation`.
#[derive(Deserialize, Default)]
pub(super) struct Operation<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
}

/// `AuditLog`; request and response are read when something asks for them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditLog<'a> {
    #[serde(borrow, default, rename = "@type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) service_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) method_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) resource_name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) authentication_info: AuthenticationInfo<'a>,
    #[serde(borrow, default)]
    pub(super) request_metadata: RequestMetadata<'a>,
    #[serde(borrow, default)]
    pub(super) status: Status<'a>,
    #[serde(borrow, default)]
    pub(super) request: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<&'a RawValue>,
}

/// Who called.
#[derive(Deserialize, Default)]
pub(super) struct AuthenticationInfo<'a> {
    #[serde(borrow, default, rename = "principalEmail")]
    pub(super) email: Text<'a>,
    #[serde(borrow, default, rename = "principalSubject")]
    pub(super) subject: Text<'a>,
    #[serde(borrow, default, rename = "serviceAccountKeyName")]
    pub(super) key_name: Text<'a>,
    #[serde(borrow, default, rename = "serviceAccountDelegationInfo")]
    pub(super) delegation: Vec<Delegation<'a>>,
}

/// One hop of an impersonation.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delegation<'a> {
    #[serde(borrow, default)]
    principal_subject: Text<'a>,
    #[serde(borrow, default)]
    first_party_principal: FirstParty<'a>,
}

/// A Google identity within a hop.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct FirstParty<'a> {
    #[serde(borrow, default)]
    principal_email: Text<'a>,
}

impl Delegation<'_> {
    /// Its e-mail address, or else its subject.
    pub(super) fn principal(&self) -> &str {
        match &*self.first_party_principal.principal_email.0 {
            "" => &self.principal_subject.0,
            email => email,
        }
    }
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
