//! What the provider knows that Cloud Run's resources can hold: every field by which code may come is one that
//! the gate judges, or is known to bring none. A newer provider with a new one fails here.

use postern_tests::have;
use serde_json::Value;

use super::terraform::Terraform;
use super::{TOOLS, World};

/// What becomes of a field.
#[derive(Debug, PartialEq, Eq)]
enum Brings {
    /// An image that is judged.
    Image,
    /// Code that no attestation covers: refused as `CODE_OUTSIDE_IMAGE`.
    Code,
    /// Settings, data, or what Cloud Run alone writes.
    Nothing,
}

/// By resource, without `google_cloud_run_`, and path.
const FIELDS: &[(&str, &str, Brings)] = &[
    ("service", "template.spec.containers.image", Brings::Image),
    (
        "service",
        "template.spec.containers.sandbox_launcher",
        Brings::Nothing,
    ),
    (
        "v2_job",
        "template.template.containers.env.value_source",
        Brings::Nothing,
    ),
    (
        "v2_job",
        "template.template.containers.image",
        Brings::Image,
    ),
    ("v2_service", "build_config", Brings::Code),
    ("v2_service", "build_config.base_image", Brings::Code),
    (
        "v2_service",
        "build_config.enable_automatic_updates",
        Brings::Code,
    ),
    (
        "v2_service",
        "build_config.environment_variables",
        Brings::Code,
    ),
    ("v2_service", "build_config.function_target", Brings::Code),
    ("v2_service", "build_config.image_uri", Brings::Code),
    ("v2_service", "build_config.name", Brings::Code),
    ("v2_service", "build_config.service_account", Brings::Code),
    ("v2_service", "build_config.source_location", Brings::Code),
    ("v2_service", "build_config.worker_pool", Brings::Code),
    (
        "v2_service",
        "template.containers.base_image_uri",
        Brings::Code,
    ),
    (
        "v2_service",
        "template.containers.build_info",
        Brings::Nothing,
    ),
    (
        "v2_service",
        "template.containers.env.value_source",
        Brings::Nothing,
    ),
    ("v2_service", "template.containers.image", Brings::Image),
    (
        "v2_service",
        "template.containers.sandbox_launcher",
        Brings::Nothing,
    ),
    ("v2_service", "template.sandboxes", Brings::Image),
    (
        "v2_service",
        "template.sandboxes.templates.image",
        Brings::Image,
    ),
    (
        "v2_worker_pool",
        "template.containers.env.value_source",
        Brings::Nothing,
    ),
    ("v2_worker_pool", "template.containers.image", Brings::Image),
    (
        "v2_worker_pool",
        "template.containers.sandbox_launcher",
        Brings::Nothing,
    ),
];

/// Words in a name that make a field suspect.
const SUSPECT: [&str; 14] = [
    "archive",
    "artifact",
    "base",
    "build",
    "code",
    "function",
    "image",
    "images",
    "sandbox",
    "sandboxes",
    "script",
    "source",
    "sources",
    "zip",
];

#[test]
fn every_field_that_may_bring_code_is_known() {
    if !have(&TOOLS) {
        return;
    }
    let world = World::new();
    let schema = Terraform::new(world.folder(), "", "http://127.0.0.1:9", "").schema();
    let providers = schema["provider_schemas"].as_object().unwrap();
    let resources = &providers.values().next().unwrap()["resource_schemas"];
    let mut found = Vec::new();
    for resource in ["service", "v2_job", "v2_service", "v2_worker_pool"] {
        let block = &resources[format!("google_cloud_run_{resource}")]["block"];
        assert!(block.is_object(), "{resource}");
        let mut paths = Vec::new();
        walk(block, "", &mut paths);
        found.extend(
            paths
                .into_iter()
                .filter(|path| is_suspect(path))
                .map(|path| (resource, path)),
        );
    }
    found.sort();
    let unknown: Vec<_> = found
        .iter()
        .filter(|(resource, path)| !FIELDS.iter().any(|(r, p, _)| r == resource && p == path))
        .collect();
    assert!(
        unknown.is_empty(),
        "what does the gate do with {unknown:#?}?"
    );
    for (resource, path, _) in FIELDS
        .iter()
        .filter(|(_, _, brings)| *brings == Brings::Image)
    {
        assert!(
            found.iter().any(|(r, p)| r == resource && p == path),
            "{resource} {path} is gone"
        );
    }
}

fn is_suspect(path: &str) -> bool {
    let (before, last) = path.rsplit_once('.').unwrap_or(("", path));
    let within = before.rsplit('.').next() == Some("build_config");
    within || last.split('_').any(|word| SUSPECT.contains(&word))
}

/// Every attribute and block below this one.
fn walk(block: &Value, before: &str, into: &mut Vec<String>) {
    let named = |name: &str| match before {
        "" => name.to_owned(),
        before => format!("{before}.{name}"),
    };
    for name in block["attributes"]
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys())
    {
        into.push(named(name));
    }
    for (name, inner) in block["block_types"].as_object().into_iter().flatten() {
        into.push(named(name));
        walk(&inner["block"], &named(name), into);
    }
}
