//! Private keys that are kept by a store, and that the store cannot read.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Unavailable;
use crate::attestor::SignatureAlgorithm;
use crate::bytes::Base64;

/// What a sealed key is for. Both are bound into the seal: a key that is found under another name, or for another
/// algorithm, does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse<'a> {
    /// The full name of the key, such as `projects/…/cryptoKeyVersions/1`.
    pub name: &'a str,
    /// How it signs.
    pub algorithm: SignatureAlgorithm,
}

/// A key pair as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedKey {
    /// The private half, encrypted. Only the vault that made it can read it.
    pub sealed: Base64,
    /// The public half: PEM of the SubjectPublicKeyInfo. It is bound into the seal as well.
    pub public_key_pem: String,
}

/// Makes private keys that leave it only sealed, and signs with them.
#[async_trait]
pub trait KeyVault: Send + Sync {
    /// A new key pair for this use. Making an RSA key takes seconds.
    async fn make(&self, key: KeyUse<'_>) -> Result<SealedKey, Unavailable>;

    /// Signs a digest of the algorithm's own hash: DER for ECDSA, raw for RSA.
    ///
    /// The error is permanent where the key does not open, or the digest is none of this hash.
    async fn sign(
        &self,
        key: KeyUse<'_>,
        sealed: &SealedKey,
        digest: &[u8],
    ) -> Result<Vec<u8>, Unavailable>;
}
