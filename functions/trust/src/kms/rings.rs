//! `projects/P/locations/L/keyRings`. A ring is never deleted, as Google's is not.

use serde_json::{Value, json};

use super::{id, kept, told};
use crate::call::Call;
use crate::error::ApiError;
use crate::page::listed;
use crate::trust::Trust;

/// The one location that is listed. Whatever has a location's name can be used as one: there is only one store.
const GLOBAL: &str = "global";

pub(super) fn locations(project: &str) -> Value {
    json!({"locations": [located(&format!("{project}/locations/{GLOBAL}"), GLOBAL)]})
}

pub(super) fn location(name: &str) -> Result<Value, ApiError> {
    Ok(located(name, location_id(name)?))
}

fn located(name: &str, id: &str) -> Value {
    json!({
        "name": name,
        "locationId": id,
        "metadata": {
            "@type": "type.googleapis.com/google.cloud.kms.v1.LocationMetadata",
            "hsmAvailable": false,
            "ekmAvailable": false,
        },
    })
}

/// The id in a location's name.
fn location_id(name: &str) -> Result<&str, ApiError> {
    let id = name.rsplit('/').next().unwrap_or_default();
    let is_id = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    match !id.is_empty() && id.len() <= 63 && id.chars().all(is_id) {
        true => Ok(id),
        false => Err(ApiError::not_found("location", name)),
    }
}

impl Trust {
    pub(super) async fn key_rings(&self, call: &Call, location: &str) -> Result<Value, ApiError> {
        let page = call.page()?;
        let collection = format!("{location}/keyRings");
        let (stored, last) = self.listed_resources(&collection, &page).await?;
        let rings = stored
            .iter()
            .map(|ring| json!({"name": ring.name, "createTime": ring.created}));
        Ok(listed("keyRings", rings.collect(), last.as_deref()))
    }

    pub(super) async fn create_key_ring(
        &self,
        call: &Call,
        location: &str,
    ) -> Result<Value, ApiError> {
        location_id(location)?;
        let id = id(call, "keyRingId")?;
        let name = format!("{location}/keyRings/{id}");
        let body = super::without(call.body()?, &["name", "createTime"]);
        if let Some(field) = body.keys().next() {
            return Err(ApiError::invalid(format!("a key ring has no {field:?}")));
        }
        if self.store().resource(&name).await?.is_some() {
            return Err(exists("KeyRing", &name));
        }
        let request = json!({"parent": location, "keyRingId": id, "keyRing": {}});
        let told = told(
            call,
            "CreateKeyRing",
            &name,
            "cloudkms.keyRings.create",
            request,
        );
        self.write(vec![kept::write(&name, 0, &json!({}))?], told)
            .await?;
        self.key_ring(&name).await
    }

    pub(super) async fn key_ring(&self, name: &str) -> Result<Value, ApiError> {
        let ring = self.store().resource(name).await?;
        let ring = ring.ok_or_else(|| ApiError::not_found("KeyRing", name))?;
        Ok(json!({"name": ring.name, "createTime": ring.created}))
    }
}

/// There is such a thing already.
pub(super) fn exists(what: &str, name: &str) -> ApiError {
    ApiError::new(
        crate::error::Code::AlreadyExists,
        format!("{what} {name} already exists."),
    )
}
