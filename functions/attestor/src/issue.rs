//! One attestation: sign, verify, store.

use jiff::Timestamp;
use postern_core::attestor::{Attestor, AttestorName};
use postern_core::bytes::Base64;
use postern_core::image::ImageReference;
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::payload::{signature_payload, signature_payload_until};
use postern_core::ports::{AttestationSink, Signer, SignerKey, Stored, Unavailable};
use postern_verify::{SignatureError, TrustedAttestor, TrustedKey, key_id};

/// An attestation that was signed and verified, and is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What is to be stored.
    pub occurrence: Occurrence,
    /// The attestor's key that it verifies by.
    pub key_id: String,
}

/// Why there is no attestation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The image is named by tag.
    #[error("{0} is named by tag; an attestation can only speak for a digest")]
    ByTag(ImageReference),
    /// The attestor has no key that could verify anything.
    #[error("{0} has no usable key, so nothing could verify the attestation")]
    WithoutKeys(AttestorName),
    /// The key is none of the attestor's.
    #[error("the key {key} does not belong to {attestor}, whose keys are {}", known.join(", "))]
    ForeignKey {
        /// In whose name was to be signed.
        attestor: AttestorName,
        /// The id of the key's public half.
        key: String,
        /// The ids of the attestor's keys.
        known: Vec<String>,
    },
    /// The signature does not verify by the attestor's key, so it was not stored.
    #[error(
        "the signature just made does not verify by the key {key} of {attestor}, so it was not \
         stored: {reason}"
    )]
    Unverifiable {
        /// In whose name was signed.
        attestor: AttestorName,
        /// The attestor's key.
        key: String,
        /// Why.
        reason: SignatureError,
    },
    /// The key could not be reached.
    #[error("cannot sign: {0}")]
    Signer(Unavailable),
    /// The place of storage could not be reached.
    #[error("cannot store the attestation: {0}")]
    Sink(Unavailable),
}

impl IssueError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::ByTag(image) => format!("name it {}@sha256:…", image.name()),
            Self::WithoutKeys(attestor) => format!("add the public key to {attestor}"),
            Self::ForeignKey { attestor, .. } => {
                format!("sign with a key of {attestor}, or add this key's public half to it")
            }
            Self::Unverifiable { attestor, key, .. } => {
                format!("compare algorithm and validity of the key {key} of {attestor}")
            }
            Self::Signer(_) | Self::Sink(_) => "ask again; a second time does no harm".to_owned(),
        }
    }
}

/// Signs and stores an attestation of an image (its digest is set) in the attestor's name.
///
/// # Errors
/// See [`IssueError`]. Nothing is stored that the attestor's key does not verify at `at`.
pub async fn issue(
    signer: &dyn Signer,
    attestor: &Attestor,
    image: &ImageReference,
    sink: &dyn AttestationSink,
    at: Timestamp,
) -> Result<Stored, IssueError> {
    issue_until(signer, attestor, image, sink, at, None).await
}

/// As [`issue()`], of an attestation that says nothing any more from a time on, and says so itself.
///
/// # Errors
/// As [`issue()`].
pub async fn issue_until(
    signer: &dyn Signer,
    attestor: &Attestor,
    image: &ImageReference,
    sink: &dyn AttestationSink,
    at: Timestamp,
    until: Option<Timestamp>,
) -> Result<Stored, IssueError> {
    let signed = sign_until(signer, attestor, image, at, until).await?;
    sink.store(signed.occurrence)
        .await
        .map_err(IssueError::Sink)
}

/// Signs an attestation and verifies it, for callers that have something to do before it is stored.
///
/// # Errors
/// As [`issue()`].
pub async fn sign(
    signer: &dyn Signer,
    attestor: &Attestor,
    image: &ImageReference,
    at: Timestamp,
) -> Result<Signed, IssueError> {
    sign_until(signer, attestor, image, at, None).await
}

async fn sign_until(
    signer: &dyn Signer,
    attestor: &Attestor,
    image: &ImageReference,
    at: Timestamp,
    until: Option<Timestamp>,
) -> Result<Signed, IssueError> {
    let digest = image
        .digest()
        .ok_or_else(|| IssueError::ByTag(image.clone()))?;
    let trusted = TrustedAttestor::new(attestor);
    let public = signer.public_key().await.map_err(IssueError::Signer)?;
    let key = key_of(&trusted, &public)?;
    let payload = match until {
        Some(until) => signature_payload_until(image, &digest, until),
        None => signature_payload(image, &digest),
    };
    let signature = signer.sign(&payload).await.map_err(IssueError::Signer)?;
    key.verify(&payload, &signature, at)
        .map_err(|reason| IssueError::Unverifiable {
            attestor: attestor.name.clone(),
            key: key.id().to_owned(),
            reason,
        })?;
    Ok(Signed {
        occurrence: Occurrence {
            name: None,
            kind: Some(ATTESTATION.to_owned()),
            note_name: attestor.user_owned_grafeas_note.note_reference.clone(),
            resource_uri: image.to_string(),
            attestation: Some(Attestation {
                serialized_payload: Base64(payload),
                signatures: vec![Signature {
                    public_key_id: key.id().to_owned(),
                    signature: Base64(signature),
                }],
            }),
            create_time: None,
        },
        key_id: key.id().to_owned(),
    })
}

