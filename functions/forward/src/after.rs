//! The resource as it will be after a write: replaced (v1), or patched (v2, `updateMask`; google.protobuf.FieldMask).

use postern_core::image::shortened;
use serde_json::{Map, Value};

use crate::asked::Dialect;
use crate::refusal::Refusal;

/// What the resource will be once the fields that the mask names are taken from the patch.
///
/// Without a mask, and for `*`, the patch stands for the whole; what it leaves out may then be taken away or
/// stay, so a template that it leaves out is taken to stay.
pub(crate) fn after(current: &Value, patch: &Value, mask: Option<&str>) -> Result<Value, Refusal> {
    let mask = mask.unwrap_or_default();
    let paths = mask
        .split(',')
        .map(str::trim)
        .filter(|path| !path.is_empty());
    let paths: Vec<_> = paths.map(camel_case).collect();
    if paths.is_empty() || paths.iter().any(|path| path == "*") {
        return Ok(by_cloud_run(Dialect::V2, current, whole(current, patch)));
    }
    let mut after = current.clone();
    for path in &paths {
        let fields: Vec<_> = path.split('.').collect();
        if fields.iter().any(|field| !is_field(field)) {
            let path = shortened(path);
            return Err(Refusal::invalid(format!(
                "updateMask: {path:?} is no field"
            )));
        }
        set(&mut after, patch, &fields);
    }
    Ok(by_cloud_run(Dialect::V2, current, after))
}

fn whole(current: &Value, patch: &Value) -> Value {
    let mut after = patch.clone();
    let stays = current
        .get("template")
        .filter(|_| patch.get("template").is_none());
    if let (Some(after), Some(template)) = (after.as_object_mut(), stays) {
        after.insert("template".to_owned(), template.clone());
    }
    after
}

/// What the resource will be once the body stands in its place (v1).
pub(crate) fn replaced(current: &Value, body: &Value) -> Value {
    by_cloud_run(Dialect::V1, current, body.clone())
}

/// Which revision is the latest is not the caller's to say, and counts for where traffic goes.
fn by_cloud_run(dialect: Dialect, current: &Value, mut after: Value) -> Value {
    let fields: &[&str] = match dialect {
        Dialect::V1 => &["status"],
        Dialect::V2 => &["latestReadyRevision", "latestCreatedRevision"],
    };
    if let Some(after) = after.as_object_mut() {
        for &field in fields {
            match current.get(field) {
                Some(value) => after.insert(field.to_owned(), value.clone()),
                None => after.remove(field),
            };
        }
    }
    after
}

/// Takes one field from the patch; what is not there is taken away.
fn set(after: &mut Value, patch: &Value, fields: &[&str]) {
    let [first, rest @ ..] = fields else { return };
    let value = patch.get(first).unwrap_or(&Value::Null);
    if !after.is_object() {
        *after = Value::Object(Map::new());
    }
    let Some(object) = after.as_object_mut() else {
        return;
    };
    if rest.is_empty() {
        match value {
            Value::Null => object.remove(*first),
            value => object.insert((*first).to_owned(), value.clone()),
        };
    } else {
        set(object.entry(*first).or_insert(Value::Null), value, rest);
    }
}

fn is_field(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Masks are written either way; JSON is written in camelCase here.
fn camel_case(path: &str) -> String {
    let mut camel = String::with_capacity(path.len());
    let mut upper = false;
    for char in path.chars() {
        match char {
            '_' => upper = true,
            char if upper => {
                camel.extend(char.to_uppercase());
                upper = false;
            }
            char => camel.push(char),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn current() -> Value {
        json!({"template": {"containers": [{"image": "old"}], "timeout": "5s"},
            "binaryAuthorization": {"useDefault": true}, "labels": {"a": "1"}, "etag": "e",
            "latestReadyRevision": "web-1"})
    }

    #[rstest]
    #[case::one_field("labels", json!({"labels": {"b": "2"}, "template": {"containers": []}}),
        "/labels", json!({"b": "2"}))]
    #[case::nothing_else("labels", json!({"template": {"containers": []}}),
        "/template/containers/0/image", json!("old"))]
    #[case::below("template.containers", json!({"template": {"containers": [{"image": "new"}]}}),
        "/template", json!({"containers": [{"image": "new"}], "timeout": "5s"}))]
    #[case::in_snake_case("binary_authorization", json!({"binaryAuthorization": {"useDefault": false}}),
        "/binaryAuthorization/useDefault", json!(false))]
    #[case::taken_away("template.timeout,labels", json!({}), "/template",
        json!({"containers": [{"image": "old"}]}))]
    #[case::whole("*", json!({"template": {"containers": [{"image": "new"}]}}), "/template",
        json!({"containers": [{"image": "new"}]}))]
    #[case::not_the_callers("latestReadyRevision", json!({"latestReadyRevision": "web-9"}),
        "/latestReadyRevision", json!("web-1"))]
    #[case::nor_in_a_whole("*", json!({"latestReadyRevision": "web-9"}),
        "/latestReadyRevision", json!("web-1"))]
    #[case::without_a_mask("", json!({"labels": {}}), "/latestReadyRevision", json!("web-1"))]
    fn masks(#[case] mask: &str, #[case] patch: Value, #[case] place: &str, #[case] value: Value) {
        let after = after(&current(), &patch, Some(mask)).unwrap();
        assert_eq!(after.pointer(place), Some(&value));
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for mask in [
            "template..containers",
            "labels.a-b",
            "template[0]",
            "labels,`x`",
        ] {
            assert!(after(&current(), &json!({}), Some(mask)).is_err(), "{mask}");
        }
    }
}
