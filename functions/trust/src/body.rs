//! Requests' JSON, read as the APIs read it: fields in either spelling, `resourceUri` or `resource_uri`.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Fields whose keys are not fields, but what people chose.
const MAPS: [&str; 6] = [
    "clusterAdmissionRules",
    "istioServiceIdentityAdmissionRules",
    "kubernetesNamespaceAdmissionRules",
    "kubernetesServiceAccountAdmissionRules",
    "labels",
    "notes",
];

/// A request's body, with its fields in camelCase. An empty one is an empty message.
///
/// # Errors
/// If it is no JSON object, or has a field in both spellings.
pub(crate) fn read(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the request is no JSON: {error}")))?;
    match camel(value)? {
        Value::Object(object) => Ok(object),
        _ => Err(ApiError::invalid("the request is no JSON object")),
    }
}

/// A message as the type of ours that has its fields.
///
/// # Errors
/// Naming what is wrong with it.
pub(crate) fn typed<T: DeserializeOwned>(message: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(message)).map_err(|error| {
        ApiError::invalid(format!("the request is not what it should be: {error}"))
    })
}

/// A value as fields of a message.
pub(crate) fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What becomes of a message by an update: of the fields that the mask names, each is as the update has it;
/// without a mask, of all that the update has.
///
/// # Errors
/// If the mask reaches into a field, which is not done here.
pub(crate) fn read_mask(
    mask: Option<&str>,
    mut message: Map<String, Value>,
    mut update: Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    let paths = mask.unwrap_or_default().split(',').map(str::trim);
    let paths: Vec<String> = paths
        .filter(|path| !path.is_empty())
        .map(camel_key)
        .collect();
    let fields = match paths.is_empty() || paths == ["*"] {
        true => update.keys().cloned().collect(),
        false => paths,
    };
    for field in fields {
        // `attestation.hint` changes a part of `attestation`, which is taken as a whole.
        let field = field.split('.').next().unwrap_or_default();
        match update.remove(field) {
            Some(value) => message.insert(field.to_owned(), value),
            None => message.remove(field),
        };
    }
    Ok(message)
}

fn camel(value: Value) -> Result<Value, ApiError> {
    Ok(match value {
        Value::Object(fields) => {
            let mut read = Map::with_capacity(fields.len());
            for (key, value) in fields {
                let key = camel_key(&key);
                let value = match MAPS.contains(&key.as_str()) {
                    true => camel_values(value)?,
                    false => camel(value)?,
                };
                if read.contains_key(&key) {
                    return Err(ApiError::invalid(format!("the request has {key} twice")));
                }
                // `null` is a field that is not there.
                if !value.is_null() {
                    read.insert(key, value);
                }
            }
            Value::Object(read)
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(camel).collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

fn camel_values(value: Value) -> Result<Value, ApiError> {
    let Value::Object(entries) = value else {
        return camel(value);
    };
    let camel = |(key, value)| Ok((key, camel(value)?));
    entries.into_iter().map(camel).collect()
}

fn camel_key(key: &str) -> String {
    let mut camel = String::with_capacity(key.len());
    let mut upper = false;
    for char in key.chars() {
        match char {
            '_' if !camel.is_empty() => upper = true,
            char if upper => {
                camel.push(char.to_ascii_uppercase());
                upper = false;
            }
            char => camel.push(char),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_and_what_people_chose_stays() {
        let body = json!({
            "default_admission_rule": {"evaluation_mode": "ALWAYS_DENY"},
            "kubernetes_namespace_admission_rules": {"my_space": {"require_attestations_by": []}},
            "description": null,
        });
        let read = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            Value::Object(read),
            json!({
                "defaultAdmissionRule": {"evaluationMode": "ALWAYS_DENY"},
                "kubernetesNamespaceAdmissionRules": {"my_space": {"requireAttestationsBy": []}},
            })
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (body, reason) in [
            ("[]", "no JSON object"),
            ("{", "no JSON"),
            (r#"{"noteName": "a", "note_name": "b"}"#, "noteName twice"),
        ] {
            let error = read(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert_eq!(read(b"").unwrap(), Map::new());
    }
}
