//! Policies and attestors as the trust function keeps them.

use async_trait::async_trait;
use postern_core::attestor::{Attestor, AttestorName, PinnedAttestor};
use postern_core::policy::Policy;
use postern_core::ports::{ResourceStore as _, SourcedPolicy, TrustMaterial, Unavailable};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::StoreError;
use crate::store::Store;

#[async_trait]
impl TrustMaterial for Store {
    async fn policy(&self, project: Option<&str>) -> Result<Option<SourcedPolicy>, Unavailable> {
        let Some(project) = project else {
            return Ok(None);
        };
        let name = format!("projects/{project}/policy");
        let Some(stored) = self.resource(&name).await? else {
            return Ok(None);
        };
        let policy: Policy = self.read(&name, stored.body)?;
        Ok(Some(SourcedPolicy { name, policy }))
    }

    /// One whose note is no longer the one that it was made for cannot be read: whoever made the other one
    /// could have attested anything on it.
    async fn attestor(&self, name: &AttestorName) -> Result<Option<Attestor>, Unavailable> {
        let resource = name.to_string();
        let Some(stored) = self.resource(&resource).await? else {
            return Ok(None);
        };
        let pinned: PinnedAttestor = self.read(&resource, stored.body)?;
        let note = &pinned.attestor.user_owned_grafeas_note.note_reference;
        let note = self.resource(&note.to_string()).await?;
        match pinned.wrong_note(note.map(|note| note.created)) {
            None => Ok(Some(pinned.attestor)),
            Some(reason) => Err(Unavailable::new(self.source_name(), reason)),
        }
    }
}

impl Store {
    fn read<T: DeserializeOwned>(&self, name: &str, body: Value) -> Result<T, Unavailable> {
        let value = serde_json::from_value(body);
        value.map_err(|error| StoreError::row(name, error).unavailable(self.source_name()))
    }
}
