//! Attestation occurrences as Container Analysis (Grafeas v1) writes them.

use std::borrow::Borrow;

use serde::{Deserialize, Serialize};

use crate::attestor::NoteName;
use crate::bytes::Base64;
use crate::image::{Digest, ImageReference};

/// An occurrence: one statement about one artifact, attached to one note. Fields that this program
/// does not read are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// `projects/P/occurrences/ID`; set by whoever stores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `ATTESTATION` for the ones that count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The note it is attached to.
    pub note_name: NoteName,
    /// What it is about: `host/path@sha256:…`, sometimes with `https://` in front.
    pub resource_uri: String,
    /// The signed statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Attestation>,
    /// When it was stored; set by whoever stores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_time: Option<jiff::Timestamp>,
}

/// A payload and the signatures over its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// The bytes that were signed; they are verified before they are parsed.
    pub serialized_payload: Base64,
    /// One valid signature is enough.
    #[serde(default)]
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// Which key made it: a hint where to look, never a reason to trust.
    #[serde(default)]
    pub public_key_id: String,
    /// DER for ECDSA, raw for RSA, an armored attached message for OpenPGP.
    pub signature: Base64,
}

/// The value of [`Occurrence::kind`] for attestations.
pub const ATTESTATION: &str = "ATTESTATION";

/// At most so many other digests of the image's repository among what the occurrences are about.
pub fn digests_beside(
    image: &ImageReference,
    occurrences: impl IntoIterator<Item: Borrow<Occurrence>>,
    limit: usize,
) -> Vec<Digest> {
    let mut digests = Vec::new();
    for occurrence in occurrences {
        let about = ImageReference::parse_artifact_url(&occurrence.borrow().resource_uri).ok();
        let about = about.filter(|about| about.name() == image.name());
        let digest = about.and_then(|about| about.digest());
        if let Some(digest) = digest.filter(|digest| Some(*digest) != image.digest())
            && !digests.contains(&digest)
            && digests.len() < limit
        {
            digests.push(digest);
        }
    }
    digests
}

/// The hashes by which a signing key's log may name a payload, in lower-case hex: SHA-256, SHA-384 and
/// SHA-512.
pub fn payload_hashes(payload: &[u8]) -> [String; 3] {
    use sha2::Digest as _;
    [
        hex::encode(sha2::Sha256::digest(payload)),
        hex::encode(sha2::Sha384::digest(payload)),
        hex::encode(sha2::Sha512::digest(payload)),
    ]
}
