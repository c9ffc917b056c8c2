//! Occurrences, as gcloud writes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::{IMAGE, NOTE};

/// What goes into an occurrence.
#[derive(Debug, Clone)]
pub(crate) struct Attestation {
    pub(crate) note: String,
    pub(crate) resource: String,
    pub(crate) payload: Vec<u8>,
    /// Key id and signature.
    pub(crate) signatures: Vec<(String, Vec<u8>)>,
}

impl Attestation {
    /// An attestation of [`IMAGE`] on [`NOTE`], without signatures.
    pub(crate) fn of(payload: &[u8]) -> Self {
        Self {
            note: NOTE.to_owned(),
            resource: IMAGE.to_owned(),
            payload: payload.to_vec(),
            signatures: Vec::new(),
        }
    }

    /// With one more signature.
    pub(crate) fn signed(mut self, key: &str, signature: &[u8]) -> Self {
        self.signatures.push((key.to_owned(), signature.to_vec()));
        self
    }

    /// The occurrence that gcloud posts, as Container Analysis lists it.
    pub(crate) fn occurrence(&self) -> Value {
        let signatures = self.signatures.iter().map(
            |(key, signature)| json!({"publicKeyId": key, "signature": base64_url(signature)}),
        );
        json!({
            "name": "projects/demo-project/occurrences/synthetic",
            "kind": "ATTESTATION",
            "noteName": self.note,
            "resourceUri": self.resource,
            "createTime": "2026-01-02T03:04:05.678901Z",
            "attestation": {
                "serializedPayload": base64_url(&self.payload),
                "signatures": signatures.collect::<Vec<_>>(),
            },
        })
    }
}

/// A listing of occurrences.
pub(crate) fn occurrences(attestations: &[Attestation]) -> Value {
    let all: Vec<Value> = attestations.iter().map(Attestation::occurrence).collect();
    json!({"occurrences": all})
}

/// URL-safe base64 with padding: what gcloud sends.
pub(crate) fn base64_url(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}