fn key_of<'a>(
    trusted: &'a TrustedAttestor,
    public: &SignerKey,
) -> Result<&'a TrustedKey, IssueError> {
    if trusted.keys().is_empty() {
        return Err(IssueError::WithoutKeys(trusted.name().clone()));
    }
    trusted
        .key_of(public)
        .ok_or_else(|| IssueError::ForeignKey {
            attestor: trusted.name().clone(),
            key: id_of(public),
            known: trusted
                .keys()
                .iter()
                .map(|key| key.id().to_owned())
                .collect(),
        })
}

fn id_of(public: &SignerKey) -> String {
    let (SignerKey::Pkix(text) | SignerKey::Pgp(text)) = public;
    match key_id(text.as_bytes()) {
        Ok(id) => id.to_string(),
        Err(error) => format!("(without an id: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Key, Sink, at, attestor, image};

    #[tokio::test]
    async fn what_is_stored_verifies_and_names_the_attestors_key() {
        let (key, sink) = (Key::new(1), Sink::default());
        let attestor = attestor("built-by-ci", &[&key]);
        let stored = issue(&key.signer(), &attestor, &image(), &sink, at())
            .await
            .unwrap();
        let Stored::Created(occurrence) = stored else {
            panic!("{stored:?}");
        };
        assert_eq!(occurrence.resource_uri, image().to_string());
        assert_eq!(
            occurrence.note_name.to_string(),
            "projects/demo-project/notes/built-by-ci"
        );
        let attestation = occurrence.attestation.unwrap();
        let trusted = TrustedAttestor::new(&attestor);
        let signature = &attestation.signatures[0];
        assert_eq!(signature.public_key_id, trusted.keys()[0].id());
        let payload = &attestation.serialized_payload.0;
        assert_eq!(
            payload,
            &signature_payload(&image(), &image().digest().unwrap())
        );
        trusted.keys()[0]
            .verify(payload, &signature.signature.0, at())
            .unwrap();
    }

    #[tokio::test]
    async fn a_second_time_says_it_is_there() {
        let (key, sink) = (Key::new(1), Sink::default());
        let attestor = attestor("built-by-ci", &[&key]);
        issue(&key.signer(), &attestor, &image(), &sink, at())
            .await
            .unwrap();
        let again = issue(&key.signer(), &attestor, &image(), &sink, at())
            .await
            .unwrap();
        assert!(matches!(again, Stored::AlreadyThere(_)), "{again:?}");
    }

    async fn refused(signer: &dyn Signer, attestor: &Attestor, image: &ImageReference) -> String {
        let sink = Sink::default();
        let error = issue(signer, attestor, image, &sink, at())
            .await
            .unwrap_err();
        assert_eq!(sink.stored().len(), 0);
        format!("{error}\ntry: {}", error.remedy())
    }

    #[tokio::test]
    async fn a_foreign_key_is_named_as_such() {
        let attestor = attestor("built-by-ci", &[&Key::new(1)]);
        let told = refused(&Key::new(2).signer(), &attestor, &image()).await;
        insta::assert_snapshot!(told, @"
        the key ni:///sha-256;WgenI8eVaDCuLmvg73GzmRFi9epC0tVLhpzyFnNNeNM does not belong to projects/demo-project/attestors/built-by-ci, whose keys are ni:///sha-256;-FeuTtbjTjN2Guolyq7j_lShWWD7ktzWOjdasSHesqk
        try: sign with a key of projects/demo-project/attestors/built-by-ci, or add this key's public half to it
        ");
    }

    #[tokio::test]
    async fn an_attestor_without_keys_attests_nothing() {
        let told = refused(
            &Key::new(1).signer(),
            &attestor("built-by-ci", &[]),
            &image(),
        )
        .await;
        insta::assert_snapshot!(told, @"
        projects/demo-project/attestors/built-by-ci has no usable key, so nothing could verify the attestation
        try: add the public key to projects/demo-project/attestors/built-by-ci
        ");
    }

    #[tokio::test]
    async fn a_tag_is_refused() {
        let key = Key::new(1);
        let image = ImageReference::parse("us-docker.pkg.dev/demo-project/repo/app:v1").unwrap();
        let told = refused(&key.signer(), &attestor("built-by-ci", &[&key]), &image).await;
        insta::assert_snapshot!(told, @"
        us-docker.pkg.dev/demo-project/repo/app:v1 is named by tag; an attestation can only speak for a digest
        try: name it us-docker.pkg.dev/demo-project/repo/app@sha256:…
        ");
    }

    #[tokio::test]
    async fn a_signature_that_does_not_verify_is_not_stored() {
        let key = Key::new(1);
        let liar = key.signer().answering(Key::new(2).signer());
        let told = refused(&liar, &attestor("built-by-ci", &[&key]), &image()).await;
        insta::assert_snapshot!(told, @"
        the signature just made does not verify by the key ni:///sha-256;-FeuTtbjTjN2Guolyq7j_lShWWD7ktzWOjdasSHesqk of projects/demo-project/attestors/built-by-ci, so it was not stored: the signature does not verify: not ECDSA_P256_SHA256 by this key over these bytes
        try: compare algorithm and validity of the key ni:///sha-256;-FeuTtbjTjN2Guolyq7j_lShWWD7ktzWOjdasSHesqk of projects/demo-project/attestors/built-by-ci
        ");
    }

    #[tokio::test]
    async fn an_outage_of_the_key_is_one() {
        let key = Key::new(1);
        let told = refused(
            &key.signer().dead(),
            &attestor("built-by-ci", &[&key]),
            &image(),
        )
        .await;
        insta::assert_snapshot!(told, @"
        cannot sign: KMS: connection refused
        try: ask again; a second time does no harm
        ");
    }
}
