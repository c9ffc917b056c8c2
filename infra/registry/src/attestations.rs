//! Attestations next to the image, in its own repository.
//!
//! An attestation is an OCI artifact whose `artifactType` is [`ARTIFACT_TYPE`], whose `subject` is
//! the image, and whose one layer is the occurrence as Container Analysis v1 writes it. Small
//! layers are embedded in their descriptor (OCI image specification, "Embedded Content"), which
//! spares one of the two requests; they are hashed like all others.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use oci_spec::image::{Descriptor, ImageManifest};
use postern_core::attestor::NoteName;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Occurrence;
use postern_core::ports::{AttestationSource, Unavailable};
use tokio::sync::Mutex;

use crate::listing::{Candidate, Listings};
use crate::registry::Registry;

/// The `artifactType` of an attestation's manifest, and the media type of its layer.
pub const ARTIFACT_TYPE: &str = "application/vnd.postern.attestation.v1+json";
/// How many attestations of one image on one note are looked at.
pub const MAX_ATTESTATIONS: usize = 32;
/// The largest occurrence that is read.
pub(crate) const MAX_OCCURRENCE: usize = 1024 * 1024;
/// The annotation that tells which note an attestation hangs on, so that others need not be fetched.
pub(crate) const NOTE_ANNOTATION: &str = "dev.postern.attestation.note";
const CONCURRENT_FETCHES: usize = 8;

/// Attestations next to the image, as a source and as a sink.
pub struct RegistryAttestations {
    pub(crate) registry: Arc<Registry>,
    pub(crate) listings: Listings,
    /// Writers of this process take turns, because a listing under a tag is read, changed and
    /// written back.
    pub(crate) writing: Mutex<()>,
}

impl RegistryAttestations {
    /// Attestations in the registries that this client reaches.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self {
            registry,
            listings: Listings::new(),
            writing: Mutex::new(()),
        }
    }

    /// What is listed for this note. A listing that is kept and has nothing for it does not count:
    /// something may have been added since.
    async fn wanted(
        &self,
        image: &ImageReference,
        subject: Digest,
        note: &NoteName,
    ) -> Result<Vec<Candidate>, Unavailable> {
        if let Some(kept) = self.listings.kept(image, subject).await {
            let wanted = of_note(&kept, note);
            if !wanted.is_empty() {
                return Ok(wanted);
            }
            self.listings.forget(image, subject).await;
        }
        let listed = self.listings.of(&self.registry, image, subject).await?;
        Ok(of_note(&listed, note))
    }

    async fn fetch(
        &self,
        image: &ImageReference,
        subject: Digest,
        candidate: &Candidate,
    ) -> Result<Option<Occurrence>, Unavailable> {
        let at = image.pinned(candidate.digest);
        let Some(manifest) = self.registry.manifest(&at).await? else {
            return Ok(None);
        };
        let layer = match layer_of(&manifest.bytes, subject) {
            Ok(layer) => layer,
            Err(problem) => {
                tracing::debug!(artifact = %at, problem, "passed over an attestation");
                return Ok(None);
            }
        };
        let bytes = match embedded(&layer) {
            Some(bytes) => bytes,
            None => match self
                .registry
                .blob(image, layer.digest, MAX_OCCURRENCE)
                .await?
            {
                Some(content) => content.bytes.to_vec(),
                None => return Ok(None),
            },
        };
        Ok(occurrence(&bytes, &at))
    }
}

#[async_trait]
impl AttestationSource for RegistryAttestations {
    fn name(&self) -> &str {
        "registry"
    }

