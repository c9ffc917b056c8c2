//! Attestations in Container Analysis (REST v1, `projects.notes.occurrences.list`,
//! `projects.occurrences.create`), as `gcloud container binauthz attestations` reads and writes them.

mod listing;

use std::time::Duration;

use async_trait::async_trait;
use postern_core::attestor::NoteName;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{Occurrence, digests_beside};
use postern_core::ports::{AttestationSink, AttestationSource, Stored, Unavailable};
use reqwest::Method;

use self::listing::Listing;
use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call, Unwritten};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_word};

/// Where Container Analysis is.
pub const CONTAINER_ANALYSIS: &str = "https://containeranalysis.googleapis.com";

const SERVICE: &str = "containeranalysis.googleapis.com";
const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE_SIZE: &str = "100";
/// Occurrences about one digest on one note that are ever looked at, as in a store.
const MOST_OCCURRENCES: usize = 1000;
/// Pages of them: a filter that finds little may make short ones.
const PAGES: usize = 20;
/// As much of all pages of one listing together as is read.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Attestations as Google keeps them.
///
/// Looked at are those that hang on the attestor's note, whichever project keeps them: so does Binary
/// Authorization. What is stored goes to the one project.
pub struct ContainerAnalysis {
    api: Api,
    name: String,
    project: String,
}

impl ContainerAnalysis {
    /// The attestations of `projects/P`, at this endpoint; credentials are not shown to one that is anonymous.
    ///
    /// # Errors
    /// If it is no project's name, or no client can be made.
    pub fn new(
        project: &str,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, ContainerAnalysisError> {
        let id = project.strip_prefix("projects/").filter(|id| is_word(id));
        let error = || ResourceError::new(project, "containeranalysis:projects/P");
        Ok(Self {
            project: id.ok_or_else(error)?.to_owned(),
            name: format!("containeranalysis:{project}"),
            api: Api::new("Container Analysis", endpoint, credentials)?,
        })
    }

    #[cfg(test)]
    fn hasty(self) -> Self {
        Self {
            api: self.api.hasty(),
            ..self
        }
    }

    fn failed(&self, what: impl std::fmt::Display) -> Unavailable {
        Unavailable::new(self.api.name(), what)
    }

    /// One page of what hangs on a note and passes a filter; nothing if there is no such note.
    async fn page(
        &self,
        note: &NoteName,
        filter: &str,
        token: &str,
    ) -> Result<Listing, Unavailable> {
        if !(is_word(&note.project) && is_word(&note.id)) {
            return Err(self.failed(format_args!("{note} holds what no name does")));
        }
        let resource = note.to_string();
        let mut query = vec![("filter", filter), ("pageSize", PAGE_SIZE)];
        if !token.is_empty() {
            query.push(("pageToken", token));
        }
        let call = Call {
            method: Method::GET,
            path: &format!("/v1/{resource}/occurrences"),
            query: &query,
            timeout: TIMEOUT,
            access: Access {
                service: SERVICE,
                resource: &resource,
                permission: "containeranalysis.notes.listOccurrences",
                role: "roles/containeranalysis.notes.occurrences.viewer",
            },
        };
        Ok(self.api.find(&call).await?.unwrap_or_default())
    }
}

/// Why there is no such place for attestations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerAnalysisError {
    /// It is no project's name.
    #[error(transparent)]
    Name(#[from] ResourceError),
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] Unavailable),
}

#[async_trait]
impl AttestationSource for ContainerAnalysis {
    fn name(&self) -> &str {
        &self.name
    }

    /// The filter is the one that `gcloud` sends. It compares how the resource is written, and only the
    /// digest is written in one way.
    async fn occurrences(
        &self,
        image: &ImageReference,
        note: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        let digest = image.digest().ok_or_else(|| {
            self.failed(format_args!(
                "{image} has no digest, and attestations are of digests"
            ))
        })?;
        let filter = format!("has_suffix(resourceUrl, \"{digest}\")");
        let (mut found, mut bytes, mut token) = (Vec::new(), 0, String::new());
        for _ in 0..PAGES {
            let page = self.page(note, &filter, &token).await?;
            bytes += page.bytes();
            let listed = page.len();
            if found.len() + listed > MOST_OCCURRENCES || bytes > MOST_BYTES {
                break;
            }
            token = page.next().to_owned();
            found.extend(page.attestations());
            if token.is_empty() {
                return Ok(found);
            }
        }
        let message = format!(
            "{note} has more about {digest} than is looked at ({MOST_OCCURRENCES} occurrences, {} MiB, \
             {PAGES} pages); remove those that are not needed",
            MOST_BYTES / (1024 * 1024)
        );
        Err(Unavailable::limit(self.api.name(), message))
    }

    /// Looks at one page.
    async fn attested_beside(
        &self,
        image: &ImageReference,
        note: &NoteName,
        limit: usize,
    ) -> Result<Vec<Digest>, Unavailable> {
        let name = image.name();
        let filter = format!(
            "has_prefix(resourceUrl, \"https://{name}@\") OR has_prefix(resourceUrl, \"{name}@\")"
        );
        let page = self.page(note, &filter, "").await?;
        Ok(digests_beside(image, page.attestations(), limit))
    }
}

#[async_trait]
impl AttestationSink for ContainerAnalysis {
    /// Needs to attach to the note as well (`roles/containeranalysis.notes.attacher`).
    async fn store(&self, occurrence: Occurrence) -> Result<Stored, Unavailable> {
        let resource = format!("projects/{}", self.project);
        let call = Call {
            method: Method::POST,
            path: &format!("/v1/{resource}/occurrences"),
            query: &[],
            timeout: TIMEOUT,
            access: Access {
                service: SERVICE,
                resource: &resource,
                permission: "containeranalysis.occurrences.create",
                role: "roles/containeranalysis.occurrences.editor",
            },
        };
        match self.api.write(&call, &occurrence).await {
            Ok(created) => Ok(Stored::Created(created)),
            Err(Unwritten::Exists(error)) => Ok(Stored::AlreadyThere(Occurrence {
                name: id_in(&error.message).map(|id| format!("{resource}/occurrences/{id}")),
                ..occurrence
            })),
            Err(Unwritten::Stale(error) | Unwritten::Invalid(error) | Unwritten::Outage(error)) => {
                Err(error)
            }
        }
    }
}

/// The id of the occurrence that is there already, where the API says it: `occurrence ID "…" already
/// exists in project "…"`.
fn id_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("occurrence ID \"")?;
    let (id, _) = rest.split_once('"')?;
    Some(id).filter(|id| is_word(id))
}

#[cfg(test)]
mod tests;
