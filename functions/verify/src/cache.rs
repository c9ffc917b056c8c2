//! What a caller may keep: what became of one blob of evidence, never a decision and never the
//! absence of anything.

use jiff::Timestamp;
use postern_core::attestor::SignatureAlgorithm;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::Attestation;
use postern_core::reason::ReasonCode;
use sha2::Digest as _;

use crate::attestor::TrustedAttestor;

/// Names one verification: the blob's own hash, the trust it was verified against, the keys of it
/// that are revoked, the digest and the options. Anything else that differs is another key, so a
/// hit can never outlive policy, trust material or revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EvidenceKey([u8; 32]);

/// Keeps what became of blobs. Implementations bound their size and forget in their own time.
pub trait EvidenceCache: Send + Sync {
    /// What is known, if anything.
    fn get(&self, key: &EvidenceKey) -> Option<Checked>;

    /// Remembers.
    fn put(&self, key: EvidenceKey, checked: &Checked);
}

/// What became of one attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// A signature of it counts.
    Verified(Verified),
    /// None does; one entry for each kind of failure.
    Rejected(Vec<Rejection>),
}

/// A signature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that verified it.
    pub key_id: String,
    /// By which algorithm; `None` for OpenPGP.
    pub algorithm: Option<SignatureAlgorithm>,
    /// When the key's validity ends; `None` for a key without an end.
    pub valid_until: Option<Timestamp>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code.
    pub code: ReasonCode,
    /// What happened, for people.
    pub detail: String,
}

impl Checked {
    /// Whether this may still be relied on at a time.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        match self {
            Self::Verified(verified) => verified.valid_until.is_none_or(|end| at < end),
            Self::Rejected(_) => true,
        }
    }
}

impl EvidenceKey {
    pub(crate) fn new(
        attestation: &Attestation,
        attestor: &TrustedAttestor,
        revoked_keys: &[&str],
        digest: &Digest,
        compared_repository: Option<&ImageReference>,
    ) -> Self {
        let mut hash = Fields(sha2::Sha256::new());
        hash.add(b"postern evidence v1");
        hash.add(&attestation.serialized_payload.0);
        hash.add(&(attestation.signatures.len() as u64).to_be_bytes());
        for signature in &attestation.signatures {
            hash.add(signature.public_key_id.as_bytes());
            hash.add(&signature.signature.0);
        }
        hash.add(attestor.trust_hash().as_bytes());
        hash.add(&(revoked_keys.len() as u64).to_be_bytes());
        for key in revoked_keys {
            hash.add(key.as_bytes());
        }
        hash.add(digest.as_bytes());
        let repository = compared_repository.map(ImageReference::name);
        hash.add(repository.unwrap_or_default().as_bytes());
        Self(hash.0.finalize().into())
    }
}

/// Fields with their lengths before them, so that no two lists of fields read alike.
struct Fields(sha2::Sha256);

impl Fields {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}
