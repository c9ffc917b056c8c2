//! A stand-in for Cloud KMS: keeps what is made, and gives every version the same public key.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::{Reply, Seen, StandIn};

/// Where it is in its address.
pub(super) const PATH: &str = "/v1/";

const ALGORITHM: &str = "EC_SIGN_P256_SHA256";

/// Starts it, with the PEM of the public key.
pub(super) fn cloud_kms(public_key: String) -> StandIn {
    let kept = Mutex::new(BTreeMap::new());
    StandIn::start(move |request| {
        let answer = answer(&mut kept.lock().unwrap(), request, &public_key);
        answer.map_or_else(|| Reply::status(404), |answer| Reply::json(&answer))
    })
}

fn answer(kept: &mut BTreeMap<String, Value>, request: &Seen, public_key: &str) -> Option<Value> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let path = path.strip_prefix(PATH)?;
    if let Some((resource, verb)) = path.split_once(':') {
        return Some(act(kept, resource, verb, request));
    }
    match request.method.as_str() {
        "GET" => match path.strip_suffix("/publicKey") {
            Some(version) => {
                Some(json!({"name": version, "pem": public_key, "algorithm": ALGORITHM}))
            }
            None if path.ends_with("/cryptoKeyVersions") => {
                let versions = kept
                    .iter()
                    .filter(|(name, _)| name.starts_with(&format!("{path}/")));
                let versions: Vec<&Value> = versions.map(|(_, version)| version).collect();
                Some(json!({"cryptoKeyVersions": versions}))
            }
            None => kept.get(path).cloned(),
        },
        "POST" => {
            // A key ring is made of nothing.
            let mut made: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let id = match path.ends_with("/cryptoKeyVersions") {
                true => {
                    made = version();
                    let own = format!("{path}/");
                    let there = kept.keys().filter(|name| name.starts_with(&own)).count();
                    (there + 1).to_string()
                }
                false => id(query)?,
            };
            let name = format!("{path}/{id}");
            made["name"] = name.clone().into();
            kept.insert(name, made.clone());
            Some(made)
        }
        "PATCH" => {
            let resource = kept.get_mut(path)?;
            let changed = request.json();
            for (field, value) in changed.as_object()? {
                resource[field] = value.clone();
            }
            Some(resource.clone())
        }
        _ => None,
    }
}

fn act(kept: &mut BTreeMap<String, Value>, resource: &str, verb: &str, request: &Seen) -> Value {
    let policy = format!("{resource}:iam");
    match verb {
        "setIamPolicy" => {
            let set = request.json()["policy"].clone();
            kept.insert(policy, set.clone());
            set
        }
        "destroy" => {
            if let Some(version) = kept.get_mut(resource) {
                version["state"] = "DESTROY_SCHEDULED".into();
            }
            kept.get(resource).cloned().unwrap_or_default()
        }
        _ => kept
            .get(&policy)
            .cloned()
            .unwrap_or_else(|| json!({"etag": "ACAB"})),
    }
}

fn version() -> Value {
    json!({"state": "ENABLED", "algorithm": ALGORITHM, "protectionLevel": "HSM"})
}

/// The id of what is to be made, of `keyRingId=…` or `cryptoKeyId=…`.
fn id(query: &str) -> Option<String> {
    let mut parameters = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='));
    let id = parameters.find(|(name, _)| ["keyRingId", "cryptoKeyId"].contains(name));
    id.map(|(_, id)| id.to_owned())
}
