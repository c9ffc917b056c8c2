//! Audit events: what an audit log says happened, whichever log it stood in and however it came.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::finding::Actor;
use crate::image::Digest;

/// One entry of an audit log, typed and bounded by its parser.
///
/// Every source is a parser into this. What stands in `request` and `response` is foreign JSON:
/// detections look into it by path, nothing else does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// Which kind of source it comes from.
    pub source: EventSource,
    /// The log's own id of the entry: `insertId`, or `eventID`.
    pub id: String,
    /// The full name of the log.
    pub log: String,
    /// Which stream of the audit log it is.
    pub stream: Stream,
    /// When it happened, by the log.
    pub at: Timestamp,
    /// What the log belongs to: a project's id, `organizations/N`, `folders/N`, `billingAccounts/N`,
    /// or an AWS account.
    pub project: String,
    /// The service that was called, such as `run.googleapis.com`.
    pub service: String,
    /// The method, as the log names it.
    pub method: String,
    /// The resource that it was called on.
    pub resource: String,
    /// The kind of monitored resource, such as `cloud_run_revision`.
    pub resource_kind: String,
    /// The labels of the monitored resource.
    pub resource_labels: BTreeMap<String, String>,
    /// The labels of the entry.
    pub labels: BTreeMap<String, String>,
    /// The long-running operation, where it belongs to one.
    pub operation: Option<String>,
    /// Who did it, as far as the entry says.
    pub actor: Actor,
    /// What the caller said it is. Attacker-controlled text.
    pub user_agent: Option<String>,
    /// The outcome: a `google.rpc.Code`; 0 is success.
    pub status_code: i32,
    /// The outcome in words.
    pub status_message: String,
    /// Whether the call only read, where the log says so (CloudTrail).
    pub read_only: Option<bool>,
    /// What was asked for: `request`, or `requestParameters`.
    pub request: Option<Value>,
    /// What was answered: `response`, or `responseElements`. Of a log that records no calls
    /// (continuous validation), the whole payload.
    pub response: Option<Value>,
    /// What the service says besides: `serviceData`, or `serviceEventDetails`.
    pub service_data: Option<Value>,
    /// What the service says besides: `metadata`, or `additionalEventData`.
    pub metadata: Option<Value>,
}

/// The kind of source that an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum EventSource {
    /// Cloud Logging.
    #[serde(rename = "gcp.audit")]
    GcpAudit,
    /// AWS CloudTrail.
    #[serde(rename = "aws.cloudtrail")]
    AwsCloudTrail,
}

impl EventSource {
    /// The word that findings carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GcpAudit => "gcp.audit",
            Self::AwsCloudTrail => "aws.cloudtrail",
        }
    }
}

/// The stream of the audit log that an entry stood in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stream {
    /// Admin Activity: who asked for what.
    Activity,
    /// System Event: what the platform did by itself.
    SystemEvent,
    /// Data Access: reads, and writes of user data. Off by default.
    DataAccess,
    /// Policy Denied: what a security policy (VPC Service Controls) refused.
    PolicyDenied,
    /// Binary Authorization's continuous validation: what runs and no longer conforms.
    ContinuousValidation,
    /// CloudTrail's management and data events.
    #[serde(rename = "cloudtrail")]
    CloudTrail,
    /// Something else. Kept and counted; no detection looks at it.
    Other,
}

impl Stream {
    /// The word that detections and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::SystemEvent => "system_event",
            Self::DataAccess => "data_access",
            Self::PolicyDenied => "policy_denied",
            Self::ContinuousValidation => "continuous_validation",
            Self::CloudTrail => "cloudtrail",
            Self::Other => "other",
        }
    }
}

impl AuditEvent {
    /// What makes two deliveries the same event. In Cloud Logging log, time and id: the id alone is
    /// unique only within one log at one time (`LogEntry.insertId`). In CloudTrail id, account and
    /// region: one trail may deliver the event of another region again.
    pub fn key(&self) -> String {
        match self.source {
            EventSource::GcpAudit => format!("{}|{}|{}", self.log, self.at, self.id),
            EventSource::AwsCloudTrail => {
                let region = self
                    .resource_labels
                    .get("region")
                    .map_or("", String::as_str);
                format!("aws|{}|{}|{region}", self.id, self.project)
            }
        }
    }

