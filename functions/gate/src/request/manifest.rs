//! Manifests: Knative Service, Cloud Run Job and WorkerPool, Pod and whatever carries a Pod
//! template, and lists of them.

use postern_core::request::DeployRequest;
use postern_core::target::{CloudRunKind, CloudRunResource, Target};
use serde_json::Value;

use super::{MAX_IMAGES, RequestError, annotations, code, kubernetes, shortened};

/// What is known about a manifest from outside of it.
#[derive(Debug, Clone, Default)]
pub struct ManifestContext {
    /// The target that the caller gave.
    pub target: Option<Target>,
}

/// How deep lists may hold lists.
const MAX_DEPTH: usize = 4;

/// What a manifest asks for.
///
/// # Errors
/// If it is no workload, names no image, or disagrees with the target.
pub fn manifest_request(
    manifest: &Value,
    context: &ManifestContext,
) -> Result<DeployRequest, RequestError> {
    let mut request = DeployRequest::default();
    let mut items = Vec::new();
    flatten(manifest, MAX_DEPTH, &mut items)?;
    let single = items.len() == 1;
    for item in &items {
        let part = one(item, context, single)?;
        merge(&mut request, part);
    }
    if request.images.is_empty() && request.code_outside_image.is_empty() {
        return Err(RequestError::NoImages(kind_of(manifest).to_owned()));
    }
    if request.images.len() > MAX_IMAGES {
        return Err(RequestError::TooManyImages(request.images.len()));
    }
    Ok(request)
}

fn flatten<'a>(
    manifest: &'a Value,
    depth: usize,
    into: &mut Vec<&'a Value>,
) -> Result<(), RequestError> {
    let Some(items) = manifest.get("items").and_then(Value::as_array) else {
        into.push(manifest);
        return Ok(());
    };
    if depth == 0 || into.len() + items.len() > MAX_IMAGES {
        return Err(RequestError::TooManyImages(into.len() + items.len()));
    }
    items
        .iter()
        .try_for_each(|item| flatten(item, depth - 1, into))
}

fn one(
    manifest: &Value,
    context: &ManifestContext,
    single: bool,
) -> Result<DeployRequest, RequestError> {
    let mut request = match cloud_run_kind(manifest) {
        Some(kind) => cloud_run(manifest, kind, context, single)?,
        None => kubernetes::workload(manifest, context, single)?
            .ok_or_else(|| RequestError::UnknownKind(shortened(kind_of(manifest))))?,
    };
    request.code_outside_image = code::outside_image(manifest);
    if request.images.is_empty() && request.code_outside_image.is_empty() {
        return Err(RequestError::NoImages(shortened(kind_of(manifest))));
    }
    Ok(request)
}

fn merge(request: &mut DeployRequest, part: DeployRequest) {
    if request.images.is_empty() {
        request.target = part.target;
    }
    request.images.extend(part.images);
    request.code_outside_image.extend(part.code_outside_image);
    request.warnings.extend(part.warnings);
    // One item that asks for the emergency door asks for the whole deployment.
    request.break_glass = request.break_glass.take().or(part.break_glass);
}

fn cloud_run_kind(manifest: &Value) -> Option<CloudRunKind> {
    let group = manifest.get("apiVersion")?.as_str()?.split('/').next()?;
    match (group, kind_of(manifest)) {
        ("serving.knative.dev", "Service" | "Configuration" | "Revision") => {
            Some(CloudRunKind::Service)
        }
        ("run.googleapis.com", "Job" | "Execution" | "Task") => Some(CloudRunKind::Job),
        ("run.googleapis.com", "WorkerPool") => Some(CloudRunKind::WorkerPool),
        _ => None,
    }
}

fn cloud_run(
    manifest: &Value,
    kind: CloudRunKind,
    context: &ManifestContext,
    single: bool,
) -> Result<DeployRequest, RequestError> {
    let target = cloud_run_target(manifest, kind, context, single)?;
    let mut images = Vec::new();
    for spec in kubernetes::pod_specs(manifest) {
        kubernetes::images_of(spec, &target, &mut images);
    }
    let (break_glass, warnings) = annotations::cloud_run_break_glass(manifest);
    Ok(DeployRequest {
        images,
        target,
        break_glass,
        warnings,
        ..DeployRequest::default()
    })
}

