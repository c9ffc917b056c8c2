//! The function: its store, its owners, and the one way in which it writes.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use postern_core::attestor::ProjectNumbers;
use postern_core::ports::{
    KeyVault, OccurrenceWrite, Resource, ResourceStore, ResourceWrite, RevocationList, Wrote,
};
use postern_core::revocation::Revocations;
use sha2::{Digest as _, Sha256};

use crate::audit::Told;
use crate::error::ApiError;
use crate::page::Page;

/// What the function is made of.
pub struct TrustParts {
    /// Where the trust chain is kept.
    pub store: Arc<dyn ResourceStore>,
    /// What makes software keys and signs with them; without one there are none.
    pub vault: Option<Arc<dyn KeyVault>>,
    /// What was revoked counts for nothing.
    pub revocations: Arc<dyn RevocationList>,
    /// Members who may do everything, such as `user:alice@example.com`: somebody has to write the first
    /// binding.
    pub owners: Vec<String>,
    /// The projects' numbers. One that is not there gets a made-up one.
    pub numbers: ProjectNumbers,
}

/// The trust function.
pub struct Trust {
    parts: TrustParts,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Trust {
    /// A function of these parts.
    pub fn new(parts: TrustParts) -> Self {
        Self {
            parts,
            clock: Arc::new(Timestamp::now),
        }
    }

    #[cfg(test)]
    pub(crate) fn with_clock(
        mut self,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub(crate) fn store(&self) -> &dyn ResourceStore {
        self.parts.store.as_ref()
    }

    pub(crate) fn vault(&self) -> Option<&dyn KeyVault> {
        self.parts.vault.as_deref()
    }

    pub(crate) fn owners(&self) -> &[String] {
        &self.parts.owners
    }

    pub(crate) fn numbers(&self) -> &ProjectNumbers {
        &self.parts.numbers
    }

    pub(crate) async fn revocations(&self) -> Result<Revocations, ApiError> {
        Ok(self.parts.revocations.revocations().await?)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The number of a project, which Google puts into the names of its own accounts.
    pub(crate) fn number_of(&self, project: &str) -> u64 {
        if let Ok(number) = project.parse() {
            return number;
        }
        let known = self.parts.numbers.0.get(project);
        known.copied().unwrap_or_else(|| made_up_number(project))
    }

    /// A page of a collection, and the name behind which there is more.
    pub(crate) async fn listed_resources(
        &self,
        collection: &str,
        page: &Page,
    ) -> Result<(Vec<Resource>, Option<String>), ApiError> {
        let resources = self
            .store()
            .resources(collection, &page.after, page.size + 1);
        let mut resources = resources.await?;
        let more = resources.len() > page.size as usize;
        resources.truncate(page.size as usize);
        let last = resources.last().filter(|_| more);
        let last = last.map(|resource| resource.name.clone());
        Ok((resources, last))
    }

    /// Writes resources together with what is told of it.
    ///
    /// # Errors
    /// `ABORTED` if one of them was written in the meantime; or an outage.
    pub(crate) async fn write(
        &self,
        writes: Vec<ResourceWrite>,
        told: Told,
    ) -> Result<(), ApiError> {
        let (now, resource) = (self.now(), told.resource.clone());
        let wrote = self
            .store()
            .write_resources(writes, now, told.entry(now))
            .await?;
        match wrote {
            Wrote::Written => Ok(()),
            Wrote::Stale | Wrote::SameAs(_) => Err(ApiError::stale(&resource)),
        }
    }

    /// Writes occurrences together with what is told of it.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` if one of them states what another states; or an outage.
    pub(crate) async fn write_occurrences(
        &self,
        writes: Vec<OccurrenceWrite>,
        told: Told,
    ) -> Result<(), ApiError> {
        let (now, resource) = (self.now(), told.resource.clone());
        let wrote = self
            .store()
            .write_occurrences(writes, now, told.entry(now))
            .await?;
        match wrote {
            Wrote::Written => Ok(()),
            Wrote::SameAs(name) => {
                let (project, id) = (name.split('/').nth(1), name.rsplit('/').next());
                Err(ApiError::new(
                    crate::error::Code::AlreadyExists,
                    format!(
                        "occurrence ID {:?} already exists in project {:?}",
                        id.unwrap_or_default(),
                        project.unwrap_or_default()
                    ),
                ))
            }
            Wrote::Stale => Err(ApiError::stale(&resource)),
        }
    }
}

/// A made-up number of twelve digits, always the same for one project.
fn made_up_number(project: &str) -> u64 {
    let hash = Sha256::digest(project);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[..8]);
    100_000_000_000 + u64::from_be_bytes(bytes) % 900_000_000_000
}

/// What stands for a resource as it is: another one after every write, and after it was made again.
pub(crate) fn etag(resource: &Resource) -> String {
    let version = format!(
        "{}.{}",
        resource.created.as_microsecond(),
        resource.revision
    );
    BASE64_STANDARD.encode(version)
}

/// Whether an etag that a request has, if it has one, is that of what is stored.
pub(crate) fn is_current(sent: Option<&str>, stored: Option<&Resource>) -> bool {
    let sent = sent
        .map(|sent| sent.trim_matches('"'))
        .filter(|sent| !sent.is_empty());
    match (sent, stored) {
        (None, _) | (Some("ACAB"), None) => true,
        (Some(sent), Some(stored)) => sent == etag(stored),
        (Some(_), None) => false,
    }
}
