//! Content by digest: fetched once, bounded, hashed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use postern_core::image::{Digest, ImageReference};
use postern_core::ports::Unavailable;
use reqwest::{Method, StatusCode};

use crate::auth::Scope;
use crate::endpoint::Endpoint;
use crate::flight::Flight;
use crate::manifest;
use crate::registry::{Registry, refusal};
use crate::transport::{Answer, Request};

/// The size that every registry accepts for a manifest (distribution specification, "Pushing
/// Manifests").
pub(crate) const MAX_MANIFEST: usize = 4 * 1024 * 1024;
const MAX_KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// By its digest content never changes, but a registry may have dropped it, or the right to it.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// Bytes and their hash.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

/// Why there is no content.
#[derive(Debug, Clone)]
pub(crate) enum Missing {
    /// The registry says that there is none.
    Absent,
    /// It could not be read.
    Unavailable(Unavailable),
}

impl From<Unavailable> for Missing {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl Missing {
    /// Absence as `None`.
    pub(crate) fn as_absence<T>(&self) -> Result<Option<T>, Unavailable> {
        match self {
            Self::Absent => Ok(None),
            Self::Unavailable(unavailable) => Err(unavailable.clone()),
        }
    }
}

/// What was fetched, and what is being fetched.
pub(crate) struct Contents {
    by_digest: Cache<(String, Digest), Content>,
    by_tag: Flight<String, Result<Content, Missing>>,
}

impl Contents {
    /// With nothing kept.
    pub(crate) fn new() -> Self {
        Self {
            by_digest: Cache::builder()
                .weigher(|_, content: &Content| {
                    u32::try_from(content.bytes.len()).map_or(u32::MAX, |size| size.max(256))
                })
                .max_capacity(MAX_KEPT_BYTES)
                .time_to_live(KEPT_FOR)
                .build(),
            by_tag: Flight::new(),
        }
    }
}

/// Which kind of content; they have different paths.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Manifest,
    Blob,
}

impl Registry {
    /// The manifest that a tag or digest stands for; `None` if the registry has none.
    pub(crate) async fn manifest(
        &self,
        image: &ImageReference,
    ) -> Result<Option<Content>, Unavailable> {
        match image.digest() {
            Some(digest) => {
                self.by_digest(image, digest, Kind::Manifest, MAX_MANIFEST)
                    .await
            }
            None => self.by_tag(image, image.tag().unwrap_or("latest")).await,
        }
    }

    /// The manifest of a tag in the image's repository.
    pub(crate) async fn by_tag(
        &self,
        image: &ImageReference,
        tag: &str,
    ) -> Result<Option<Content>, Unavailable> {
        let name = image.name();
        let fetch = self.fetch(image, Kind::Manifest, tag, None, MAX_MANIFEST);
        let outcome = self
            .contents
            .by_tag
            .join(format!("{name}:{tag}"), fetch)
            .await;
        match &*outcome {
            Ok(content) => {
                let key = (name, content.digest);
                self.contents.by_digest.insert(key, content.clone()).await;
                Ok(Some(content.clone()))
            }
            Err(missing) => missing.as_absence(),
        }
    }

    /// A blob of the image's repository.
    pub(crate) async fn blob(
        &self,
        image: &ImageReference,
        digest: Digest,
        limit: usize,
    ) -> Result<Option<Content>, Unavailable> {
        self.by_digest(image, digest, Kind::Blob, limit).await
    }

    async fn by_digest(
        &self,
        image: &ImageReference,
        digest: Digest,
        kind: Kind,
        limit: usize,
    ) -> Result<Option<Content>, Unavailable> {
        let reference = digest.to_string();
        let fetch = self.fetch(image, kind, &reference, Some(digest), limit);
        let outcome = self
            .contents
            .by_digest
            .try_get_with((image.name(), digest), fetch)
            .await;
        match outcome {
            Ok(content) => Ok(Some(content)),
            Err(missing) => Arc::unwrap_or_clone(missing).as_absence(),
        }
    }

    async fn fetch(
        &self,
        image: &ImageReference,
        kind: Kind,
        reference: &str,
        expected: Option<Digest>,
        limit: usize,
    ) -> Result<Content, Missing> {
        let endpoint = self.endpoint(image)?;
        let repository = image.repository();
        let (path, accept) = match kind {
            Kind::Manifest => ("manifests", manifest::ACCEPTED),
            Kind::Blob => ("blobs", "*/*"),
        };
        let url = endpoint.url(&format!("{repository}/{path}/{reference}"));
        let asked = format!("GET {}", url.path());
        let mut request = Request::new(Method::GET, url, endpoint.reach);
        request.accept = Some(accept);
        let scope = Scope::pull(repository);
        let answer = self.call(&endpoint, &scope, request, limit).await?;
        match answer.status {
            StatusCode::OK => Ok(hashed(&endpoint, answer, expected, &asked)?),
            StatusCode::NOT_FOUND => Err(Missing::Absent),
            _ => Err(refusal(&endpoint, &answer, &asked).into()),
        }
    }
}

/// Only the hash of what came counts. A registry that announces another one, or sends other content
/// than was asked for, is broken or lies; either way this is not the image.
fn hashed(
    endpoint: &Endpoint,
    answer: Answer,
    expected: Option<Digest>,
    asked: &str,
) -> Result<Content, Unavailable> {
    let digest = Digest::of(&answer.body);
    let announced = || answer.header("docker-content-digest")?.parse().ok();
    if let Some(wanted) = expected.or_else(announced)
        && wanted != digest
    {
        return Err(endpoint.unavailable(format!(
            "its answer to {asked} hashes to {digest} instead of {wanted}: the content was changed or cut off"
        )));
    }
    Ok(Content {
        digest,
        bytes: answer.body,
    })
}
