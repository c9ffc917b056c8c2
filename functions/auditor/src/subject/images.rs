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
                    Value::Array(containers) if holds_containers(key) => {
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

/// `containers`, `initContainers`, `init_containers`, …, and `containerDefinitions` of ECS.
fn holds_containers(key: &str) -> bool {
    key.ends_with("ontainers") || key == "containerDefinitions"
}

/// Whether an image is named with a digest, `…@sha256:` and 64 hexadecimal characters.
pub(super) fn has_digest(image: &str) -> bool {
    image
        .rsplit_once("@sha256:")
        .is_some_and(|(name, hex)| !name.is_empty() && is_hex(hex))
}

/// The image of this digest, under the name of another reference to it.
pub(super) fn with_digest(image: &str, hex: &str) -> String {
    if image.is_empty() {
        return format!("sha256:{hex}");
    }
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    // A tag comes after the last slash; a colon before it is a port's.
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    format!("{name}@sha256:{hex}")
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn is_hex(text: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(hex)
}

pub(super) fn add(images: &mut Vec<String>, image: &str) {
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
    fn a_digest_takes_the_place_of_a_tag() {
        let hex = "1".repeat(64);
        for image in [
            "r:5000/a",
            "r:5000/a:v1",
            "r:5000/a@sha256:2",
            "r:5000/a:v1@sha256:2",
        ] {
            assert_eq!(with_digest(image, &hex), format!("r:5000/a@sha256:{hex}"));
        }
        assert!(has_digest(&format!("a@sha256:{hex}")));
        for image in ["a:v1", "a@sha256:1", "", &format!("sha256:{hex}")] {
            assert!(!has_digest(image), "{image}");
        }
    }

    #[test]
    fn quoted_images_are_read_from_the_message() {
        let message = "Container image 'r/a@sha256:1' is not authorized by policy.";
        assert_eq!(images_quoted(message), ["r/a@sha256:1"]);
        assert!(images_quoted("Container image 'unclosed").is_empty());
    }
}
