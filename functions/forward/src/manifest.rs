//! What the gate is asked with: manifests of what newly runs, in the form that it reads.

use postern_core::target::{CloudRunKind, CloudRunResource};
use serde_json::{Map, Value, json};

use crate::asked::Dialect;
use crate::resource::{BREAK_GLASS, Resource};
use crate::revision::Revision;

/// A list with one manifest for the template, where it is to be judged, and one for each revision.
pub(crate) fn manifest(
    kind: CloudRunKind,
    place: &CloudRunResource,
    template: Option<Resource<'_>>,
    revisions: &[Revision],
    break_glass: Option<&str>,
) -> Value {
    let written = template.map(|resource| match resource.dialect {
        Dialect::V1 => of_v1(kind, place, resource),
        Dialect::V2 => of_v2(kind, place, resource),
    });
    let there = revisions.iter().map(|revision| {
        let spec = json!({"template": revision.template});
        item(kind, place, spec)
    });
    let mut items: Vec<_> = written.into_iter().chain(there).collect();
    // The door is asked for once, for all.
    if let (Some(first), Some(text)) = (items.first_mut(), break_glass) {
        first["metadata"]["annotations"][BREAK_GLASS] = json!(text);
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// The resource with its own annotations, some of which bring code.
fn of_v1(kind: CloudRunKind, place: &CloudRunResource, resource: Resource<'_>) -> Value {
    let spec = json!({"template": resource.template()});
    let mut item = item(kind, place, spec);
    let annotations = resource.value.pointer("/metadata/annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object) {
        item["metadata"]["annotations"] = Value::Object(annotations.clone());
    }
    if let Some(annotations) = item["metadata"]["annotations"].as_object_mut() {
        annotations.remove(BREAK_GLASS);
    }
    item
}

/// The template of v2 in v1's form, and beside it as it is: fields that bring code are found by name.
fn of_v2(kind: CloudRunKind, place: &CloudRunResource, resource: Resource<'_>) -> Value {
    let template = resource.template().unwrap_or(&Value::Null);
    let containers = json!({"spec": {"containers": containers(template)}});
    let spec = match kind {
        CloudRunKind::Job => {
            let inner = template.get("template").unwrap_or(&Value::Null);
            json!({"template": {"spec": {"template": {"spec": {"containers": self::containers(inner)}}}}})
        }
        CloudRunKind::Service | CloudRunKind::WorkerPool => json!({"template": containers}),
    };
    let mut item = item(kind, place, spec);
    item["v2"] = json!({"template": template, "buildConfig": resource.value.get("buildConfig")});
    item
}

/// The containers of a v2 template, and the images that its sandboxes may be made of.
fn containers(template: &Value) -> Vec<Value> {
    let list = |place: &str| {
        template
            .pointer(place)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let all = list("/containers")
        .chain(list("/initContainers"))
        .chain(list("/sandboxes/templates"));
    all.map(|container| {
        let mut named = Map::new();
        for field in ["name", "image"] {
            if let Some(value) = container.get(field) {
                named.insert(field.to_owned(), value.clone());
            }
        }
        Value::Object(named)
    })
    .collect()
}

fn item(kind: CloudRunKind, place: &CloudRunResource, spec: Value) -> Value {
    let (group, kind) = match kind {
        CloudRunKind::Service => ("serving.knative.dev/v1", "Service"),
        CloudRunKind::Job => ("run.googleapis.com/v1", "Job"),
        CloudRunKind::WorkerPool => ("run.googleapis.com/v1", "WorkerPool"),
    };
    json!({
        "apiVersion": group,
        "kind": kind,
        "metadata": {
            "name": place.name,
            "namespace": place.project,
            "labels": {"cloud.googleapis.com/location": place.location},
            "annotations": {},
        },
        "spec": spec,
    })
}
