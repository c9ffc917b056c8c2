//! The Pods of a Kubernetes object: its own, or those that its templates make.

use serde_json::Value;

use crate::error::ApiError;

/// The lists of a Pod spec whose elements run an image.
const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
/// How many templates may be nested: CronJob → Job → Pod.
const MOST_NESTED: usize = 4;
/// So many images are evaluated at once.
const MOST_IMAGES: usize = 256;

/// A Pod, as a policy looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    /// Empty where it has none.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) account: String,
    /// Each image once, as it is written; empty for a container without one.
    pub(super) images: Vec<String>,
}

/// # Errors
/// If there is no Pod in it, or more images than are evaluated at once.
pub(super) fn pods(object: &Value) -> Result<Vec<Pod>, ApiError> {
    let mut pods = Vec::new();
    // A PodTemplate has its template beside the metadata, all else below `spec`.
    for root in ["spec", "template"] {
        if let Some(root) = object.get(root) {
            collect(object, root, MOST_NESTED, &mut pods);
        }
    }
    let images: usize = pods.iter().map(|pod| pod.images.len()).sum();
    match images {
        0 => Err(ApiError::invalid(
            "resource must be a Pod, or something that has a template of one, with containers",
        )),
        1..=MOST_IMAGES => Ok(pods),
        _ => Err(ApiError::invalid(format!(
            "resource has {images} images; at most {MOST_IMAGES} are evaluated at once"
        ))),
    }
}

fn collect(object: &Value, node: &Value, depth: usize, pods: &mut Vec<Pod>) {
    let is_list = |list: &&str| node.get(*list).is_some_and(Value::is_array);
    if CONTAINER_LISTS.iter().any(is_list) {
        pods.push(pod(object, node));
    }
    if depth > 0 {
        for key in ["spec", "template", "jobTemplate", "podTemplate"] {
            if let Some(child) = node.get(key) {
                collect(object, child, depth - 1, pods);
            }
        }
    }
}

fn pod(object: &Value, spec: &Value) -> Pod {
    let text = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        text.to_owned()
    };
    let or_default = |text: String| match text.is_empty() {
        true => "default".to_owned(),
        false => text,
    };
    let account = ["serviceAccountName", "serviceAccount"]
        .iter()
        .find_map(|key| spec.get(key));
    let mut images: Vec<String> = Vec::new();
    let lists = CONTAINER_LISTS.iter().filter_map(|list| spec.get(list));
    let containers = lists.filter_map(Value::as_array).flatten();
    let volumes = spec.get("volumes").and_then(Value::as_array);
    let mounted = volumes.into_iter().flatten();
    let mounted = mounted.filter_map(|volume| volume.get("image"));
    let named = containers
        .map(|container| text(container.get("image")))
        .chain(mounted.map(|image| text(image.get("reference"))));
    for image in named {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    Pod {
        name: text(object.pointer("/metadata/name")),
        namespace: or_default(text(object.pointer("/metadata/namespace"))),
        account: or_default(text(account)),
        images,
    }
}
