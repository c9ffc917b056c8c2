//! Break-glass markers of manifests, and markers that do nothing.
//!
//! Cloud Run: an annotation with the justification on the resource's own metadata. GKE: a label on
//! the Pod, or the legacy annotation of another name, both without text.

use postern_core::decision::BreakGlassSource;
use postern_core::request::BreakGlassRequest;
use serde_json::Value;

use super::manifest::kind_of;

const CLOUD_RUN: &str = "run.googleapis.com/binary-authorization-breakglass";
const GKE_LABEL: &str = "image-policy.k8s.io/break-glass";
const GKE_LEGACY_ANNOTATION: &str = "alpha.image-policy.k8s.io/break-glass";
/// Where a GKE break-glass may say why, since the platform has no place for it.
const JUSTIFICATION: &str = "postern.dev/justification";

type Found = (Option<BreakGlassRequest>, Vec<String>);

/// The break-glass of a Cloud Run resource.
pub(super) fn cloud_run_break_glass(manifest: &Value) -> Found {
    let kind = kind_of(manifest);
    let mut warnings = Vec::new();
    if on_template(manifest, "annotations", CLOUD_RUN).is_some() {
        warnings.push(format!(
            "the break-glass annotation {CLOUD_RUN} stands on the template, where it does \
             nothing; put it on the {kind}'s own metadata.annotations"
        ));
    }
    if text(manifest.get("metadata"), "labels", CLOUD_RUN).is_some() {
        warnings.push(format!(
            "{CLOUD_RUN} is written as a label, where it does nothing; Cloud Run wants an annotation"
        ));
    }
    let break_glass =
        text(manifest.get("metadata"), "annotations", CLOUD_RUN).map(|text| BreakGlassRequest {
            justification: Some(text.to_owned()),
            source: BreakGlassSource::Annotation,
        });
    (break_glass, warnings)
}

/// The break-glass of a Kubernetes workload: what its Pods will carry.
pub(super) fn gke_break_glass(manifest: &Value) -> Found {
    let mut warnings = Vec::new();
    let is_pod = kind_of(manifest) == "Pod";
    let of_pod = |part: &str, key: &str| {
        if is_pod {
            text(manifest.get("metadata"), part, key)
        } else {
            on_template(manifest, part, key)
        }
    };
    let label = of_pod("labels", GKE_LABEL);
    let legacy = of_pod("annotations", GKE_LEGACY_ANNOTATION);
    let source = match (label, legacy) {
        (Some("true"), _) => Some(BreakGlassSource::Label),
        (_, Some("true")) => Some(BreakGlassSource::Annotation),
        _ => None,
    };
    if let Some(other) = label.filter(|value| *value != "true") {
        warnings.push(format!(
            "the label {GKE_LABEL} is {:?}, which does nothing; only \"true\" opens the door",
            super::shortened(other)
        ));
    }
    if of_pod("annotations", GKE_LABEL).is_some() {
        warnings.push(format!(
            "{GKE_LABEL} is written as an annotation, where it does nothing; GKE wants a label"
        ));
    }
    if !is_pod && text(manifest.get("metadata"), "labels", GKE_LABEL).is_some() {
        warnings.push(format!(
            "the label {GKE_LABEL} stands on the {}, where it does nothing; put it on the Pod \
             template's metadata.labels",
            super::shortened(kind_of(manifest))
        ));
    }
    let justification = of_pod("annotations", JUSTIFICATION).map(str::to_owned);
    (
        source.map(|source| BreakGlassRequest {
            justification,
            source,
        }),
        warnings,
    )
}

fn text<'a>(metadata: Option<&'a Value>, part: &str, key: &str) -> Option<&'a str> {
    metadata?.get(part)?.get(key)?.as_str()
}

/// The same on the template that Pods are made of: the innermost one. What stands on an outer one
/// (the Job of a CronJob) does not reach them.
fn on_template<'a>(manifest: &'a Value, part: &str, key: &str) -> Option<&'a str> {
    let mut node = manifest;
    for _ in 0..4 {
        let spec = node.get("spec").unwrap_or(node);
        let inner = ["template", "jobTemplate", "podTemplate"]
            .iter()
            .find_map(|k| spec.get(k));
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    let is_template = !std::ptr::eq(node, manifest);
    text(node.get("metadata").filter(|_| is_template), part, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(metadata: Value) -> Value {
        json!({"kind": "Pod", "metadata": metadata, "spec": {"containers": []}})
    }

    #[test]
    fn the_label_opens_and_may_say_why() {
        let (found, warnings) = gke_break_glass(&pod(json!({
            "labels": {"image-policy.k8s.io/break-glass": "true"},
            "annotations": {"postern.dev/justification": "INC-3"}})));
        let found = found.unwrap();
        assert_eq!(found.source, BreakGlassSource::Label);
        assert_eq!(found.justification.as_deref(), Some("INC-3"));
        assert!(warnings.is_empty());
    }

    #[test]
    fn the_legacy_annotation_opens_without_a_text() {
        let (found, _) = gke_break_glass(&pod(json!({
            "annotations": {"alpha.image-policy.k8s.io/break-glass": "true"}})));
        assert_eq!(found.unwrap().justification, None);
    }

    #[test]
    fn the_label_written_as_an_annotation_does_nothing_and_is_said_so() {
        let (found, warnings) = gke_break_glass(&pod(json!({
            "annotations": {"image-policy.k8s.io/break-glass": "true"}})));
        assert_eq!(found, None);
        insta::assert_snapshot!(warnings.join("\n"), @"image-policy.k8s.io/break-glass is written as an annotation, where it does nothing; GKE wants a label");
    }

    #[test]
    fn a_deployments_own_label_does_not_reach_its_pods() {
        let deployment = json!({"kind": "Deployment",
            "metadata": {"labels": {"image-policy.k8s.io/break-glass": "true"}},
            "spec": {"template": {"metadata": {}, "spec": {}}}});
        let (found, warnings) = gke_break_glass(&deployment);
        assert_eq!(found, None);
        assert!(
            warnings[0].contains("put it on the Pod template's"),
            "{warnings:?}"
        );
    }

    #[test]
    fn only_the_innermost_template_makes_pods() {
        let label = json!({"labels": {"image-policy.k8s.io/break-glass": "true"}});
        let cron_job = |of_job: Value, of_pod: Value| {
            json!({"kind": "CronJob", "spec": {"jobTemplate": {"metadata": of_job,
                "spec": {"template": {"metadata": of_pod, "spec": {}}}}}})
        };
        assert_eq!(gke_break_glass(&cron_job(label.clone(), json!({}))).0, None);
        assert!(gke_break_glass(&cron_job(json!({}), label)).0.is_some());
    }

    #[test]
    fn another_value_than_true_does_nothing() {
        let (found, warnings) = gke_break_glass(&pod(json!({
            "labels": {"image-policy.k8s.io/break-glass": "yes"}})));
        assert_eq!(found, None);
        assert_eq!(warnings.len(), 1);
    }
}
