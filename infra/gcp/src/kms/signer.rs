//! Signs with a key of Cloud KMS.

use std::sync::Arc;

use async_trait::async_trait;
use postern_core::attestor::{PkixPublicKey, SignatureAlgorithm};
use postern_core::ports::{Signer, SignerKey, Unavailable};

use super::{KmsKey, PublicHalf};

/// Signs with a [`KmsKey`], by the key's one algorithm.
pub struct KmsSigner {
    key: Arc<KmsKey>,
    by: By,
}

/// Who says which algorithm it is.
pub(super) enum By {
    /// The attestor in whose name is signed, by these public keys.
    Attestor(Vec<PkixPublicKey>),
    /// Whoever made the signer.
    Algorithm(SignatureAlgorithm),
}

impl KmsSigner {
    pub(super) fn new(key: &Arc<KmsKey>, by: By) -> Self {
        let key = Arc::clone(key);
        Self { key, by }
    }

    /// The key's algorithm, if it is the one that is wanted.
    fn algorithm(&self, public: &PublicHalf) -> Result<SignatureAlgorithm, String> {
        let own = public.algorithm;
        match &self.by {
            By::Attestor(keys) => {
                let mut stated = keys
                    .iter()
                    .filter(|key| key.der().as_ref() == Some(&public.der))
                    .map(|key| key.signature_algorithm)
                    .peekable();
                let first = *stated
                    .peek()
                    .ok_or("the attestor has no such key; add it, or name the key that it has")?;
                if stated.any(|stated| stated == own) {
                    Ok(own)
                } else {
                    Err(format!(
                        "the attestor states {first}, and the key signs by {own} only; correct the \
                         attestor"
                    ))
                }
            }
            By::Algorithm(wanted) if *wanted == own => Ok(own),
            By::Algorithm(wanted) => Err(format!(
                "what is signed takes {wanted}, and the key signs by {own} only; name another key"
            )),
        }
    }
}

#[async_trait]
impl Signer for KmsSigner {
    async fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, Unavailable> {
        let public = self.key.public().await?;
        let algorithm = self.algorithm(public).map_err(|why| self.key.failed(why))?;
        self.key.sign(algorithm, payload).await
    }

    async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        self.key.public_key().await
    }

    async fn objection(&self) -> Result<Option<String>, Unavailable> {
        let public = self.key.public().await?;
        if let Err(why) = self.algorithm(public) {
            return Ok(Some(why));
        }
        self.key.permission_missing().await
    }
}
