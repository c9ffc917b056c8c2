//! Seals software keys, so that whoever keeps them cannot read them.
//!
//! A private key is encrypted by AES-256-GCM under a wrapping key, with the name, the algorithm and the public
//! half of the key as associated data. Whoever can write where it is kept can delete a key; they can neither
//! read it nor pass one off as another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use postern_core::bytes::Base64;
use postern_core::ports::{KeyUse, SealedKey};
use zeroize::Zeroizing;

use crate::signer::{PrivateKey, SignerError};

/// The form of what is sealed: one byte that says so, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;
/// The length of a wrapping key, in bytes.
const WRAPPING_KEY: usize = 32;

/// Why a vault cannot do what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The text is no wrapping key. It may be a part of one, so it is not shown.
    #[error(
        "a wrapping key is 32 random bytes in base64 or hex; make one: openssl rand -base64 32"
    )]
    WrappingKey,
    /// Sealed by another vault, under another name, or changed since.
    #[error(
        "the key cannot be opened: it was sealed with another wrapping key, or was changed where it is kept"
    )]
    Sealed,
    /// The key itself.
    #[error(transparent)]
    Key(#[from] SignerError),
}

/// Makes, seals and opens software keys under one wrapping key, which is wiped when it is dropped and never
/// printed.
pub struct Vault {
    wrapping: RandomizedNonceKey,
}

impl Vault {
    /// A vault of this wrapping key: 32 bytes, in base64 or hex.
    ///
    /// # Errors
    /// [`VaultError::WrappingKey`].
    pub fn new(wrapping_key: &str) -> Result<Self, VaultError> {
        let text = wrapping_key.trim();
        let bytes = match text.len() {
            hexadecimal if hexadecimal == 2 * WRAPPING_KEY => hex::decode(text).ok(),
            _ => Base64::decode(text).ok(),
        };
        let bytes = Zeroizing::new(bytes.ok_or(VaultError::WrappingKey)?);
        if bytes.len() != WRAPPING_KEY {
            return Err(VaultError::WrappingKey);
        }
        let wrapping = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
        Ok(Self {
            wrapping: wrapping.map_err(|_| VaultError::WrappingKey)?,
        })
    }

    /// A new wrapping key, in base64.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate_wrapping_key() -> Result<Zeroizing<String>, VaultError> {
        let mut key = Zeroizing::new([0; WRAPPING_KEY]);
        aws_lc_rs::rand::fill(key.as_mut())
            .map_err(|_| SignerError::Signing("the system has no randomness".to_owned()))?;
        Ok(Zeroizing::new(Base64::encode(key.as_ref())))
    }

    /// A new key pair, its private half sealed for this use. RSA takes seconds.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn make(&self, key: KeyUse<'_>) -> Result<SealedKey, VaultError> {
        let made = PrivateKey::generate(key.algorithm)?;
        let public_key_pem = made.public_pem()?;
        let mut secret = made.pkcs8()?;
        // Room for the tag: growing would leave a copy behind that is not wiped.
        let mut content = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        content.append(&mut secret);
        let aad = Aad::from(context(key, &public_key_pem));
        let nonce = self.wrapping.seal_in_place_append_tag(aad, &mut *content);
        let nonce = nonce.map_err(|_| VaultError::Sealed)?;
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&content);
        Ok(SealedKey {
            sealed: Base64(sealed),
            public_key_pem,
        })
    }

    /// Signs what has this digest: DER for ECDSA, raw for RSA.
    ///
    /// # Errors
    /// If the key does not open for this use, or the digest is none of the algorithm's hash.
    pub fn sign(
        &self,
        key: KeyUse<'_>,
        sealed: &SealedKey,
        digest: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        Ok(self.open(key, sealed)?.sign_digest(digest)?)
    }

    fn open(&self, key: KeyUse<'_>, sealed: &SealedKey) -> Result<PrivateKey, VaultError> {
        let parts = sealed.sealed.0.split_first();
        let (&FORM, rest) = parts.ok_or(VaultError::Sealed)? else {
            return Err(VaultError::Sealed);
        };
        let (nonce, content) = rest.split_at_checked(NONCE_LEN).ok_or(VaultError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Sealed)?;
        let mut content = Zeroizing::new(content.to_vec());
        let aad = Aad::from(context(key, &sealed.public_key_pem));
        let opened = self.wrapping.open_in_place(nonce, aad, &mut content);
        let pkcs8 = opened.map_err(|_| VaultError::Sealed)?;
        Ok(PrivateKey::from_pkcs8(pkcs8)?.with_algorithm(key.algorithm)?)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// What a seal is bound to. No part of it has a line break of its own but the last.
fn context(key: KeyUse<'_>, public_key_pem: &str) -> String {
    let KeyUse { name, algorithm } = key;
    format!("postern software key\n{name}\n{algorithm}\n{public_key_pem}")
}

#[cfg(test)]
mod tests;