    async fn occurrences(
        &self,
        image: &ImageReference,
        note: &NoteName,
    ) -> Result<Vec<Occurrence>, Unavailable> {
        let Some(subject) = image.digest() else {
            return Err(Unavailable::new(
                format!("registry {}", image.registry()),
                format!("{image} has no digest, and attestations are of digests"),
            ));
        };
        let wanted = self.wanted(image, subject, note).await?;
        if wanted.len() > MAX_ATTESTATIONS {
            return Err(Unavailable::limit(
                format!("registry {}", image.registry()),
                format!(
                    "{} attestations of {image} are listed, and at most {MAX_ATTESTATIONS} are looked at; remove those that are not needed",
                    wanted.len()
                ),
            ));
        }
        let found: Vec<Option<Occurrence>> = stream::iter(wanted)
            .map(async |candidate| self.fetch(image, subject, &candidate).await)
            .buffered(CONCURRENT_FETCHES)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn of_note(listed: &[Candidate], note: &NoteName) -> Vec<Candidate> {
    listed
        .iter()
        .filter(|candidate| may_hang_on(candidate, note))
        .cloned()
        .collect()
}

/// Only the note's id is compared: its project goes by id or by number.
fn may_hang_on(candidate: &Candidate, note: &NoteName) -> bool {
    candidate.note.as_ref().is_none_or(|named| {
        named
            .parse::<NoteName>()
            .is_ok_and(|named| named.id == note.id)
    })
}

struct Layer {
    digest: Digest,
    data: Option<String>,
}

/// The layer of an attestation's manifest, if it is one, of this image.
fn layer_of(manifest: &[u8], subject: Digest) -> Result<Layer, &'static str> {
    let manifest: ImageManifest =
        serde_json::from_slice(manifest).map_err(|_| "it is no image manifest")?;
    let artifact_type = manifest
        .artifact_type()
        .as_ref()
        .unwrap_or(manifest.config().media_type());
    if artifact_type.as_ref() != ARTIFACT_TYPE {
        return Err("it is an artifact of another type");
    }
    if manifest.subject().as_ref().and_then(sha256) != Some(subject) {
        return Err("it is about something else");
    }
    let [layer] = manifest.layers().as_slice() else {
        return Err("it has not one layer");
    };
    if usize::try_from(layer.size()).map_or(true, |size| size > MAX_OCCURRENCE) {
        return Err("its layer is too large");
    }
    Ok(Layer {
        digest: sha256(layer).ok_or("its layer has no SHA-256 digest")?,
        data: layer.data().clone(),
    })
}

fn sha256(descriptor: &Descriptor) -> Option<Digest> {
    descriptor.digest().as_ref().parse().ok()
}

/// Embedded content, if it is what the digest says; otherwise the blob decides.
fn embedded(layer: &Layer) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(layer.data.as_ref()?).ok()?;
    (Digest::of(&bytes) == layer.digest).then_some(bytes)
}

/// The occurrence, named by where it was found. What is none does not count.
fn occurrence(bytes: &[u8], at: &ImageReference) -> Option<Occurrence> {
    match serde_json::from_slice::<Occurrence>(bytes) {
        Ok(occurrence) => Some(Occurrence {
            name: Some(at.to_string()),
            ..occurrence
        }),
        Err(error) => {
            tracing::debug!(artifact = %at, %error, "passed over an attestation");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const SUBJECT: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn manifest(artifact_type: &str, subject: &str, layers: usize, size: u64) -> String {
        let descriptor = |digest: &str, size| {
            format!(r#"{{"mediaType":"application/json","digest":"{digest}","size":{size}}}"#)
        };
        let layers = vec![descriptor(SUBJECT, size); layers].join(",");
        format!(
            r#"{{"schemaVersion":2,"artifactType":"{artifact_type}","config":{},"layers":[{layers}],"subject":{}}}"#,
            descriptor(SUBJECT, 2),
            descriptor(subject, 2),
        )
    }

    #[rstest]
    #[case(manifest(ARTIFACT_TYPE, SUBJECT, 1, 10), None)]
    #[case(
        manifest("application/other", SUBJECT, 1, 10),
        Some("it is an artifact of another type")
    )]
    #[case(manifest(ARTIFACT_TYPE, &SUBJECT.replace('a', "b"), 1, 10), Some("it is about something else"))]
    #[case(manifest(ARTIFACT_TYPE, SUBJECT, 2, 10), Some("it has not one layer"))]
    #[case(manifest(ARTIFACT_TYPE, SUBJECT, 1, 1 << 21), Some("its layer is too large"))]
    #[case("{}".to_owned(), Some("it is no image manifest"))]
    fn only_attestations_of_the_image_count(
        #[case] manifest: String,
        #[case] problem: Option<&str>,
    ) {
        let layer = layer_of(manifest.as_bytes(), SUBJECT.parse().unwrap());
        assert_eq!(layer.err(), problem);
    }

    #[test]
    fn embedded_content_must_be_what_the_digest_says() {
        let layer = |data: &str| Layer {
            digest: Digest::of(b"content"),
            data: Some(BASE64_STANDARD.encode(data)),
        };
        assert_eq!(embedded(&layer("content")), Some(b"content".to_vec()));
        assert_eq!(embedded(&layer("other")), None);
    }

    #[rstest]
    #[case(None, true)]
    #[case(Some("projects/123/notes/n"), true)]
    #[case(Some("projects/p/notes/other"), false)]
    #[case(Some("rubbish"), false)]
    fn the_note_is_a_hint(#[case] named: Option<&str>, #[case] expected: bool) {
        let candidate = Candidate {
            digest: Digest::of(b""),
            note: named.map(str::to_owned),
        };
        let note = "projects/p/notes/n".parse().unwrap();
        assert_eq!(may_hang_on(&candidate, &note), expected);
    }

    proptest! {
        #[test]
        fn no_manifest_panics(content: Vec<u8>) {
            let _ = layer_of(&content, Digest::of(b""));
        }
    }
}
