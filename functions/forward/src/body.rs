//! The body of a call: JSON that can be read in one way only.

use postern_core::image::shortened;
use postern_host::unique::UniqueJson;
use serde_json::Value;

use crate::refusal::Refusal;

/// Fields whose keys are anybody's own.
const MAPS: [&str; 7] = [
    "annotations",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "requests",
    "status",
];

/// Fields that are lists. Google's parsers have been seen to take one value for a list of one.
const LISTS: [&str; 5] = [
    "containers",
    "initContainers",
    "instanceSplits",
    "templates",
    "traffic",
];

/// How deep a body is; the parser allows not much more.
const MAX_DEPTH: usize = 120;

/// Reads the body of a call; `None` where there is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Value>, Refusal> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let UniqueJson(value) = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::invalid(format!("the body cannot be read: {error}")))?;
    match value.is_object() {
        true => Ok(Some(value)),
        false => Err(Refusal::invalid("the body is no JSON object")),
    }
}

/// Refuses a resource that can be read in two ways. Google reads `base_image_uri` as `baseImageUri`; where
/// both stand, it is anybody's guess which one counts.
pub(crate) fn in_one_spelling(resource: &Value) -> Result<(), Refusal> {
    match ambiguous(resource, MAX_DEPTH) {
        None => Ok(()),
        Some((field, remedy)) => Err(Refusal::invalid(format!(
            "the field {:?} can be read in two ways and is not forwarded: {remedy}",
            shortened(field)
        ))),
    }
}

fn ambiguous(node: &Value, depth: usize) -> Option<(&str, &'static str)> {
    match node {
        _ if depth == 0 => Some(("…", "it is nested too deep")),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            if MAPS.contains(&name.as_str()) {
                return None;
            }
            if name.contains('_') {
                return Some((name.as_str(), "write it in camelCase"));
            }
            let is_list = value.is_array() || value.is_null();
            if LISTS.contains(&name.as_str()) && !is_list {
                return Some((name.as_str(), "write it as a list"));
            }
            ambiguous(value, depth - 1)
        }),
        Value::Array(items) => items.iter().find_map(|item| ambiguous(item, depth - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_object_with_each_key_once() {
        assert_eq!(parse(b" \n"), Ok(None));
        assert_eq!(parse(br#"{"a": 1}"#), Ok(Some(json!({"a": 1}))));
        for wrong in [
            &br#"{"image": "a", "image": "b"}"#[..],
            b"[]",
            b"\x1f\x8b",
            b"x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_list_is_a_list() {
        assert!(
            in_one_spelling(&json!({"traffic": {"revision": "web-1", "percent": 100}})).is_err()
        );
        assert_eq!(in_one_spelling(&json!({"traffic": null})), Ok(()));
    }

    #[test]
    fn only_one_spelling_passes() {
        let service = json!({"template": {"containers": [{"image": "a", "base_image_uri": "b"}]}});
        assert!(in_one_spelling(&service).is_err());
        let service = json!({"metadata": {"labels": {"my_team": "a"}}, "spec": {"a": "b_c"},
            "status": {"x_y": 1}});
        assert_eq!(in_one_spelling(&service), Ok(()));
    }
}
