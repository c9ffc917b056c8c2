//! What is told of a write: the audit-log entry that Google would write, and its place in the journal.

use jiff::Timestamp;
use postern_core::entry::{Entry, Record, TrustChange};
use serde_json::{Value, json};
use ulid::Ulid;

/// The longest request that is repeated in an audit entry, in bytes of JSON.
const MOST_REQUEST: usize = 256 * 1024;

/// A write, as it is told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// As `google.cloud.binaryauthorization.v1.BinauthzManagementServiceV1.UpdatePolicy`.
    pub(crate) method: String,
    /// What was written, such as `projects/P/policy`.
    pub(crate) resource: String,
    /// The permission that allowed it.
    pub(crate) permission: String,
    /// The request's message.
    pub(crate) request: Value,
    /// Who did it.
    pub(crate) principal: String,
    /// From where, and by which program.
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
}

impl Told {
    /// Its entry in the journal.
    pub(crate) fn entry(self, at: Timestamp) -> Entry {
        let id = Ulid::from_datetime(at.into()).to_string();
        let audit_entry = self.log_entry(&id, at).to_string();
        Entry {
            id,
            at,
            record: Record::TrustChange(TrustChange {
                method: self.method,
                resource: self.resource,
                audit_entry,
            }),
        }
    }

    /// An audit-log entry (`LogEntry` with an `AuditLog` as payload).
    fn log_entry(&self, id: &str, at: Timestamp) -> Value {
        let project = self.resource.split('/').nth(1).unwrap_or_default();
        let service = service_of(&self.method, &self.resource);
        // Where Google tells of notes and occurrences, if it is asked to.
        let log = match self.method.starts_with("grafeas.") {
            true => "data_access",
            false => "activity",
        };
        // What nobody would read is named by its size.
        let request = match self.request.to_string().len() {
            length if length > MOST_REQUEST => json!({"leftOut": format!("{length} bytes")}),
            _ => self.request.clone(),
        };
        json!({
            "insertId": id,
            "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2F{log}"),
            "timestamp": at,
            "receiveTimestamp": at,
            "severity": "NOTICE",
            "resource": {
                "type": "audited_resource",
                "labels": {"project_id": project, "service": service, "method": self.method},
            },
            "protoPayload": {
                "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
                "serviceName": service,
                "methodName": self.method,
                "resourceName": self.resource,
                "authenticationInfo": {"principalEmail": self.principal},
                "authorizationInfo": [{
                    "resource": self.resource,
                    "permission": self.permission,
                    "granted": true,
                }],
                "requestMetadata": {
                    "callerIp": self.ip,
                    "callerSuppliedUserAgent": self.user_agent,
                },
                "status": {},
                "request": request,
            },
        })
    }
}

/// The service that a method belongs to; IAM's is that of the resource.
fn service_of(method: &str, resource: &str) -> &'static str {
    let of_notes = ["/notes/", "/occurrences/"]
        .iter()
        .any(|part| resource.contains(part));
    match method {
        _ if method.starts_with("google.cloud.resourcemanager.") => {
            "cloudresourcemanager.googleapis.com"
        }
        _ if method.starts_with("grafeas.") || of_notes => "containeranalysis.googleapis.com",
        _ if resource.split('/').count() == 2 => "cloudresourcemanager.googleapis.com",
        _ => "binaryauthorization.googleapis.com",
    }
}