/// Namespace and name of the manifest fill the target; a conflict is an error. A location that
/// nobody named is written `-`, Google's wildcard.
fn cloud_run_target(
    manifest: &Value,
    kind: CloudRunKind,
    context: &ManifestContext,
    single: bool,
) -> Result<Target, RequestError> {
    let metadata = |key: &str| {
        manifest
            .pointer(&format!("/metadata/{key}"))
            .and_then(Value::as_str)
    };
    let label = manifest
        .pointer("/metadata/labels/cloud.googleapis.com~1location")
        .and_then(Value::as_str);
    let given = match &context.target {
        None | Some(Target::CloudRun { resource: None, .. }) => None,
        Some(Target::CloudRun {
            kind: given,
            resource,
        }) if *given == kind => resource.clone(),
        Some(other) => {
            return Err(RequestError::Conflict {
                what: "platform",
                manifest: kind.as_str().to_owned(),
                target: other.platform().to_owned(),
            });
        }
    };
    if let (Some(given), true) = (&given, single) {
        // The namespace may be the project's number, which only the platform can tell.
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        agree(
            "namespace",
            metadata("namespace").filter(|n| !number(n)),
            &given.project,
        )?;
        agree("location", label, &given.location)?;
        agree("name", metadata("name"), &given.name)?;
        return well_formed(Target::CloudRun {
            kind,
            resource: Some(given.clone()),
        });
    }
    let project = metadata("namespace").or(given.as_ref().map(|g| g.project.as_str()));
    let location = label
        .or(given.as_ref().map(|g| g.location.as_str()))
        .unwrap_or("-");
    let resource = project
        .zip(metadata("name"))
        .map(|(project, name)| CloudRunResource {
            project: project.to_owned(),
            location: location.to_owned(),
            name: name.to_owned(),
        });
    well_formed(Target::CloudRun { kind, resource })
}

/// What is recorded must be readable again: a name that no target can have is refused here.
pub(super) fn well_formed(target: Target) -> Result<Target, RequestError> {
    match target.to_string().parse::<Target>() {
        Ok(again) if again == target => Ok(target),
        _ => Err(RequestError::Malformed(format!(
            "{:?} is no target",
            shortened(&target.to_string())
        ))),
    }
}

