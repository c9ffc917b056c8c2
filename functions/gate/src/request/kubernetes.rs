//! Pods, and every kind that carries a Pod template.

use postern_core::request::{DeployRequest, RequestedImage};
use postern_core::target::Target;
use serde_json::Value;

use super::manifest::{ManifestContext, agree, kind_of, well_formed};
use super::{MAX_IMAGES, RequestError, annotations, shortened};

/// The lists of a Pod spec whose elements run an image.
const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// How many templates may be nested: CronJob → Job → Pod, Cloud Run Job → Execution → Task.
const MAX_TEMPLATES: usize = 4;

/// What a Kubernetes object asks for; `None` if it carries no Pod.
///
/// # Errors
/// If the cluster is not known, or the object and the target disagree.
pub(crate) fn workload(
    manifest: &Value,
    context: &ManifestContext,
    single: bool,
) -> Result<Option<DeployRequest>, RequestError> {
    let mut images = Vec::new();
    let mut first = None;
    for spec in pod_specs(manifest) {
        let target = gke_target(manifest, spec, context, single)?;
        images_of(spec, &target, &mut images);
        first.get_or_insert(target);
    }
    let Some(target) = first else {
        return Ok(None);
    };
    if images.is_empty() {
        return Err(RequestError::NoImages(shortened(kind_of(manifest))));
    }
    if images.len() > MAX_IMAGES {
        return Err(RequestError::TooManyImages(images.len()));
    }
    let (break_glass, warnings) = annotations::gke_break_glass(manifest);
    Ok(Some(DeployRequest {
        images,
        target,
        break_glass,
        warnings,
        ..DeployRequest::default()
    }))
}

/// Every Pod spec in an object: its own, or those of its templates, however they are nested.
pub(super) fn pod_specs(manifest: &Value) -> Vec<&Value> {
    let mut found = Vec::new();
    // A PodTemplate has its template beside the metadata, all else below `spec`.
    for root in ["spec", "template"]
        .iter()
        .filter_map(|key| manifest.get(key))
    {
        collect(root, MAX_TEMPLATES, &mut found);
    }
    found
}

fn collect<'a>(node: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    if CONTAINER_LISTS
        .iter()
        .any(|list| node.get(list).is_some_and(Value::is_array))
    {
        // It goes on below: a list in a wrong place must not hide the template that runs.
        found.push(node);
    }
    if depth == 0 {
        return;
    }
    for key in ["spec", "template", "jobTemplate", "podTemplate"] {
        if let Some(child) = node.get(key) {
            collect(child, depth - 1, found);
        }
    }
}

/// Adds the images of every container, and of every volume that is an image.
pub(super) fn images_of(spec: &Value, target: &Target, into: &mut Vec<RequestedImage>) {
    let mut add = |image: Option<&Value>, name: Option<&Value>| {
        // A container without an image cannot be judged: the empty reference is refused later.
        let image = image.and_then(Value::as_str).unwrap_or_default().to_owned();
        let container = name.and_then(Value::as_str).unwrap_or_default().to_owned();
        into.push(RequestedImage {
            image,
            container,
            target: target.clone(),
        });
    };
    for list in CONTAINER_LISTS {
        for container in spec
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            add(container.get("image"), container.get("name"));
        }
    }
    for volume in spec
        .get("volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(image) = volume.get("image") {
            add(image.get("reference"), volume.get("name"));
        }
    }
}

