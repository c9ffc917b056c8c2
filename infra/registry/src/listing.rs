//! Which attestations lie next to an image: the referrers API, or the tag that stands in for it
//! (OCI distribution specification 1.1, "Listing Referrers").

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use postern_core::image::{Digest, ImageReference};
use postern_core::ports::Unavailable;
use reqwest::header::LINK;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::attestations::{ARTIFACT_TYPE, MAX_ATTESTATIONS, NOTE_ANNOTATION};
use crate::auth::Scope;
use crate::content::{MAX_MANIFEST, Missing};
use crate::endpoint::Endpoint;
use crate::manifest::OCI_INDEX;
use crate::registry::{Registry, refusal};
use crate::transport::{Answer, Request};

/// Pages of a listing that are read; the registry's own filter makes one of them do.
const MAX_PAGES: usize = 16;
/// Candidates of all notes together.
const MAX_LISTED: usize = 32 * MAX_ATTESTATIONS;
/// How long a listing in which something was found is used.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// One artifact that says it is an attestation of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The digest of its manifest.
    pub(crate) digest: Digest,
    /// The note it says it hangs on: a hint that spares a fetch, never a reason to trust.
    pub(crate) note: Option<String>,
}

/// Listings in which something was found. That nothing was found is never kept.
pub(crate) struct Listings {
    found: Cache<(String, Digest), Arc<Vec<Candidate>>>,
}

impl Listings {
    /// With nothing kept.
    pub(crate) fn new() -> Self {
        Self {
            found: Cache::builder()
                .max_capacity(4096)
                .time_to_live(KEPT_FOR)
                .build(),
        }
    }

    /// The attestations that are listed for an image, as they were a while ago.
    pub(crate) async fn kept(
        &self,
        image: &ImageReference,
        digest: Digest,
    ) -> Option<Arc<Vec<Candidate>>> {
        self.found.get(&(image.name(), digest)).await
    }

    /// The attestations that are listed for an image.
    pub(crate) async fn of(
        &self,
        registry: &Registry,
        image: &ImageReference,
        digest: Digest,
    ) -> Result<Arc<Vec<Candidate>>, Unavailable> {
        let fetch = async {
            match list(registry, image, digest).await? {
                candidates if candidates.is_empty() => Err(Missing::Absent),
                candidates => Ok(Arc::new(candidates)),
            }
        };
        let found = self.found.try_get_with((image.name(), digest), fetch).await;
        match found {
            Ok(candidates) => Ok(candidates),
            Err(missing) => Ok(missing.as_absence()?.unwrap_or_default()),
        }
    }

    /// What is listed has changed.
    pub(crate) async fn forget(&self, image: &ImageReference, digest: Digest) {
        self.found.invalidate(&(image.name(), digest)).await;
    }
}

/// The tag under which clients keep the listing where the registry has no API for it.
pub(crate) fn fallback_tag(digest: Digest) -> String {
    format!("sha256-{}", digest.hex())
}

async fn list(
    registry: &Registry,
    image: &ImageReference,
    digest: Digest,
) -> Result<Vec<Candidate>, Unavailable> {
    let endpoint = registry.endpoint(image)?;
    match referrers(registry, &endpoint, image, digest).await? {
        Some(candidates) => Ok(candidates),
        None => by_fallback_tag(registry, &endpoint, image, digest).await,
    }
}

/// `None` if the registry has no such API.
async fn referrers(
    registry: &Registry,
    endpoint: &Endpoint,
    image: &ImageReference,
    digest: Digest,
) -> Result<Option<Vec<Candidate>>, Unavailable> {
    let mut url = endpoint.url(&format!("{}/referrers/{digest}", image.repository()));
    url.query_pairs_mut()
        .append_pair("artifactType", ARTIFACT_TYPE);
    let scope = Scope::pull(image.repository());
    let mut candidates = Vec::new();
    for page in 0..MAX_PAGES {
        let asked = format!("GET {}", url.path());
        let mut request = Request::new(Method::GET, url.clone(), endpoint.reach);
        request.accept = Some(OCI_INDEX);
        let answer = registry
            .call(endpoint, &scope, request, MAX_MANIFEST)
            .await?;
        match answer.status {
            StatusCode::OK => collect(endpoint, &answer.body, &mut candidates)?,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if page == 0 => return Ok(None),
            _ => return Err(refusal(endpoint, &answer, &asked)),
        }
        match next_page(endpoint, &url, &answer)? {
            Some(next) => url = next,
            None => return Ok(Some(candidates)),
        }
    }
    Err(Unavailable::limit(
        endpoint.source_name(),
        format!(
            "the list of what refers to {digest} has more than the {MAX_PAGES} pages that are read"
        ),
    ))
}

