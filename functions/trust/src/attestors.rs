//! `projects/P/attestors`.

use jiff::Timestamp;
use postern_core::attestor::{Attestor, AttestorName, PinnedAttestor};
use postern_core::ports::{Resource, ResourceWrite};
use postern_verify::TrustedAttestor;
use serde_json::{Map, Value, json};

use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::ApiError;
use crate::page::listed;
use crate::trust::{Trust, etag, is_current};

/// An attestor as it is kept.
pub(crate) fn pinned(stored: Resource) -> Result<PinnedAttestor, ApiError> {
    typed(fields(stored.body))
}

impl Trust {
    pub(crate) async fn attestor(
        &self,
        call: &Call,
        name: &AttestorName,
    ) -> Result<Value, ApiError> {
        let stored = self.stored_attestor(name).await?;
        self.answer(call, stored)
    }

    pub(crate) async fn attestors(&self, call: &Call, project: &str) -> Result<Value, ApiError> {
        let (stored, last) = self
            .listed_resources(&collection_of(project), &call.page()?)
            .await?;
        let mut attestors = Vec::new();
        for stored in stored {
            attestors.push(self.answer(call, stored)?);
        }
        Ok(listed("attestors", attestors, last.as_deref()))
    }

    pub(crate) async fn create_attestor(
        &self,
        call: &Call,
        project: &str,
    ) -> Result<Value, ApiError> {
        let name = AttestorName {
            project: project.to_owned(),
            id: call.id("attestorId")?.to_owned(),
        };
        let attestor = self.read(call, &name)?;
        if self.store().resource(&name.to_string()).await?.is_some() {
            return Err(ApiError::exists("attestor", &name.to_string()));
        }
        let kept = self.pin(attestor, None).await?;
        self.keep(call, kept, 0, "CreateAttestor", "create").await
    }

    pub(crate) async fn update_attestor(
        &self,
        call: &Call,
        name: &AttestorName,
    ) -> Result<Value, ApiError> {
        let attestor = self.read(call, name)?;
        let stored = self.stored_attestor(name).await?;
        if !is_current(attestor.etag.as_deref(), Some(&stored)) {
            return Err(ApiError::stale(&name.to_string()));
        }
        let revision = stored.revision;
        let before = pinned(stored)?;
        let note = &before.attestor.user_owned_grafeas_note.note_reference;
        if *note != attestor.user_owned_grafeas_note.note_reference {
            return Err(ApiError::invalid(format!(
                "the note of {name} is {note} and cannot be changed: create another attestor"
            )));
        }
        let kept = self.pin(attestor, before.note_created).await?;
        self.keep(call, kept, revision, "UpdateAttestor", "update")
            .await
    }

    pub(crate) async fn delete_attestor(
        &self,
        call: &Call,
        name: &AttestorName,
    ) -> Result<Value, ApiError> {
        let stored = self.stored_attestor(name).await?;
        let write = ResourceWrite {
            name: stored.name.clone(),
            collection: collection_of(&name.project),
            expected: stored.revision,
            body: None,
        };
        let method = call.binauthz_method("DeleteAttestor");
        let permission = "binaryauthorization.attestors.delete";
        let told = call.told(
            &method,
            &stored.name,
            permission,
            json!({"name": stored.name}),
        );
        self.write(vec![write], told).await?;
        Ok(json!({}))
    }

    /// An attestor as it is kept.
    pub(crate) async fn stored_attestor(&self, name: &AttestorName) -> Result<Resource, ApiError> {
        let stored = self.store().resource(&name.to_string()).await?;
        stored.ok_or_else(|| ApiError::not_found("attestor", &name.to_string()))
    }

    /// The attestor that a request has, under its name and with every key's id.
    fn read(&self, call: &Call, name: &AttestorName) -> Result<Attestor, ApiError> {
        let mut body = call.body()?;
        if let Some(note) = body.remove("userOwnedDrydockNote") {
            body.insert("userOwnedGrafeasNote".to_owned(), note);
        }
        body.insert("name".to_owned(), name.to_string().into());
        with_ids(typed(body)?)
    }