    /// The method without the API date that some of AWS's names end in: `UpdateFunctionCode` for
    /// `UpdateFunctionCode20150331v2`. Of other sources the method as it is.
    pub fn short_method(&self) -> &str {
        match self.source {
            EventSource::GcpAudit => &self.method,
            EventSource::AwsCloudTrail => without_date(&self.method),
        }
    }

    /// SHA-256 over what the event says. The same by whichever route it came: spelling, order of
    /// members and white space of the JSON do not matter, nor does when it was received.
    pub fn content(&self) -> Digest {
        let mut hash = Hasher(Sha256::new());
        // The keys of every map in it are sorted, and a struct always has the same order.
        match serde_json::to_writer(&mut hash, self) {
            Ok(()) => Digest::from_bytes(hash.0.finalize().into()),
            // Strings, integers and JSON that was parsed before: there is nothing to fail on.
            Err(_) => Digest::of(self.key().as_bytes()),
        }
    }
}

/// A name without `YYYYMMDD` or `YYYYMMDDvN` at its end.
fn without_date(name: &str) -> &str {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let dated = match name.rsplit_once('v') {
        Some((dated, version)) if !version.is_empty() && digits(version) => dated,
        _ => name,
    };
    match dated
        .len()
        .checked_sub(8)
        .and_then(|at| dated.split_at_checked(at))
    {
        Some((short, date)) if digits(date) && !short.is_empty() => short,
        _ => name,
    }
}

struct Hasher(Sha256);

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(request: &str) -> AuditEvent {
        AuditEvent {
            source: EventSource::GcpAudit,
            id: "synthetic-1".to_owned(),
            log: "projects/demo/logs/cloudaudit.googleapis.com%2Factivity".to_owned(),
            stream: Stream::Activity,
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            project: "demo".to_owned(),
            service: "run.googleapis.com".to_owned(),
            method: String::new(),
            resource: String::new(),
            resource_kind: String::new(),
            resource_labels: BTreeMap::new(),
            labels: BTreeMap::new(),
            operation: None,
            actor: Actor::default(),
            user_agent: None,
            status_code: 0,
            status_message: String::new(),
            read_only: None,
            request: Some(serde_json::from_str(request).unwrap()),
            response: None,
            service_data: None,
            metadata: None,
        }
    }

    #[test]
    fn the_content_hash_ignores_spelling_and_sees_every_value() {
        let hash = event(r#"{"a":1,"b":{"c":2}}"#).content();
        assert_eq!(event(r#"{ "b": {"c":2}, "a":1 }"#).content(), hash);
        assert_ne!(event(r#"{"a":1,"b":{"c":3}}"#).content(), hash);
    }

    #[test]
    fn the_date_of_an_api_is_no_part_of_its_method() {
        for (method, short) in [
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
            ("UpdateAlias20150331", "UpdateAlias"),
            ("UpdateAlias", "UpdateAlias"),
            ("PutEventv2", "PutEventv2"),
            ("Sha2015", "Sha2015"),
            ("20150331", "20150331"),
            ("20150331v2", "20150331v2"),
            ("é0150331", "é0150331"),
            ("", ""),
        ] {
            let aws = AuditEvent {
                source: EventSource::AwsCloudTrail,
                method: method.to_owned(),
                ..event("{}")
            };
            assert_eq!(aws.short_method(), short);
            let google = AuditEvent {
                method: method.to_owned(),
                ..event("{}")
            };
            assert_eq!(google.short_method(), method);
        }
    }

    #[test]
    fn the_key_is_log_time_and_id() {
        insta::assert_snapshot!(
            event("{}").key(),
            @"projects/demo/logs/cloudaudit.googleapis.com%2Factivity|2026-01-02T03:04:05.5Z|synthetic-1"
        );
    }
}
