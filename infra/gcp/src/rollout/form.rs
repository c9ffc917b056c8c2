//! Where a service, a job and a worker pool have what (Cloud Run Admin API v2, `Service`, `Job`,
//! `WorkerPool`), and what a write changes of it. No I/O.

use std::collections::BTreeMap;

use postern_core::target::{CloudRunKind, CloudRunResource};
use serde_json::{Map, Value, json};

use super::shares::Share;

/// Lists of a template whose items name an image.
const LISTS: [&str; 3] = ["/containers", "/initContainers", "/sandboxes/templates"];
/// What would start an execution of a job by writing it.
const START: [&str; 2] = ["startExecutionToken", "runExecutionToken"];
/// Why a platform's own check is passed over.
const BREAK_GLASS: &str = "breakglassJustification";

/// The collection of a kind, as paths name it.
pub(super) const fn collection(kind: CloudRunKind) -> &'static str {
    match kind {
        CloudRunKind::Service => "services",
        CloudRunKind::Job => "jobs",
        CloudRunKind::WorkerPool => "workerPools",
    }
}

/// Where the template stands that containers are in.
const fn place(kind: CloudRunKind) -> &'static str {
    match kind {
        CloudRunKind::Job => "/template/template",
        CloudRunKind::Service | CloudRunKind::WorkerPool => "/template",
    }
}

/// A resource that does not exist yet, with one container.
pub(super) fn fresh(kind: CloudRunKind, image: &str) -> Value {
    let template = json!({"containers": [{"image": image}]});
    match kind {
        CloudRunKind::Job => json!({"template": {"template": template}}),
        CloudRunKind::Service | CloudRunKind::WorkerPool => json!({"template": template}),
    }
}

/// The resource with this image in one of its containers. Says which there are where it is not clear.
pub(super) fn with_image(
    kind: CloudRunKind,
    before: &Value,
    image: &str,
    container: Option<&str>,
) -> Result<Value, String> {
    let mut after = before.clone();
    let place = format!("{}/containers", place(kind));
    let list = after.pointer_mut(&place).and_then(Value::as_array_mut);
    let list = list.ok_or("it has no containers")?;
    let at = chosen(list, container)?;
    list[at]["image"] = json!(image);
    if let Some(job) = after.as_object_mut() {
        START.iter().for_each(|field| drop(job.remove(*field)));
    }
    Ok(after)
}

fn chosen(containers: &[Value], wanted: Option<&str>) -> Result<usize, String> {
    let name = |container: &Value| container["name"].as_str().unwrap_or_default().to_owned();
    let with_ports = |container: &&Value| {
        let ports = container["ports"].as_array();
        ports.is_some_and(|ports| !ports.is_empty())
    };
    let found = match wanted {
        Some(wanted) => containers.iter().position(|one| name(one) == wanted),
        None if containers.len() == 1 => Some(0),
        None if containers.iter().filter(with_ports).count() == 1 => {
            containers.iter().position(|one| with_ports(&one))
        }
        None => None,
    };
    found.ok_or_else(|| {
        let names: Vec<_> = containers.iter().map(name).collect();
        format!(
            "say with --container in which of its containers: {}",
            names.join(", ")
        )
    })
}

/// The images of every container of a resource, in the order of the manifest.
pub(super) fn images(kind: CloudRunKind, resource: &Value) -> Vec<String> {
    let template = resource.pointer(place(kind)).unwrap_or(&Value::Null);
    images_in(template)
}

/// The images of a template, or of a revision.
pub(super) fn images_in(template: &Value) -> Vec<String> {
    let image = |one: &Value| one["image"].as_str().unwrap_or_default().to_owned();
    containers(template).map(image).collect()
}

fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    let lists = LISTS.iter().filter_map(|list| template.pointer(list));
    lists.filter_map(Value::as_array).flatten()
}

