//! The payload that attestors sign: Red Hat's "simple signing" statement in Google's dialect.

use jiff::Timestamp;
use serde::Deserialize;

use crate::image::{Digest, ImageReference};
use crate::reason::ReasonCode;

/// What Google's CLI writes as `critical.type`.
pub const PAYLOAD_TYPE: &str = "Google cloud binauthz container signature";

/// Where in `optional` a payload says when it ends.
const EXPIRES: &str = "dev.postern.expires";

/// The bytes to sign for an image: what `gcloud container binauthz create-signature-payload` prints,
/// byte for byte (Python's `json.dumps` with `indent=2, sort_keys=True`, and one newline).
pub fn signature_payload(image: &ImageReference, digest: &Digest) -> Vec<u8> {
    let name = image.name();
    // A canonical name holds no character that JSON escapes.
    format!(
        "{{\n  \"critical\": {{\n    \"identity\": {{\n      \"docker-reference\": \"{name}\"\n    \
         }},\n    \"image\": {{\n      \"docker-manifest-digest\": \"{digest}\"\n    }},\n    \
         \"type\": \"{PAYLOAD_TYPE}\"\n  }}\n}}\n"
    )
    .into_bytes()
}

/// The bytes to sign for an image until a time: as [`signature_payload`], with the end among what the
/// statement calls optional. The end is signed as well. Postern holds to it; Google reads past it.
pub fn signature_payload_until(
    image: &ImageReference,
    digest: &Digest,
    until: Timestamp,
) -> Vec<u8> {
    let mut payload = signature_payload(image, digest);
    payload.truncate(payload.len() - "\n}\n".len());
    let optional = format!(",\n  \"optional\": {{\n    \"{EXPIRES}\": \"{until}\"\n  }}\n}}\n");
    payload.extend_from_slice(optional.as_bytes());
    payload
}

/// Why a signed payload does not speak for an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// No payload at all.
    #[error("the signed bytes are no attestation payload: {0}")]
    Malformed(String),
    /// Signed, but as something else.
    #[error("the signed payload is of type {0:?}, not {PAYLOAD_TYPE:?}")]
    Type(String),
    /// About another image.
    #[error("the signed payload is about {found}, not {expected}")]
    Digest {
        /// The digest being deployed.
        expected: Digest,
        /// The digest that was signed.
        found: Digest,
    },
    /// It says itself that it is over.
    #[error("the attestation ended at {0}, as it says itself")]
    Expired(Timestamp),
    /// About the same digest elsewhere; only where repositories are compared.
    #[error("the signed payload is about {found:?}, not {expected:?}")]
    Repository {
        /// The repository being deployed from.
        expected: String,
        /// The repository that was signed.
        found: String,
    },
}

impl PayloadError {
    /// The stable code.
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Malformed(_) | Self::Type(_) => ReasonCode::PayloadMalformed,
            Self::Digest { .. } => ReasonCode::PayloadDigestMismatch,
            Self::Expired(_) => ReasonCode::AttestationExpired,
            Self::Repository { .. } => ReasonCode::PayloadRepositoryMismatch,
        }
    }
}

/// A parsed payload; only to be built from bytes whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// `critical.image.docker-manifest-digest`.
    pub digest: Digest,
    /// `critical.identity.docker-reference`, as it was signed.
    pub repository: String,
    /// `optional.dev.postern.expires`: from then on it says nothing any more.
    pub expires: Option<Timestamp>,
}