async fn by_fallback_tag(
    registry: &Registry,
    endpoint: &Endpoint,
    image: &ImageReference,
    digest: Digest,
) -> Result<Vec<Candidate>, Unavailable> {
    let mut candidates = Vec::new();
    if let Some(content) = registry.by_tag(image, &fallback_tag(digest)).await? {
        collect(endpoint, &content.bytes, &mut candidates)?;
    }
    Ok(candidates)
}

/// An index as a listing: its entries are looked at one by one, so that a strange one among them
/// does not hide the others.
#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    digest: Digest,
    artifact_type: String,
    #[serde(default)]
    annotations: Option<serde_json::Map<String, Value>>,
}

fn collect(
    endpoint: &Endpoint,
    body: &[u8],
    candidates: &mut Vec<Candidate>,
) -> Result<(), Unavailable> {
    let index: Index = serde_json::from_slice(body).map_err(|error| {
        endpoint.unavailable(format!("its list of attestations is no index: {error}"))
    })?;
    for candidate in index
        .manifests
        .unwrap_or_default()
        .into_iter()
        .filter_map(candidate)
    {
        if candidates.contains(&candidate) {
            continue;
        }
        if candidates.len() == MAX_LISTED {
            return Err(Unavailable::limit(
                endpoint.source_name(),
                format!("more than {MAX_LISTED} attestations are listed for one image"),
            ));
        }
        candidates.push(candidate);
    }
    Ok(())
}

fn candidate(entry: Value) -> Option<Candidate> {
    let entry: Entry = serde_json::from_value(entry).ok()?;
    let note = entry.annotations.and_then(|mut annotations| {
        let note = annotations.remove(NOTE_ANNOTATION)?;
        note.as_str().map(str::to_owned)
    });
    (entry.artifact_type == ARTIFACT_TYPE).then_some(Candidate {
        digest: entry.digest,
        note,
    })
}

/// The next page that a `Link` header names (RFC 8288), which must be the registry's own.
fn next_page(
    endpoint: &Endpoint,
    current: &Url,
    answer: &Answer,
) -> Result<Option<Url>, Unavailable> {
    let Some(target) = answer.header(LINK.as_str()).and_then(next_link) else {
        return Ok(None);
    };
    current
        .join(target)
        .ok()
        .filter(|next| endpoint.owns(next) && next != current)
        .map(Some)
        .ok_or_else(|| endpoint.unavailable("its list of attestations goes on at another place"))
}

fn next_link(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
        next.then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::HostOptions;

    #[test]
    fn the_next_page_is_found_in_the_link_header() {
        assert_eq!(next_link(r#"</v2/x?n=1>; rel="next""#), Some("/v2/x?n=1"));
        assert_eq!(
            next_link(r#"</a>; rel="prev", </b>; title="t"; rel=next"#),
            Some("/b")
        );
        assert_eq!(next_link(r#"</a>; rel="prev""#), None);
        assert_eq!(next_link("nonsense"), None);
    }

    #[test]
    fn strange_entries_hide_nothing() {
        let endpoint = Endpoint::new(HostOptions::new("registry.example")).unwrap();
        let digest = Digest::of(b"attestation");
        let body = format!(
            r#"{{"manifests":[7,{{"digest":"x"}},{{"digest":"sha512:00","artifactType":"{ARTIFACT_TYPE}"}},
            {{"digest":"{digest}","artifactType":"application/other"}},
            {{"digest":"{digest}","artifactType":"{ARTIFACT_TYPE}","annotations":{{"{NOTE_ANNOTATION}":"projects/p/notes/n","x":1}}}}]}}"#
        );
        let mut found = Vec::new();
        collect(&endpoint, body.as_bytes(), &mut found).unwrap();
        let expected = Candidate {
            digest,
            note: Some("projects/p/notes/n".to_owned()),
        };
        assert_eq!(found, [expected]);
        collect(&endpoint, br#"{"manifests":null}"#, &mut found).unwrap();
        assert_eq!(found.len(), 1);
    }
}
