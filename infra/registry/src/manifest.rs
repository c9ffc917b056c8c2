//! What a manifest is, by its own bytes.

use std::collections::HashSet;

use postern_core::image::{Digest, shortened};
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The media types that a registry may answer with.
pub(crate) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest, as far as its kind goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// What its descriptor says.
    pub(crate) media_type: &'static str,
    /// The manifests of an index; empty for a single image. Those without a SHA-256 digest are
    /// left out: nothing can be said to be one of them.
    pub(crate) children: Vec<Digest>,
}

/// Why bytes are no manifest that can be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no JSON object of the right shape.
    #[error("it is no manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// It can be read as an image and as an index (GHSA-77vh-xpmg-72qh).
    #[error("it is an image and an index at once")]
    Ambiguous,
    /// It is something else.
    #[error("it is neither an image manifest nor an index (media type {0:?})")]
    Unsupported(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    manifests: Option<Vec<Child>>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Child {
    digest: String,
}

impl Manifest {
    /// Reads the kind off the content, and never off a header: the content is what is hashed.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, ManifestError> {
        let document: Document = serde_json::from_slice(content)?;
        let media_type = document.media_type.as_deref();
        let image = document.config.is_some() || document.layers.is_some();
        let (kind, children) = match document.manifests {
            Some(_) if image => return Err(ManifestError::Ambiguous),
            Some(manifests) => (index_type(media_type), sha256_digests(&manifests)),
            None if image => (image_type(media_type), Vec::new()),
            None => (None, Vec::new()),
        };
        let media_type = kind
            .ok_or_else(|| ManifestError::Unsupported(shortened(media_type.unwrap_or_default())))?;
        Ok(Self {
            media_type,
            children,
        })
    }
}

fn image_type(declared: Option<&str>) -> Option<&'static str> {
    [OCI_MANIFEST, DOCKER_MANIFEST]
        .into_iter()
        .find(|known| declared.is_none_or(|declared| declared == *known))
}

fn index_type(declared: Option<&str>) -> Option<&'static str> {
    [OCI_INDEX, DOCKER_LIST]
        .into_iter()
        .find(|known| declared.is_none_or(|declared| declared == *known))
}

fn sha256_digests(children: &[Child]) -> Vec<Digest> {
    let mut seen = HashSet::new();
    children
        .iter()
        .filter_map(|child| child.digest.parse().ok())
        .filter(|digest| seen.insert(*digest))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#"{"config":{},"layers":[]}"#, OCI_MANIFEST)]
    #[case(r#"{"manifests":[]}"#, OCI_INDEX)]
    #[case(
        r#"{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{}}"#,
        DOCKER_MANIFEST
    )]
    #[case(
        r#"{"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}"#,
        DOCKER_LIST
    )]
    fn the_kind_is_read_off_the_content(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(
            Manifest::parse(text.as_bytes()).unwrap().media_type,
            expected
        );
    }

    #[rstest]
    #[case(
        r#"{"manifests":[],"layers":[]}"#,
        "it is an image and an index at once"
    )]
    #[case(
        r#"{"mediaType":"application/vnd.oci.image.index.v1+json","config":{},"layers":[]}"#,
        r#"it is neither an image manifest nor an index (media type "application/vnd.oci.image.index.v1+json")"#
    )]
    #[case(
        r#"{"schemaVersion":1,"fsLayers":[]}"#,
        r#"it is neither an image manifest nor an index (media type "")"#
    )]
    fn what_is_ambiguous_or_foreign_is_refused(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(
            Manifest::parse(text.as_bytes()).unwrap_err().to_string(),
            expected
        );
    }

    #[test]
    fn children_are_the_sha256_digests_once_each() {
        let one = Digest::of(b"one");
        let text = format!(
            r#"{{"manifests":[{{"digest":"{one}"}},{{"digest":"sha512:00"}},{{"digest":"{one}"}}]}}"#
        );
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap().children, [one]);
    }

    proptest! {
        #[test]
        fn no_content_panics(content: Vec<u8>) {
            let _ = Manifest::parse(&content);
        }
    }
}
