//! What is told of a write: the audit-log entry that Google would write, and its place in the journal.

use jiff::Timestamp;
use postern_core::entry::{Entry, Record, TrustChange};
use serde_json::{Value, json};
use ulid::Ulid;

/// The longest request that is repeated in an audit entry, in bytes of JSON.
const MOST_REQUEST: usize = 256 * 1024;

/// The method by which it is told that key material was erased when its time had come. Nobody called it.
pub(crate) const DESTROYED: &str = "CryptoKeyVersionDestroyed";

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
    /// What bindings were added and removed, where it is about those.
    pub(crate) delta: Option<Value>,
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
        let (log, severity) = log_of(&self.method);
        // What nobody would read is named by its size.
        let request = match self.request.to_string().len() {
            length if length > MOST_REQUEST => json!({"leftOut": format!("{length} bytes")}),
            _ => self.request.clone(),
        };
        let mut entry = json!({
            "insertId": id,
            "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2F{log}"),
            "timestamp": at,
            "receiveTimestamp": at,
            "severity": severity,
            "resource": monitored(&self.resource, service, &self.method),
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
        });
        if let Some(delta) = &self.delta {
            entry["protoPayload"]["serviceData"] = json!({
                "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
                "policyDelta": {"bindingDeltas": delta},
            });
        }
        entry
    }
}

/// The log that Google tells of a method in, and how severe it has it.
fn log_of(method: &str) -> (&'static str, &'static str) {
    match method {
        // If it is asked to.
        "AsymmetricSign" => ("data_access", "INFO"),
        _ if method.starts_with("grafeas.") => ("data_access", "NOTICE"),
        DESTROYED => ("system_event", "NOTICE"),
        _ => ("activity", "NOTICE"),
    }
}

/// What a resource is to Google's logs: keys are of kinds of their own.
fn monitored(resource: &str, service: &str, method: &str) -> Value {
    let segments: Vec<&str> = resource.split('/').collect();
    let project = segments.get(1).copied().unwrap_or_default();
    let [_, _, "locations", location, "keyRings", ring, inside @ ..] = &segments[..] else {
        return json!({
            "type": "audited_resource",
            "labels": {"project_id": project, "service": service, "method": method},
        });
    };
    let mut labels = json!({"project_id": project, "location": location, "key_ring_id": ring});
    let mut kind = "cloudkms_keyring";
    for (index, id) in inside.iter().enumerate() {
        let (of, label) = match index {
            1 => ("cloudkms_cryptokey", "crypto_key_id"),
            3 => ("cloudkms_cryptokeyversion", "crypto_key_version_id"),
            _ => continue,
        };
        kind = of;
        labels[label] = (*id).into();
    }
    json!({"type": kind, "labels": labels})
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
        _ if resource.contains("/keyRings/") => "cloudkms.googleapis.com",
        _ if method.starts_with("grafeas.") || of_notes => "containeranalysis.googleapis.com",
        _ if resource.split('/').count() == 2 => "cloudresourcemanager.googleapis.com",
        _ => "binaryauthorization.googleapis.com",
    }
}
