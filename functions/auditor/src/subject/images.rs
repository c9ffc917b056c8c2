//! The images that a request or a response names.

use serde_json::Value;

/// More are not listed.
const LIMIT: usize = 32;

/// How deep pod templates can stand in a resource (a Cloud Run job has the deepest).
const DEPTH: usize = 12;

/// The `image` of every container (init and ephemeral ones too), wherever the template stands.
pub(super) fn images_in<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut images = Vec::new();
    for value in values {
        collect(value, DEPTH, &mut images);
        if !images.is_empty() {
            break;
        }
    }
    images
}

/// The images that a message quotes: `Container image 'HOST/PATH@sha256:…' is not authorized`.
pub(super) fn images_quoted(message: &str) -> Vec<String> {
    let mut images = Vec::new();
    for part in message.split("ontainer image '").skip(1) {
        if let Some((image, _)) = part.split_once('\'') {
            add(&mut images, image);
        }
    }
    images
}

fn collect(value: &Value, depth: usize, images: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::Array(containers) if key.ends_with("ontainers") => {
                        let named = containers.iter().filter_map(|c| c.get("image")?.as_str());
                        named.for_each(|image| add(images, image));
                    }
                    _ => collect(value, depth - 1, images),
                }
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect(value, depth - 1, images)),
        _ => {}
    }
}

fn add(images: &mut Vec<String>, image: &str) {
    let known = images.iter().any(|known| known == image);
    if !known && !image.is_empty() && image.len() <= 1024 && images.len() < LIMIT {
        images.push(image.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_container_of_every_template_is_found() {
        let job = json!({"spec": {"template": {"spec": {"template": {"spec": {
            "initContainers": [{"image": "a"}], "containers": [{"image": "b"}, {"image": "a"}]}}}}}});
        let mut images = images_in([&job]);
        images.sort();
        assert_eq!(images, ["a", "b"]);
        let v2 = json!({"template": {"containers": [{"image": "c"}]}});
        assert_eq!(images_in([&json!({}), &v2]), ["c"]);
    }

    #[test]
    fn quoted_images_are_read_from_the_message() {
        let message = "Container image 'r/a@sha256:1' is not authorized by policy.";
        assert_eq!(images_quoted(message), ["r/a@sha256:1"]);
        assert!(images_quoted("Container image 'unclosed").is_empty());
    }
}
