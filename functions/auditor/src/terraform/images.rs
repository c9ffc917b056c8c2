//! Images by tag: what is checked is not what is run the next time.

use postern_core::image::{ImageReference, shortened};
use serde_json::Value;

use super::change::Change;
use super::finding::{Code, Finding};

/// The longest list of containers that is looked at.
const MAX_CONTAINERS: usize = 256;

/// Adds what is found about the images of a resource.
pub(super) fn look(change: &Change<'_>, findings: &mut Vec<Finding>) {
    match change.kind {
        "google_cloud_run_v2_service" | "google_cloud_run_v2_worker_pool" => {
            containers(change, "/template/0/containers", findings);
        }
        "google_cloud_run_v2_job" => {
            containers(change, "/template/0/template/0/containers", findings);
        }
        "google_cloud_run_service" => {
            containers(change, "/template/0/spec/0/containers", findings);
        }
        "aws_lambda_function" => lambda(change, findings),
        "aws_ecs_task_definition" => task_definition(change, findings),
        _ => {}
    }
}

fn containers(change: &Change<'_>, pointer: &str, findings: &mut Vec<Finding>) {
    if change.is_unknown(pointer) {
        findings.push(Finding::later(Code::ImageByTag, change, "its image"));
        return;
    }
    let listed = change.after.pointer(pointer).and_then(Value::as_array);
    let count = listed.map_or(0, Vec::len).min(MAX_CONTAINERS);
    for index in 0..count {
        one(change, &format!("{pointer}/{index}/image"), findings);
    }
}

fn lambda(change: &Change<'_>, findings: &mut Vec<Finding>) {
    // A function from an archive has none.
    if change.after["package_type"] == "Image" || change.after["image_uri"].is_string() {
        one(change, "/image_uri", findings);
    }
}

/// Container definitions are JSON within JSON.
fn task_definition(change: &Change<'_>, findings: &mut Vec<Finding>) {
    let text = change.after["container_definitions"].as_str();
    let Some(text) = text else {
        if change.is_unknown("/container_definitions") {
            findings.push(Finding::later(Code::ImageByTag, change, "its containers"));
        }
        return;
    };
    let definitions: Value = serde_json::from_str(text).unwrap_or_default();
    let images = definitions.as_array().into_iter().flatten();
    for definition in images.take(MAX_CONTAINERS) {
        named(
            change,
            definition["image"].as_str().unwrap_or_default(),
            findings,
        );
    }
}

fn one(change: &Change<'_>, pointer: &str, findings: &mut Vec<Finding>) {
    match change.after.pointer(pointer).and_then(Value::as_str) {
        Some(image) => named(change, image, findings),
        None if change.is_unknown(pointer) => {
            findings.push(Finding::later(Code::ImageByTag, change, "its image"));
        }
        None => {}
    }
}

fn named(change: &Change<'_>, image: &str, findings: &mut Vec<Finding>) {
    let parsed = ImageReference::parse(image);
    if parsed.is_ok_and(|image| image.digest().is_some()) {
        return;
    }
    findings.push(Finding::new(
        Code::ImageByTag,
        change,
        format!(
            "the image {:?} is named without its digest: what it stands for may change after it was checked",
            shortened(image)
        ),
        "name it by digest, HOST/PATH@sha256:…, as the build that pushed it says",
    ));
}