fn gke_target(
    manifest: &Value,
    pod_spec: &Value,
    context: &ManifestContext,
    single: bool,
) -> Result<Target, RequestError> {
    let Some(Target::Gke {
        location,
        cluster,
        namespace,
        service_account,
        project,
    }) = &context.target
    else {
        return Err(match &context.target {
            None => RequestError::ClusterUnknown,
            Some(other) => RequestError::Conflict {
                what: "platform",
                manifest: "gke".to_owned(),
                target: other.platform().to_owned(),
            },
        });
    };
    let own_namespace = manifest
        .pointer("/metadata/namespace")
        .and_then(Value::as_str);
    let own_account = ["serviceAccountName", "serviceAccount"]
        .iter()
        .find_map(|key| pod_spec.get(key).and_then(Value::as_str))
        .filter(|account| !account.is_empty());
    // A Pod that names no account runs as `default`, whatever the target says.
    let own_account = own_account.unwrap_or("default");
    if single {
        agree("namespace", own_namespace, namespace)?;
        if let Some(service_account) = service_account {
            agree("service account", Some(own_account), service_account)?;
        }
    }
    well_formed(Target::Gke {
        location: location.clone(),
        cluster: cluster.clone(),
        namespace: own_namespace
            .filter(|n| !n.is_empty())
            .unwrap_or(namespace)
            .to_owned(),
        service_account: Some(own_account.to_owned()),
        project: project.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn context() -> ManifestContext {
        ManifestContext {
            target: Some("gke:us-central1-a.prod/default@p".parse().unwrap()),
        }
    }

    fn spec() -> Value {
        json!({"serviceAccountName": "web",
            "initContainers": [{"name": "i", "image": "gcr.io/p/init:1"}],
            "containers": [{"name": "c", "image": "gcr.io/p/app:1"}],
            "ephemeralContainers": [{"name": "e", "image": "gcr.io/p/debug:1"}],
            "volumes": [{"name": "v", "image": {"reference": "gcr.io/p/data:1"}}]})
    }

    #[rstest]
    #[case::pod(json!({"kind": "Pod", "spec": spec()}))]
    #[case::deployment(json!({"kind": "Deployment", "spec": {"template": {"spec": spec()}}}))]
    #[case::cron_job(json!({"kind": "CronJob",
        "spec": {"jobTemplate": {"spec": {"template": {"spec": spec()}}}}}))]
    #[case::pod_template(json!({"kind": "PodTemplate", "template": {"spec": spec()}}))]
    #[case::rollout(json!({"kind": "Rollout", "spec": {"template": {"spec": spec()}}}))]
    fn every_image_of_every_workload_kind(#[case] manifest: Value) {
        let request = workload(&manifest, &context(), true).unwrap().unwrap();
        let images: Vec<_> = request.images.iter().map(|i| i.image.as_str()).collect();
        assert_eq!(
            images,
            [
                "gcr.io/p/init:1",
                "gcr.io/p/app:1",
                "gcr.io/p/debug:1",
                "gcr.io/p/data:1"
            ]
        );
        assert_eq!(
            request.target.to_string(),
            "gke:us-central1-a.prod/default:web@p"
        );
    }

    #[test]
    fn a_list_in_a_wrong_place_hides_nothing() {
        let decoy = json!({"kind": "Deployment", "spec": {
            "containers": [{"image": "gcr.io/p/good:1"}],
            "template": {"spec": {"containers": [{"image": "gcr.io/p/evil:1"}]}}}});
        let request = workload(&decoy, &context(), true).unwrap().unwrap();
        let images: Vec<_> = request.images.iter().map(|i| i.image.as_str()).collect();
        assert_eq!(images, ["gcr.io/p/good:1", "gcr.io/p/evil:1"]);
    }

    #[test]
    fn a_pod_runs_as_the_account_that_it_names() {
        let mut context = context();
        context.target = Some("gke:us-central1-a.prod/default:privileged".parse().unwrap());
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"image": "gcr.io/p/app:1"}]}});
        let error = workload(&pod, &context, true).unwrap_err();
        assert!(matches!(
            error,
            RequestError::Conflict {
                what: "service account",
                ..
            }
        ));
    }

    #[test]
    fn a_name_that_no_target_has_is_refused() {
        let pod = json!({"kind": "Pod", "spec": {"serviceAccountName": "a b",
            "containers": [{"image": "gcr.io/p/app:1"}]}});
        assert!(matches!(
            workload(&pod, &context(), true),
            Err(RequestError::Malformed(_))
        ));
    }

    #[test]
    fn a_container_without_an_image_is_not_passed_over() {
        let pod = json!({"kind": "Pod", "spec": {"containers": [{"name": "c"}]}});
        let request = workload(&pod, &context(), true).unwrap().unwrap();
        assert_eq!(request.images[0].image, "");
    }

    #[test]
    fn without_a_target_the_cluster_is_unknown() {
        let pod = json!({"kind": "Pod", "spec": spec()});
        let error = workload(&pod, &ManifestContext::default(), true).unwrap_err();
        assert_eq!(error, RequestError::ClusterUnknown);
    }

    #[test]
    fn an_object_without_a_pod_is_none() {
        let service = json!({"kind": "Service", "spec": {"selector": {"app": "web"}}});
        assert_eq!(workload(&service, &context(), true), Ok(None));
    }
}