    /// An attestor as it is kept: with the time at which its note was made, as it was when it was first seen.
    async fn pin(
        &self,
        attestor: Attestor,
        note_created: Option<Timestamp>,
    ) -> Result<PinnedAttestor, ApiError> {
        let note_created = match note_created {
            Some(created) => Some(created),
            None => self.note_created(&attestor).await?,
        };
        Ok(PinnedAttestor {
            attestor,
            note_created,
        })
    }

    async fn keep(
        &self,
        call: &Call,
        mut kept: PinnedAttestor,
        expected: u64,
        method: &str,
        permission: &str,
    ) -> Result<Value, ApiError> {
        let name = kept.attestor.name.clone();
        let request = json!({"attestor": kept.attestor});
        kept.attestor.etag = None;
        kept.attestor.update_time = None;
        let body =
            serde_json::to_value(&kept).map_err(|error| ApiError::invalid(error.to_string()))?;
        let write = ResourceWrite {
            name: name.to_string(),
            collection: collection_of(&name.project),
            expected,
            body: Some(body),
        };
        let method = call.binauthz_method(method);
        let permission = format!("binaryauthorization.attestors.{permission}");
        let told = call.told(&method, &name.to_string(), &permission, request);
        self.write(vec![write], told).await?;
        self.attestor(call, &name).await
    }

    async fn note_created(&self, attestor: &Attestor) -> Result<Option<Timestamp>, ApiError> {
        let note = attestor.user_owned_grafeas_note.note_reference.to_string();
        Ok(self.store().resource(&note).await?.map(|note| note.created))
    }

    /// An attestor as it is answered.
    fn answer(&self, call: &Call, stored: Resource) -> Result<Value, ApiError> {
        let (tag, updated) = (format!("\"{}\"", etag(&stored)), stored.updated);
        let mut attestor = pinned(stored)?.attestor;
        let number = self.number_of(&attestor.name.project);
        attestor.etag = Some(tag);
        attestor.update_time = Some(updated);
        attestor
            .user_owned_grafeas_note
            .delegation_service_account_email = Some(format!(
            "service-{number}@gcp-sa-binaryauthorization.iam.gserviceaccount.com"
        ));
        let mut attestor: Map<String, Value> = serde_json::to_value(&attestor)
            .map(fields)
            .map_err(|error| ApiError::invalid(error.to_string()))?;
        // The older versions have an older name for it.
        if call.version != "v1"
            && let Some(note) = attestor.remove("userOwnedGrafeasNote")
        {
            attestor.insert("userOwnedDrydockNote".to_owned(), note);
        }
        Ok(Value::Object(attestor))
    }
}

/// Gives every key the id that the service gives it.
///
/// # Errors
/// If a key cannot be used.
fn with_ids(mut attestor: Attestor) -> Result<Attestor, ApiError> {
    let trusted = TrustedAttestor::new(&attestor);
    if let Some(key) = trusted.unusable_keys().first() {
        return Err(ApiError::invalid(format!(
            "public key {} of {}: {}",
            key.position, attestor.name, key.error
        )));
    }
    let keys = &mut attestor.user_owned_grafeas_note.public_keys;
    for (key, trusted) in keys.iter_mut().zip(trusted.keys()) {
        key.id = Some(trusted.id().to_owned());
    }
    let mut ids: Vec<&Option<String>> = keys.iter().map(|key| &key.id).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        let id = twice[0].as_deref().unwrap_or_default();
        return Err(ApiError::invalid(format!(
            "the public key {id} is there twice"
        )));
    }
    Ok(attestor)
}

fn collection_of(project: &str) -> String {
    format!("projects/{project}/attestors")
}
