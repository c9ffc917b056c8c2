//! JSON without what is not there.

use serde_json::Value;

/// The value without members that are `null`, and without lists and objects that are empty, at every
/// depth: in most schemas what is not known is left out.
#[must_use]
pub fn sparse(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, sparse(value)))
            .filter(|(_, value)| !is_nothing(value))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .map(sparse)
            .filter(|value| !is_nothing(value))
            .collect(),
        other => other,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_left_out_and_nothing_else_is() {
        let whole = json!({"a": null, "b": [null, {"c": []}], "d": [0, false, ""], "e": {"f": {"g": null}}});
        assert_eq!(sparse(whole), json!({"d": [0, false, ""]}));
    }
}
