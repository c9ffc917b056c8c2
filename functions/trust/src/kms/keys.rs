//! `…/keyRings/R/cryptoKeys`.

use std::collections::BTreeMap;

use postern_core::ports::Resource;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::algorithm::Algorithm;
use super::kept::{CryptoKey, PROTECTION, PURPOSE, kept, key_answer, write};
use super::rings::exists;
use super::versions::version_name;
use super::{id, masked, told, without};
use crate::body::typed;
use crate::call::Call;
use crate::error::ApiError;
use crate::page::listed;
use crate::trust::Trust;

/// How long a version can be restored, in seconds: what is taken where nothing is said, and the bounds
/// (`CryptoKey.destroy_scheduled_duration`).
const DESTROY_AFTER: u32 = 30 * DAY;
const LEAST: u32 = DAY;
const MOST: u32 = 120 * DAY;
const DAY: u32 = 24 * 60 * 60;

/// A key as a request has it. Unknown fields of it are refused.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Asked {
    purpose: Option<String>,
    version_template: Option<Template>,
    labels: BTreeMap<String, String>,
    destroy_scheduled_duration: Option<String>,
    import_only: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Template {
    algorithm: Option<String>,
    protection_level: Option<String>,
}

impl Trust {
    pub(super) async fn crypto_keys(&self, call: &Call, ring: &str) -> Result<Value, ApiError> {
        self.key_ring(ring).await?;
        let page = call.page()?;
        let collection = format!("{ring}/cryptoKeys");
        let (stored, last) = self.listed_resources(&collection, &page).await?;
        let mut keys = Vec::new();
        for stored in stored {
            keys.push(key_answer(&stored, &kept(&stored)?));
        }
        Ok(listed("cryptoKeys", keys, last.as_deref()))
    }

    pub(super) async fn create_crypto_key(
        &self,
        call: &Call,
        ring: &str,
    ) -> Result<Value, ApiError> {
        self.key_ring(ring).await?;
        let id = id(call, "cryptoKeyId")?;
        let name = format!("{ring}/cryptoKeys/{id}");
        let body = asked_body(call)?;
        let mut key = read(typed(body.clone())?)?;
        if self.store().resource(&name).await?.is_some() {
            return Err(exists("CryptoKey", &name));
        }
        let mut writes = Vec::new();
        if call.parameter("skipInitialVersionCreation") != Some("true") {
            key.versions = 1;
            let first = version_name(&name, 1);
            writes.push(self.made_version(&first, key.algorithm).await?);
        }
        writes.push(write(&name, 0, &key)?);
        let request = json!({"parent": ring, "cryptoKeyId": id, "cryptoKey": body});
        let told = told(
            call,
            "CreateCryptoKey",
            &name,
            "cloudkms.cryptoKeys.create",
            request,
        );
        self.write(writes, told).await?;
        self.crypto_key(&name).await
    }

    pub(super) async fn crypto_key(&self, name: &str) -> Result<Value, ApiError> {
        let (stored, key) = self.stored_key(name).await?;
        Ok(key_answer(&stored, &key))
    }

    /// Changes labels, or what new versions are made for.
    pub(super) async fn update_crypto_key(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let changed = masked(call, &["labels", "versionTemplate"])?;
        let (stored, mut key) = self.stored_key(name).await?;
        let body = asked_body(call)?;
        let asked: Asked = typed(body.clone())?;
        if changed.contains(&"labels") {
            key.labels = labelled(asked.labels)?;
        }
        if changed.contains(&"versionTemplate") {
            key.algorithm = algorithm(asked.version_template)?;
        }
        let mut request = body;
        request.insert("name".to_owned(), name.into());
        let request = json!({"cryptoKey": request, "updateMask": changed.join(",")});
        let told = told(
            call,
            "UpdateCryptoKey",
            name,
            "cloudkms.cryptoKeys.update",
            request,
        );
        self.write(vec![write(name, stored.revision, &key)?], told)
            .await?;
        self.crypto_key(name).await
    }

    pub(super) async fn stored_key(&self, name: &str) -> Result<(Resource, CryptoKey), ApiError> {
        let stored = self.store().resource(name).await?;
        let stored = stored.ok_or_else(|| ApiError::not_found("CryptoKey", name))?;
        let key = kept(&stored)?;
        Ok((stored, key))
    }
}

/// The fields of a request that are not the service's own.
fn asked_body(call: &Call) -> Result<Map<String, Value>, ApiError> {
    Ok(without(call.body()?, &["name", "createTime", "primary"]))
}

fn read(asked: Asked) -> Result<CryptoKey, ApiError> {
    match asked.purpose.as_deref() {
        Some(PURPOSE) => {}
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "keys for {} are not kept here, only keys that sign: purpose {PURPOSE}",
                postern_core::image::shortened(other)
            )));
        }
        None => return Err(ApiError::invalid(format!("purpose must be {PURPOSE}"))),
    }
    if asked.import_only {
        return Err(ApiError::invalid(
            "keys are not imported here: leave importOnly out",
        ));
    }
    Ok(CryptoKey {
        algorithm: algorithm(asked.version_template)?,
        labels: labelled(asked.labels)?,
        destroy_after: match asked.destroy_scheduled_duration {
            Some(duration) => seconds(&duration)?,
            None => DESTROY_AFTER,
        },
        versions: 0,
    })
}

fn algorithm(template: Option<Template>) -> Result<Algorithm, ApiError> {
    let template = template.unwrap_or_default();
    match template.protection_level.as_deref() {
        None | Some(PROTECTION | "PROTECTION_LEVEL_UNSPECIFIED") => {}
        Some(other) => {
            return Err(ApiError::invalid(format!(
                "keys of protection level {} are not kept here: only {PROTECTION}",
                postern_core::image::shortened(other)
            )));
        }
    }
    match template.algorithm {
        Some(name) => Algorithm::named(&name),
        None => Err(ApiError::invalid("versionTemplate.algorithm is missing")),
    }
}

/// Resource Manager's bounds on labels, without its alphabet.
fn labelled(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError> {
    let fits = |(key, value): (&String, &String)| {
        !key.is_empty() && key.chars().count() <= 63 && value.chars().count() <= 63
    };
    match labels.len() <= 64 && labels.iter().all(fits) {
        true => Ok(labels),
        false => Err(ApiError::invalid(
            "labels must be at most 64, of at most 63 characters each",
        )),
    }
}

/// A duration as ProtoJSON writes it, such as `86400s`.
fn seconds(duration: &str) -> Result<u32, ApiError> {
    let seconds = duration
        .strip_suffix('s')
        .and_then(|text| text.parse().ok());
    match seconds {
        Some(seconds @ LEAST..=MOST) => Ok(seconds),
        _ => Err(ApiError::invalid(format!(
            "destroyScheduledDuration must be whole seconds of one day to 120, from {LEAST}s to {MOST}s"
        ))),
    }
}
