//! The synthetic audit entry of the demo: what Cloud Logging's sink would push to the auditor when
//! Cloud Run admits a revision by break-glass. Invented values in the documented shape.

use jiff::Timestamp;
use postern_core::bytes::Base64;
use serde_json::{Value, json};

/// The revision that is admitted.
pub(super) const REVISION: &str = "web-00003-xyz";

/// A Pub/Sub push of one entry of the `system_event` log.
pub(crate) fn break_glass_push(image: &str, justification: &str, at: Timestamp) -> Value {
    let revision = REVISION;
    let entry = json!({
        "insertId": "synthetic-demo-0001",
        "logName": "projects/demo-project/logs/cloudaudit.googleapis.com%2Fsystem_event",
        "timestamp": at,
        "severity": "INFO",
        "resource": {"type": "cloud_run_revision", "labels": {
            "project_id": "demo-project", "location": "us-central1", "service_name": "web",
            "configuration_name": "web", "revision_name": revision}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "run.googleapis.com",
            "methodName": "/Services.ReplaceService",
            "resourceName": format!("namespaces/demo-project/revisions/{revision}"),
            "status": {"message": format!(
                "Ready condition status changed to True for Revision {revision} with message: \
                 Deployed with breakglass justification: {justification}")},
            "response": {
                "@type": "type.googleapis.com/google.cloud.run.v1.Revision",
                "apiVersion": "serving.knative.dev/v1", "kind": "Revision",
                "metadata": {"name": revision, "namespace": "demo-project", "annotations": {
                    "serving.knative.dev/creator": "oncall@example.com",
                    "run.googleapis.com/binary-authorization-breakglass": justification}},
                "spec": {"containers": [{"image": image}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            },
        },
    });
    json!({
        "message": {
            "data": Base64::encode(entry.to_string().as_bytes()),
            "attributes": {"logging.googleapis.com/timestamp": at},
            "messageId": "1", "publishTime": at,
        },
        "subscription": "projects/demo-project/subscriptions/postern-audit",
    })
}