impl Payload {
    /// Reads signed bytes. Not only `gcloud`'s own spelling counts: other tools sign compact JSON.
    ///
    /// # Errors
    /// If the bytes are no payload, or one of another type (compared without regard to case:
    /// Google's documentation spells it in two ways).
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| PayloadError::Malformed(error.to_string()))?;
        let critical = document.critical;
        if !critical.r#type.eq_ignore_ascii_case(PAYLOAD_TYPE) {
            return Err(PayloadError::Type(crate::image::shortened(
                &critical.r#type,
            )));
        }
        Ok(Self {
            digest: critical.image.docker_manifest_digest,
            repository: critical.identity.docker_reference,
            expires: document.optional.and_then(|optional| optional.expires),
        })
    }

    /// Whether the payload speaks for this image, at this time.
    ///
    /// # Errors
    /// Says what differs.
    pub fn check(
        &self,
        image: &ImageReference,
        digest: &Digest,
        compare_repository: bool,
        at: Timestamp,
    ) -> Result<(), PayloadError> {
        if self.digest != *digest {
            return Err(PayloadError::Digest {
                expected: *digest,
                found: self.digest,
            });
        }
        if let Some(end) = self.expires.filter(|end| *end <= at) {
            return Err(PayloadError::Expired(end));
        }
        let signed = ImageReference::parse_artifact_url(&self.repository).map(|i| i.name());
        if compare_repository && signed.as_ref() != Ok(&image.name()) {
            return Err(PayloadError::Repository {
                expected: image.name(),
                found: crate::image::shortened(&self.repository),
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Document {
    critical: Critical,
    #[serde(default)]
    optional: Option<Optional>,
}

/// Other tools write other things here, or null.
#[derive(Deserialize)]
struct Optional {
    #[serde(rename = "dev.postern.expires", default)]
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> (ImageReference, Digest) {
        let digest = Digest::of(b"x");
        let name = format!("us-central1-docker.pkg.dev/demo-project/repo/app@{digest}");
        (ImageReference::parse(&name).unwrap(), digest)
    }

    #[test]
    fn the_payload_is_gclouds_to_the_byte() {
        let (image, digest) = image();
        let payload = signature_payload(&image, &digest);
        assert_eq!(payload.len(), 310);
        assert_eq!(
            Digest::of(&payload).hex(),
            "5ecf0fe5a889faa535a2d66dfd1e74f513c6f5d8759a1a8d464ca69cada83267"
        );
        let parsed = Payload::parse(&payload).unwrap();
        assert_eq!(parsed.check(&image, &digest, true, now()), Ok(()));
    }

    fn now() -> Timestamp {
        "2026-02-03T04:05:06Z".parse().unwrap()
    }

    #[test]
    fn what_was_signed_until_a_time_says_nothing_from_then_on() {
        let (image, digest) = image();
        let payload = signature_payload_until(&image, &digest, now());
        let text = String::from_utf8(payload.clone()).unwrap();
        assert!(
            text.ends_with(
                "\"\n  },\n  \"optional\": {\n    \"dev.postern.expires\": \"2026-02-03T04:05:06Z\"\n  }\n}\n"
            ),
            "{text}"
        );
        let parsed = Payload::parse(&payload).unwrap();
        let before = now() - jiff::SignedDuration::from_secs(1);
        assert_eq!(parsed.check(&image, &digest, true, before), Ok(()));
        let over = parsed.check(&image, &digest, true, now()).unwrap_err();
        assert_eq!(over.code(), ReasonCode::AttestationExpired);
    }

    #[test]
    fn what_others_write_as_optional_is_passed_over_and_an_end_that_is_none_is_malformed() {
        let (image, digest) = image();
        let text = String::from_utf8(signature_payload(&image, &digest)).unwrap();
        let with = |optional: &str| {
            let end = text.rfind("\n}").unwrap();
            let text = format!("{},\"optional\":{optional}}}", &text[..end]);
            Payload::parse(text.as_bytes()).map(|payload| payload.expires)
        };
        assert_eq!(with("null"), Ok(None));
        assert_eq!(with(r#"{"creator": "another tool"}"#), Ok(None));
        assert!(with(r#"{"dev.postern.expires": "soon"}"#).is_err());
    }

    #[test]
    fn compact_json_and_the_other_spelling_of_the_type_count() {
        let (image, digest) = image();
        let text = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"elsewhere.example/app"}},"image":
            {{"docker-manifest-digest":"{digest}"}},"type":"Google Cloud BinAuthz container signature"}}}}"#
        );
        let parsed = Payload::parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.check(&image, &digest, false, now()), Ok(()));
        let other = parsed.check(&image, &digest, true, now()).unwrap_err();
        assert_eq!(other.code(), ReasonCode::PayloadRepositoryMismatch);
        let other = parsed
            .check(&image, &Digest::of(b"y"), false, now())
            .unwrap_err();
        assert_eq!(other.code(), ReasonCode::PayloadDigestMismatch);
    }

    #[test]
    fn another_type_is_malformed() {
        let (image, digest) = image();
        let text = String::from_utf8(signature_payload(&image, &digest)).unwrap();
        let text = text.replace(PAYLOAD_TYPE, "cosign container image signature");
        assert_eq!(
            Payload::parse(text.as_bytes()).unwrap_err().code(),
            ReasonCode::PayloadMalformed
        );
    }
}
