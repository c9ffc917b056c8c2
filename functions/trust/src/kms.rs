//! Cloud KMS's API (REST v1) for keys that sign: rings, keys and versions whose private halves are kept in the
//! store, sealed by the vault. For trying out, and where there is no key management service: whoever has the
//! store and the wrapping key has the keys.

mod algorithm;
mod asked;
mod kept;
mod keys;
mod rings;
mod signing;
mod versions;

use serde_json::{Map, Value};

use crate::audit::Told;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::trust::Trust;

pub(crate) use self::asked::{Action, asked};

impl Trust {
    /// A call of Cloud KMS's API whose caller may make it.
    pub(crate) async fn kms(&self, call: &Call, action: Action) -> Result<Value, ApiError> {
        match action {
            Action::Locations(project) => Ok(rings::locations(&project)),
            Action::Location(name) => rings::location(&name),
            Action::Rings(location) => self.key_rings(call, &location).await,
            Action::CreateRing(location) => self.create_key_ring(call, &location).await,
            Action::Ring(name) => self.key_ring(&name).await,
            Action::Keys(ring) => self.crypto_keys(call, &ring).await,
            Action::CreateKey(ring) => self.create_crypto_key(call, &ring).await,
            Action::Key(name) => self.crypto_key(&name).await,
            Action::UpdateKey(name) => self.update_crypto_key(call, &name).await,
            Action::Versions(key) => self.key_versions(call, &key).await,
            Action::CreateVersion(key) => self.create_key_version(call, &key).await,
            Action::Version(name) => self.key_version(&name).await,
            Action::UpdateVersion(name) => self.update_key_version(call, &name).await,
            Action::DestroyVersion(name) => self.destroy_key_version(call, &name).await,
            Action::RestoreVersion(name) => self.restore_key_version(call, &name).await,
            Action::PublicKey(name) => self.public_key(call, &name).await,
            Action::Sign(name) => self.asymmetric_sign(call, &name).await,
        }
    }
}

/// What is told of a call, as Cloud KMS's audit log tells it: methods by their short names, requests with their
/// types.
fn told(call: &Call, method: &str, resource: &str, permission: &str, request: Value) -> Told {
    let mut request = crate::body::fields(request);
    let of = format!("type.googleapis.com/google.cloud.kms.v1.{method}Request");
    request.insert("@type".to_owned(), of.into());
    call.told(method, resource, permission, request.into())
}

/// The id of what is to be made.
fn id<'a>(call: &'a Call, parameter: &str) -> Result<&'a str, ApiError> {
    let id = call.parameter(parameter).unwrap_or_default();
    let is_id = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    if id.is_empty() || id.len() > 63 || !id.chars().all(is_id) {
        return Err(ApiError::invalid(format!(
            "{parameter} must be 1 to 63 letters, digits, '-' or '_'"
        )));
    }
    Ok(id)
}

/// Which of the fields that may be changed an update names, by themselves or by something inside of them.
///
/// # Errors
/// If it names none, or another one.
fn masked<'a>(call: &Call, may: &[&'a str]) -> Result<Vec<&'a str>, ApiError> {
    let mask = call.parameter("updateMask").unwrap_or_default();
    let named = mask
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty());
    let known = named.map(|field| {
        let outer = field.split('.').next().unwrap_or_default().replace('_', "");
        may.iter()
            .copied()
            .find(|may| may.eq_ignore_ascii_case(&outer))
    });
    match known.collect::<Option<Vec<&str>>>() {
        Some(fields) if !fields.is_empty() => Ok(fields),
        _ => Err(ApiError::invalid(format!(
            "updateMask must name what is to be changed, of: {}",
            may.join(", ")
        ))),
    }
}

/// Fields that only the service sets are taken from a request, and not read.
fn without(mut message: Map<String, Value>, outputs: &[&str]) -> Map<String, Value> {
    for output in outputs {
        message.remove(*output);
    }
    message
}

fn precondition(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::FailedPrecondition, message)
}

#[cfg(test)]
mod tests;