/// Writes what was judged in place of what was written. Returns an image that was not judged.
pub(super) fn pin(
    kind: CloudRunKind,
    resource: &mut Value,
    pins: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(template) = resource.pointer_mut(place(kind)) else {
        return Ok(());
    };
    for list in LISTS {
        let items = template.pointer_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let image = item["image"].as_str().unwrap_or_default();
            let pinned = pins.get(image).ok_or_else(|| image.to_owned())?;
            item["image"] = json!(pinned);
        }
    }
    Ok(())
}

/// What the gate reads: Knative's form of what will run, and v2's beside it, where fields that bring code
/// past the image are found by their names.
pub(super) fn manifest(kind: CloudRunKind, at: &CloudRunResource, after: &Value) -> Value {
    let template = after.pointer(place(kind)).unwrap_or(&Value::Null);
    let named = containers(template).map(|container| {
        let fields = ["name", "image"].into_iter();
        let fields = fields.filter_map(|field| {
            let value = container.get(field)?.clone();
            Some((field.to_owned(), value))
        });
        Value::Object(fields.collect::<Map<_, _>>())
    });
    let pod = json!({"spec": {"containers": named.collect::<Vec<_>>()}});
    let (group, kind, template) = match kind {
        CloudRunKind::Service => ("serving.knative.dev/v1", "Service", pod),
        CloudRunKind::Job => (
            "run.googleapis.com/v1",
            "Job",
            json!({"spec": {"template": pod}}),
        ),
        CloudRunKind::WorkerPool => ("run.googleapis.com/v1", "WorkerPool", pod),
    };
    json!({
        "apiVersion": group,
        "kind": kind,
        "metadata": {
            "name": at.name,
            "namespace": at.project,
            "labels": {"cloud.googleapis.com/location": at.location},
            "annotations": {},
        },
        "spec": {"template": template},
        "v2": {"template": after.get("template"), "buildConfig": after.get("buildConfig")},
    })
}

/// The body and the mask of a write that makes a new revision of this name, and leaves the shares as given.
pub(super) fn staged(
    kind: CloudRunKind,
    after: &Value,
    revision: Option<&str>,
    held: Option<&[Share]>,
    break_glass: Option<&str>,
) -> (Value, String) {
    let mut body = after.clone();
    let mut mask = vec!["template"];
    let template = body.get_mut("template").and_then(Value::as_object_mut);
    if let (Some(template), false) = (template, kind == CloudRunKind::Job) {
        match revision {
            Some(revision) => template.insert("revision".to_owned(), json!(revision)),
            None => template.remove("revision"),
        };
    }
    if let Some(held) = held {
        let field = Share::field(kind);
        body[field] = Share::write(kind, held);
        mask.push(field);
    }
    if glass(&mut body, break_glass) {
        mask.push("binaryAuthorization");
    }
    if let (Some(fields), false) = (body.as_object_mut(), kind == CloudRunKind::Job) {
        fields.retain(|field, _| field == "etag" || mask.contains(&field.as_str()));
    }
    (body, mask.join(","))
}

/// Where the platform checks, too, it is told why it is not to: this time, and not the last. Returns
/// whether that changes anything.
fn glass(body: &mut Value, break_glass: Option<&str>) -> bool {
    let checks = body.get_mut("binaryAuthorization");
    let checks = checks.and_then(Value::as_object_mut);
    let Some(checks) = checks.filter(|checks| !checks.is_empty()) else {
        return false;
    };
    let before = match break_glass {
        Some(text) => checks.insert(BREAK_GLASS.to_owned(), json!(text)),
        None => checks.remove(BREAK_GLASS),
    };
    let before = before.as_ref().and_then(Value::as_str).unwrap_or_default();
    before != break_glass.unwrap_or_default()
}

/// The name that the template gives its revision.
pub(super) fn revision(resource: &Value) -> Option<&str> {
    resource.pointer("/template/revision")?.as_str()
}

/// The version that a resource has.
pub(super) fn version(resource: &Value) -> &str {
    resource["etag"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
