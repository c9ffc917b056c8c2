//! What became of blobs of evidence, kept by their own hash. Never a decision, never an absence.

use moka::sync::Cache;
use postern_verify::{Checked, EvidenceCache, EvidenceKey};

/// How many blobs are remembered.
const BLOBS: u64 = 16_384;

/// Verified blobs. An entry holds whatever its key says, so it needs no lifetime: another policy,
/// attestor or revocation is another key. The caller compares the end of a key's validity.
pub(crate) struct VerifiedBlobs(Cache<EvidenceKey, Checked>);

impl Default for VerifiedBlobs {
    fn default() -> Self {
        Self(Cache::new(BLOBS))
    }
}

impl EvidenceCache for VerifiedBlobs {
    fn get(&self, key: &EvidenceKey) -> Option<Checked> {
        self.0.get(key)
    }

    fn put(&self, key: EvidenceKey, checked: &Checked) {
        self.0.insert(key, checked.clone());
    }
}
