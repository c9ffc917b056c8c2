//! Storing an attestation next to its image.

use std::collections::HashMap;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use oci_spec::image::{Descriptor, ImageManifest, ImageManifestBuilder, MediaType, Sha256Digest};
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Occurrence;
use postern_core::ports::{AttestationSink, AttestationSource as _, Stored, Unavailable};
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::attestations::{ARTIFACT_TYPE, MAX_OCCURRENCE, NOTE_ANNOTATION, RegistryAttestations};
use crate::auth::Scope;
use crate::content::{Content, MAX_MANIFEST};
use crate::endpoint::Endpoint;
use crate::listing::fallback_tag;
use crate::manifest::{Manifest, OCI_INDEX, OCI_MANIFEST};
use crate::registry::{Registry, refusal};
use crate::transport::{Answer, Request};

/// The content of an artifact's configuration that has none (image specification, "Guidance for an
/// Empty Descriptor").
const EMPTY: &[u8] = b"{}";
/// Occurrences up to this size are embedded in the manifest, beside being a blob.
const MAX_EMBEDDED: usize = 64 * 1024;
const MAX_ANSWER: usize = 64 * 1024;
/// How often a listing under a tag is written again because another writer came between.
const ATTEMPTS: usize = 3;

#[async_trait]
impl AttestationSink for RegistryAttestations {
    async fn store(&self, occurrence: Occurrence) -> Result<Stored, Unavailable> {
        let image = ImageReference::parse_artifact_url(&occurrence.resource_uri)
            .map_err(|error| Unavailable::new("registry", error))?;
        let endpoint = self.registry.endpoint(&image)?;
        let digest = image
            .digest()
            .ok_or_else(|| endpoint.unavailable(format!("{image} has no digest to attest to")))?;
        let _turn = self.writing.lock().await;
        self.listings.forget(&image, digest).await;
        let there = self.occurrences(&image, &occurrence.note_name).await?;
        if let Some(same) = there
            .into_iter()
            .find(|found| says_the_same(found, &occurrence))
        {
            return Ok(Stored::AlreadyThere(same));
        }
        let subject = self.subject(&endpoint, &image, digest).await?;
        let push = Push {
            registry: &self.registry,
            endpoint: &endpoint,
            image: &image,
            scope: Scope::push(image.repository()),
        };
        let stored = push.attestation(occurrence, subject, digest).await;
        self.listings.forget(&image, digest).await;
        stored.map(Stored::Created)
    }
}

impl RegistryAttestations {
    async fn subject(
        &self,
        endpoint: &Endpoint,
        image: &ImageReference,
        digest: Digest,
    ) -> Result<Descriptor, Unavailable> {
        let content = self.registry.manifest(image).await?.ok_or_else(|| {
            endpoint.unavailable(format!("there is no {image} to lay an attestation next to"))
        })?;
        let manifest = Manifest::parse(&content.bytes)
            .map_err(|error| endpoint.unavailable(format!("{image}: {error}")))?;
        Ok(descriptor(manifest.media_type, &content.bytes, digest))
    }
}

/// The same payload, signed by the same keys.
fn says_the_same(found: &Occurrence, new: &Occurrence) -> bool {
    let (Some(found), Some(new)) = (&found.attestation, &new.attestation) else {
        return false;
    };
    let known = |id: &str| {
        found
            .signatures
            .iter()
            .any(|known| known.public_key_id == id)
    };
    found.serialized_payload == new.serialized_payload
        && new
            .signatures
            .iter()
            .all(|signature| known(&signature.public_key_id))
}

fn descriptor(media_type: &str, content: &[u8], digest: Digest) -> Descriptor {
    let digest = digest.hex().parse::<Sha256Digest>();
    #[expect(
        clippy::expect_used,
        reason = "64 lower-case hex digits are what the type asks for"
    )]
    let digest = digest.expect("the hex digits of a SHA-256 digest");
    Descriptor::new(MediaType::from(media_type), content.len() as u64, digest)
}

/// One push into one repository.
struct Push<'a> {
    registry: &'a Registry,
    endpoint: &'a Endpoint,
    image: &'a ImageReference,
    scope: Scope,
}