/// Two places that name the same thing must name the same thing.
pub(super) fn agree(
    what: &'static str,
    manifest: Option<&str>,
    target: &str,
) -> Result<(), RequestError> {
    match manifest {
        Some(manifest) if !manifest.is_empty() && manifest != target => {
            Err(RequestError::Conflict {
                what,
                manifest: shortened(manifest),
                target: target.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

pub(super) fn kind_of(manifest: &Value) -> &str {
    manifest
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or("document without a kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_core::decision::BreakGlassSource;
    use serde_json::json;

    fn request(manifest: &Value, target: Option<&str>) -> Result<DeployRequest, RequestError> {
        let target = target.map(|t| t.parse().unwrap());
        manifest_request(manifest, &ManifestContext { target })
    }

    fn service() -> Value {
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "demo-project",
                "labels": {"cloud.googleapis.com/location": "us-central1"},
                "annotations": {"run.googleapis.com/binary-authorization": "default"}},
            "spec": {"template": {"spec": {
                "containers": [{"name": "web", "image": "gcr.io/p/app:v1"}, {"image": "gcr.io/p/proxy:v2"}]
            }}}
        })
    }

    #[test]
    fn every_container_of_a_service() {
        let request = request(&service(), None).unwrap();
        assert_eq!(
            request.target.to_string(),
            "cloud-run:demo-project/us-central1/web"
        );
        let images: Vec<_> = request.images.iter().map(|i| i.image.as_str()).collect();
        assert_eq!(images, ["gcr.io/p/app:v1", "gcr.io/p/proxy:v2"]);
        assert_eq!(request.break_glass, None);
    }

    #[test]
    fn a_service_carries_its_own_break_glass() {
        let mut service = service();
        service["metadata"]["annotations"]["run.googleapis.com/binary-authorization-breakglass"] =
            json!("INC-1 hotfix");
        let break_glass = request(&service, None).unwrap().break_glass.unwrap();
        assert_eq!(break_glass.justification.as_deref(), Some("INC-1 hotfix"));
        assert_eq!(break_glass.source, BreakGlassSource::Annotation);
    }

    #[test]
    fn a_break_glass_annotation_on_the_template_does_nothing_and_is_said_so() {
        let mut service = service();
        service["spec"]["template"]["metadata"] = json!({"annotations":
            {"run.googleapis.com/binary-authorization-breakglass": "INC-1"}});
        let request = request(&service, None).unwrap();
        assert_eq!(request.break_glass, None);
        insta::assert_snapshot!(request.warnings.join("\n"), @"the break-glass annotation run.googleapis.com/binary-authorization-breakglass stands on the template, where it does nothing; put it on the Service's own metadata.annotations");
    }

    #[test]
    fn a_job_is_nested_twice() {
        let job = json!({"apiVersion": "run.googleapis.com/v1", "kind": "Job",
            "metadata": {"name": "nightly", "namespace": "demo-project"},
            "spec": {"template": {"spec": {"template": {"spec": {"containers": [{"image": "gcr.io/p/job:v1"}]}}}}}});
        let request = request(&job, None).unwrap();
        assert_eq!(
            request.target.to_string(),
            "cloud-run-job:demo-project/-/nightly"
        );
        assert_eq!(request.images[0].image, "gcr.io/p/job:v1");
    }

    #[test]
    fn manifest_and_target_must_agree() {
        let error =
            request(&service(), Some("cloud-run:demo-project/us-central1/api")).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the manifest says name "web", the target says "api""#
        );
        let error = request(&service(), Some("lambda:eu-west-1/web")).unwrap_err();
        assert!(matches!(
            error,
            RequestError::Conflict {
                what: "platform",
                ..
            }
        ));
    }

    #[test]
    fn code_outside_of_the_image_is_named() {
        let mut service = service();
        service["metadata"]["annotations"]["run.googleapis.com/sources"] =
            json!(r#"{"web":"gs://bucket/source.zip"}"#);
        let request = request(&service, None).unwrap();
        assert_eq!(
            request.code_outside_image[0].field,
            "run.googleapis.com/sources"
        );
    }

    #[test]
    fn a_list_spans_namespaces() {
        let pod = |namespace: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": namespace},
                "spec": {"containers": [{"name": "c", "image": "gcr.io/p/app:v1"}]}})
        };
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [pod("a"), pod("b")]});
        let request = request(&list, Some("gke:us-central1-a.prod/default")).unwrap();
        let targets: Vec<_> = request
            .images
            .iter()
            .map(|i| i.target.to_string())
            .collect();
        assert_eq!(
            targets,
            [
                "gke:us-central1-a.prod/a:default",
                "gke:us-central1-a.prod/b:default"
            ]
        );
    }

    #[test]
    fn every_item_of_a_list_must_name_an_image() {
        let mut empty = service();
        empty["spec"]["template"]["spec"]["containers"] = json!(null);
        let list = json!({"kind": "List", "items": [service(), empty]});
        assert_eq!(
            request(&list, None),
            Err(RequestError::NoImages("Service".to_owned()))
        );
    }

    #[test]
    fn a_name_that_no_service_has_is_refused() {
        let mut service = service();
        service["metadata"]["name"] = json!("my web");
        assert!(matches!(
            request(&service, None),
            Err(RequestError::Malformed(_))
        ));
    }

    #[test]
    fn what_is_no_workload_is_refused() {
        let error = request(&json!({"apiVersion": "v1", "kind": "ConfigMap"}), None).unwrap_err();
        assert_eq!(error, RequestError::UnknownKind("ConfigMap".to_owned()));
        let deep = (0..9).fold(json!({"kind": "Pod"}), |inner, _| json!({"items": [inner]}));
        assert!(request(&deep, None).is_err());
    }
}
