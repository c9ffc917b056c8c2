//! Fields by which code reaches the platform outside of any image.
//!
//! A signed image says nothing about a zip that the platform unpacks over it, or about a base image
//! that the platform exchanges later.

use postern_core::request::CodeOutsideImage;
use serde_json::Value;

use super::shortened;

/// Field and annotation names, in the spellings of Cloud Run's v1 and v2 APIs.
const FIELDS: [&str; 11] = [
    "run.googleapis.com/sources",
    "run.googleapis.com/base-images",
    "baseImageUri",
    "base_image_uri",
    "buildConfig",
    "build_config",
    "sourceCode",
    "source_code",
    "sandboxTemplate",
    "sandboxTemplates",
    "run.googleapis.com/sandbox-templates",
];

/// How deep a manifest is searched; the JSON parser allows not much more.
const MAX_DEPTH: usize = 100;

/// Every field of the manifest that brings code and is not empty.
pub(super) fn outside_image(manifest: &Value) -> Vec<CodeOutsideImage> {
    let mut found = Vec::new();
    search(manifest, MAX_DEPTH, &mut found);
    found
}

fn search(node: &Value, depth: usize, found: &mut Vec<CodeOutsideImage>) {
    if depth == 0 {
        return;
    }
    match node {
        Value::Object(fields) => {
            for (name, value) in fields {
                if FIELDS.contains(&name.as_str()) && !is_empty(value) {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    found.push(CodeOutsideImage {
                        field: name.clone(),
                        value: shortened(&value),
                    });
                } else {
                    search(value, depth - 1, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| search(item, depth - 1, found)),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn found_wherever_they_stand() {
        let service = json!({
            "metadata": {"annotations": {"run.googleapis.com/base-images": "{\"web\":\"x\"}"}},
            "buildConfig": {},
            "template": {"containers": [{"image": "a", "baseImageUri": "gcr.io/base"}]}
        });
        let mut fields: Vec<_> = outside_image(&service)
            .into_iter()
            .map(|f| f.field)
            .collect();
        fields.sort();
        assert_eq!(fields, ["baseImageUri", "run.googleapis.com/base-images"]);
    }
}