impl Push<'_> {
    async fn attestation(
        &self,
        occurrence: Occurrence,
        subject: Descriptor,
        digest: Digest,
    ) -> Result<Occurrence, Unavailable> {
        let occurrence = Occurrence {
            name: None,
            create_time: Some(jiff::Timestamp::now()),
            ..occurrence
        };
        let layer = self.encode(&occurrence)?;
        if layer.len() > MAX_OCCURRENCE {
            let message = format!("an attestation of {} bytes is too large", layer.len());
            return Err(self.endpoint.unavailable(message));
        }
        self.blob(EMPTY.into()).await?;
        self.blob(layer.clone()).await?;
        let note = occurrence.note_name.to_string();
        let manifest = self.encode(&self.manifest(&layer, subject, &note)?)?;
        let name = self.image.pinned(Digest::of(&manifest));
        let reference = Digest::of(&manifest).to_string();
        let answer = self
            .manifest_put(&reference, OCI_MANIFEST, manifest.clone())
            .await?;
        // The header says that the registry keeps the listing itself.
        if answer.header("oci-subject").is_none() {
            self.list(digest, listed(&manifest, &note)).await?;
        }
        Ok(Occurrence {
            name: Some(name.to_string()),
            ..occurrence
        })
    }

    fn encode(&self, value: &impl serde::Serialize) -> Result<Bytes, Unavailable> {
        serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
            self.endpoint
                .unavailable(format!("cannot be written: {error}"))
        })
    }

    fn manifest(
        &self,
        layer: &[u8],
        subject: Descriptor,
        note: &str,
    ) -> Result<ImageManifest, Unavailable> {
        let mut layer_descriptor = descriptor(ARTIFACT_TYPE, layer, Digest::of(layer));
        if layer.len() <= MAX_EMBEDDED {
            layer_descriptor.set_data(Some(BASE64_STANDARD.encode(layer)));
        }
        let empty = descriptor(MediaType::EmptyJSON.as_ref(), EMPTY, Digest::of(EMPTY));
        ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .artifact_type(MediaType::from(ARTIFACT_TYPE))
            .config(empty)
            .layers(vec![layer_descriptor])
            .subject(subject)
            .annotations(HashMap::from([(
                NOTE_ANNOTATION.to_owned(),
                note.to_owned(),
            )]))
            .build()
            .map_err(|error| self.endpoint.unavailable(error))
    }

    /// Uploads a blob in one piece (distribution specification, "POST then PUT").
    async fn blob(&self, content: Bytes) -> Result<(), Unavailable> {
        let repository = self.image.repository();
        let url = self.endpoint.url(&format!("{repository}/blobs/uploads/"));
        let started = self.send(Method::POST, url.clone(), None).await?;
        if started.status != StatusCode::ACCEPTED {
            return Err(self.refused(&started, "POST", &url));
        }
        let location = started.header(LOCATION.as_str()).unwrap_or_default();
        let mut upload = url
            .join(location)
            .ok()
            .filter(|upload| self.endpoint.owns(upload))
            .ok_or_else(|| {
                self.endpoint
                    .unavailable("it wants the upload at another host, which is not supported")
            })?;
        upload
            .query_pairs_mut()
            .append_pair("digest", &Digest::of(&content).to_string());
        let body = ("application/octet-stream".to_owned(), content);
        let done = self.send(Method::PUT, upload.clone(), Some(body)).await?;
        match done.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refused(&done, "PUT", &upload)),
        }
    }

    async fn manifest_put(
        &self,
        reference: &str,
        media_type: &str,
        content: Bytes,
    ) -> Result<Answer, Unavailable> {
        let repository = self.image.repository();
        let url = self
            .endpoint
            .url(&format!("{repository}/manifests/{reference}"));
        let body = (media_type.to_owned(), content);
        let answer = self.send(Method::PUT, url.clone(), Some(body)).await?;
        match answer.status {
            StatusCode::CREATED => Ok(answer),
            _ => Err(self.refused(&answer, "PUT", &url)),
        }
    }

    /// Adds an entry to the listing under the fallback tag. Registries cannot be told "only if it
    /// is unchanged", so it is read again afterwards.
    async fn list(&self, subject: Digest, entry: Value) -> Result<(), Unavailable> {
        let tag = fallback_tag(subject);
        for _ in 0..ATTEMPTS {
            let mut entries = self.entries(&tag).await?;
            let listed = |entries: &[Value]| {
                entries
                    .iter()
                    .any(|other| other.get("digest") == entry.get("digest"))
            };
            if listed(&entries) {
                return Ok(());
            }
            entries.push(entry.clone());
            let index = self.encode(&json!({
                "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries,
            }))?;
            if index.len() > MAX_MANIFEST {
                let message = format!("the list under the tag {tag} is full");
                return Err(Unavailable::limit(self.endpoint.source_name(), message));
            }
            self.manifest_put(&tag, OCI_INDEX, index).await?;
            if listed(&self.entries(&tag).await?) {
                return Ok(());
            }
        }
        let message = format!("others keep writing the list under the tag {tag}; try again");
        Err(self.endpoint.unavailable(message))
    }

    async fn entries(&self, tag: &str) -> Result<Vec<Value>, Unavailable> {
        match self.registry.by_tag(self.image, tag).await? {
            None => Ok(Vec::new()),
            Some(content) => entries_of(&content).ok_or_else(|| {
                let message = format!("its tag {tag} is no list of attestations; remove it");
                self.endpoint.unavailable(message)
            }),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<(String, Bytes)>,
    ) -> Result<Answer, Unavailable> {
        let mut request = Request::new(method, url, self.endpoint.reach);
        request.body = body;
        self.registry
            .call(self.endpoint, &self.scope, request, MAX_ANSWER)
            .await
    }

    fn refused(&self, answer: &Answer, method: &str, url: &Url) -> Unavailable {
        refusal(self.endpoint, answer, &format!("{method} {}", url.path()))
    }
}

fn entries_of(content: &Content) -> Option<Vec<Value>> {
    let mut index: Value = serde_json::from_slice(&content.bytes).ok()?;
    match index.get_mut("manifests")?.take() {
        Value::Array(entries) => Some(entries),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

fn listed(manifest: &[u8], note: &str) -> Value {
    json!({
        "mediaType": OCI_MANIFEST,
        "digest": Digest::of(manifest),
        "size": manifest.len(),
        "artifactType": ARTIFACT_TYPE,
        "annotations": {NOTE_ANNOTATION: note},
    })
}
