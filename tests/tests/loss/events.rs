//! Entries of audit logs, and the requests that deliver them. Synthetic; the forms are Google's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody opened the emergency door of Cloud Run.
    BreakGlass,
    /// Somebody asked for that.
    Asked,
    /// A revision was refused.
    Denied,
    /// Nothing at all.
    Ordinary,
}

/// An entry, by its `insertId`.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) entry: Value,
}

/// A request that delivers entries.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

const IMAGE: &str = "us-central1-docker.pkg.dev/demo-mart/apps/till@sha256:\
                     2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

/// What one deployment leaves in the logs, or something ordinary. The number is in every id and name.
pub(crate) fn drawn(rng: &mut StdRng, number: usize) -> Vec<Event> {
    match rng.random_range(0..10) {
        0..3 => vec![break_glass(number)],
        3..5 => vec![asked(number), break_glass(number)],
        5..7 => vec![denied(number)],
        _ => vec![ordinary(number)],
    }
}

/// The emergency door was opened for a service of this number.
pub(crate) fn break_glass(number: usize) -> Event {
    let says = "True for Revision till-00003-xyz with message: \
                Deployed with breakglass justification: INC-123 hotfix";
    let mut entry = of_revision(number, says);
    entry["protoPayload"]["response"]["metadata"]["annotations"]["run.googleapis.com/binary-authorization-breakglass"] =
        json!("INC-123 hotfix");
    event(Kind::BreakGlass, "glass", number, entry)
}

/// The same, under an id of the caller's choice.
pub(crate) fn break_glass_called(id: &str, number: usize) -> Event {
    let mut event = break_glass(number);
    event.entry["insertId"] = json!(id);
    event.id = id.to_owned();
    event
}

fn denied(number: usize) -> Event {
    let says = format!(
        "False for Revision till-00003-xyz with message: Container image '{IMAGE}' is not authorized by \
         policy. Image {IMAGE} denied by attestor projects/demo-mart/attestors/built-by-ci: No \
         attestations found that were valid and signed by a key trusted by the attestor"
    );
    let mut entry = of_revision(number, &says);
    entry["severity"] = json!("ERROR");
    entry["protoPayload"]["status"]["code"] = json!(9);
    entry["protoPayload"]["response"]["status"]["conditions"] = json!([
        {"type": "Ready", "status": "False", "reason": "ContainerImageUnauthorized"},
    ]);
    event(Kind::Denied, "denied", number, entry)
}

fn of_revision(number: usize, says: &str) -> Value {
    let service = service(number);
    let mut entry = entry("system_event", number);
    entry["resource"]["labels"]["configuration_name"] = json!(service);
    entry["resource"]["labels"]["revision_name"] = json!("till-00003-xyz");
    entry["protoPayload"] = json!({
        "@type": AUDIT_LOG,
        "serviceName": "run.googleapis.com",
        "methodName": "/Services.ReplaceService",
        "resourceName": "namespaces/demo-mart/revisions/till-00003-xyz",
        "status": {"message": format!("Ready condition status changed to {says}")},
        "response": {
            "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
            "metadata": {
                "name": "till-00003-xyz", "namespace": "420000000042",
                "labels": {"serving.knative.dev/service": service},
                "annotations": {"serving.knative.dev/creator": "night-duty@example.com"},
            },
            "spec": {"containers": [{"image": IMAGE}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        },
    });
    entry
}

fn asked(number: usize) -> Event {
    let name = format!(
        "projects/demo-mart/locations/us-central1/services/{}",
        service(number)
    );
    let mut entry = entry("activity", number);
    entry["protoPayload"] = json!({
        "@type": AUDIT_LOG,
        "serviceName": "run.googleapis.com",
        "methodName": "google.cloud.run.v2.Services.UpdateService",
        "resourceName": name,
        "authenticationInfo": {"principalEmail": "night-duty@example.com"},
        "requestMetadata": {"callerIp": "203.0.113.9"},
        "request": {
            "@type": "type.googleapis.com/google.cloud.run.v2.UpdateServiceRequest",
            "service": {
                "name": name,
                "binaryAuthorization": {"useDefault": true, "breakglassJustification": "INC-123 hotfix"},
                "template": {"containers": [{"image": IMAGE}]},
            },
        },
    });
    event(Kind::Asked, "asked", number, entry)
}

fn ordinary(number: usize) -> Event {
    let mut entry = entry("activity", number);
    entry["protoPayload"] = json!({
        "@type": AUDIT_LOG,
        "serviceName": "run.googleapis.com",
        "methodName": "google.cloud.run.v1.Services.ListServices",
        "authenticationInfo": {"principalEmail": "night-duty@example.com"},
    });
    event(Kind::Ordinary, "ordinary", number, entry)
}

const AUDIT_LOG: &str = "type.googleapis.com/google.cloud.audit.AuditLog";

fn event(kind: Kind, word: &str, number: usize, mut entry: Value) -> Event {
    let id = format!("{word}-{number:06}");
    entry["insertId"] = json!(id);
    Event { id, kind, entry }
}

fn service(number: usize) -> String {
    format!("till-{number}")
}

/// Without id and payload. What has the same number happened at the same time.
fn entry(log: &str, number: usize) -> Value {
    let (minute, second, milli) = (number / 60_000 % 60, number / 1000 % 60, number % 1000);
    json!({
        "logName": format!("projects/demo-mart/logs/cloudaudit.googleapis.com%2F{log}"),
        "timestamp": format!("2026-01-02T05:{minute:02}:{second:02}.{milli:03}Z"),
        "severity": "INFO",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"project_id": "demo-mart", "location": "us-central1", "service_name": service(number)},
        },
    })
}

/// A push of Pub/Sub, wrapped.
pub(crate) fn push(event: &Event) -> Request {
    let body = json!({
        "message": {"data": STANDARD.encode(event.entry.to_string()), "messageId": "1"},
        "subscription": "projects/demo-mart/subscriptions/audit",
    });
    Request {
        path: "/v1/events/pubsub",
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}

/// A CloudEvent in structured mode.
pub(crate) fn cloud_event(event: &Event) -> Request {
    Request {
        path: "/v1/events",
        content_type: "application/cloudevents+json",
        body: structured(event).to_string().into_bytes(),
    }
}

/// CloudEvents in batch mode.
pub(crate) fn batch(events: &[Event]) -> Request {
    let all: Vec<_> = events.iter().map(structured).collect();
    Request {
        path: "/v1/events",
        content_type: "application/cloudevents-batch+json",
        body: Value::from(all).to_string().into_bytes(),
    }
}

fn structured(event: &Event) -> Value {
    json!({
        "specversion": "1.0", "id": event.id, "source": "//cloudaudit.googleapis.com/projects/demo-mart",
        "type": "google.cloud.audit.log.v1.written", "datacontenttype": "application/json",
        "data": event.entry,
    })
}
