//! Continuous validation: Pods on GKE that run and no longer conform.

use postern_core::event::AuditEvent;
use postern_core::target::Target;

use super::{Subject, images, list_at, text_at};

pub(super) fn subject(event: &AuditEvent) -> Subject {
    let payload = event.response.as_ref();
    let mut found = Vec::new();
    for image in list_at(payload, &["podEvent", "images"]) {
        images::add(&mut found, text_at(Some(image), &["image"]));
    }
    Subject {
        target: target(event),
        images: found,
        ..Subject::default()
    }
}

fn target(event: &AuditEvent) -> Option<String> {
    let location = event.resource_labels.get("location")?;
    let cluster = event.resource_labels.get("cluster_name")?;
    let namespace = text_at(event.response.as_ref(), &["podEvent", "podNamespace"]);
    let target = format!("gke:{location}.{cluster}/{namespace}@{}", event.project);
    target.parse::<Target>().is_ok().then_some(target)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::read;

    #[test]
    fn a_violation_is_about_a_pod_and_its_images() {
        let entry = json!({
            "insertId": "cv-1",
            "logName": "projects/demo-mart/logs/binaryauthorization.googleapis.com%2Fcontinuous_validation",
            "timestamp": "2026-03-03T00:00:00Z",
            "resource": {"type": "k8s_cluster", "labels": {"location": "europe-west1-b", "cluster_name": "shop"}},
            "jsonPayload": {"podEvent": {
                "pod": "web-1", "podNamespace": "payments", "verdict": "VIOLATES_POLICY",
                "images": [{"image": "r/a@sha256:1", "result": "DENY"}, {"image": "r/b:v1"}]
            }}
        });
        let subject = Subject::of(&read(&entry));
        assert_eq!(
            subject.target.as_deref(),
            Some("gke:europe-west1-b.shop/payments@demo-mart")
        );
        assert_eq!(subject.images, ["r/a@sha256:1", "r/b:v1"]);
        assert!(subject.deployed.is_empty());
    }
}
