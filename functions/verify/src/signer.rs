//! Keys held in software. They are for trying out and for small setups; a key management service
//! keeps a key from ever being copied, and is what production wants.

#[cfg(feature = "pgp")]
mod pgp;
mod pkix;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use postern_core::attestor::SignatureAlgorithm;
use postern_core::ports::{Signer, SignerKey, Unavailable};
use zeroize::Zeroizing;

use crate::pem;

pub(crate) use pkix::PrivateKey;
pub use pkix::generate_p256;

/// Why a text is no key to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Neither PEM, nor base64 of PEM, nor an armored OpenPGP secret key.
    #[error("the key is neither PEM nor an armored OpenPGP secret key, nor base64 of either: {0}")]
    NotAKey(String),
    /// PEM of something else, such as a public key or a certificate.
    #[error("the PEM holds {0}, which is no private key")]
    NotPrivate(String),
    /// OpenSSL's old encryption, which derives the key by MD5.
    #[error(
        "the key is encrypted in OpenSSL's old format; convert it: openssl pkcs8 -topk8 -in KEY \
         -out NEW"
    )]
    LegacyEncryption,
    /// An encrypted key, and no passphrase.
    #[error("the key is encrypted; give its passphrase")]
    PassphraseNeeded,
    /// Wrong passphrase, or an encryption that is not known.
    #[error(
        "the key cannot be decrypted (is the passphrase right? is it AES, as openssl pkcs8 -topk8 \
         makes it?): {0}"
    )]
    Decryption(String),
    /// A key that Binary Authorization knows no algorithm for, or a broken one.
    #[error("the private key cannot be used: {0}")]
    Unusable(String),
    /// The algorithm asked for is for other keys.
    #[error("{algorithm} was asked for, but the key is {found}")]
    AlgorithmMismatch {
        /// What was asked for.
        algorithm: SignatureAlgorithm,
        /// What the key is.
        found: String,
    },
    /// An OpenPGP key, and this program was built without OpenPGP.
    #[error("this build of the program signs with no OpenPGP keys (feature `pgp`)")]
    PgpNotBuilt,
    /// The arithmetic failed.
    #[error("signing failed: {0}")]
    Signing(String),
}

/// A private key in memory. Its secret is wiped when it is dropped and never printed.
pub struct SoftwareSigner {
    key: Key,
}

enum Key {
    Pkix(pkix::PrivateKey),
    #[cfg(feature = "pgp")]
    Pgp(Box<pgp::PrivateKey>),
}

impl SoftwareSigner {
    /// Reads a private key: PEM of PKCS#8 (encrypted or not), SEC1 (`EC PRIVATE KEY`) or PKCS#1
    /// (`RSA PRIVATE KEY`), an armored OpenPGP secret key, or base64 of any of them.
    ///
    /// An RSA key signs by the algorithm given, or else by PKCS#1 v1.5 with SHA-256; see
    /// [`SoftwareSigner::with_algorithm`]. A curve has only one.
    ///
    /// # Errors
    /// Says what is wrong with the text, the passphrase or the algorithm; never quotes the key.
    pub fn from_pem(
        text: &str,
        passphrase: Option<&str>,
        algorithm: Option<SignatureAlgorithm>,
    ) -> Result<Self, SignerError> {
        let decoded = undo_base64(text)?;
        let text = decoded.as_ref().map_or(text, |decoded| decoded.as_str());
        if text.contains("-----BEGIN PGP ") {
            return Self::pgp(text, passphrase);
        }
        let key = pkix::PrivateKey::from_pem(text, passphrase)?;
        let signer = Self {
            key: Key::Pkix(key),
        };
        match algorithm {
            Some(algorithm) => signer.with_algorithm(algorithm),
            None => Ok(signer),
        }
    }

    /// The same key, signing by this algorithm: an RSA key signs by whichever the attestor states
    /// for its public half.
    ///
    /// # Errors
    /// If the algorithm is for another kind or size of key.
    pub fn with_algorithm(self, algorithm: SignatureAlgorithm) -> Result<Self, SignerError> {
        let key = match self.key {
            Key::Pkix(key) => Key::Pkix(key.with_algorithm(algorithm)?),
            #[cfg(feature = "pgp")]
            Key::Pgp(_) => {
                return Err(SignerError::AlgorithmMismatch {
                    algorithm,
                    found: "an OpenPGP key".to_owned(),
                });
            }
        };
        Ok(Self { key })
    }

    /// The algorithm; `None` for OpenPGP.
    pub fn algorithm(&self) -> Option<SignatureAlgorithm> {
        match &self.key {
            Key::Pkix(key) => Some(key.algorithm()),
            #[cfg(feature = "pgp")]
            Key::Pgp(_) => None,
        }
    }

    /// The public half.
    ///
    /// # Errors
    /// If it cannot be written out.
    pub fn public_half(&self) -> Result<SignerKey, SignerError> {
        match &self.key {
            Key::Pkix(key) => key.public_pem().map(SignerKey::Pkix),
            #[cfg(feature = "pgp")]
            Key::Pgp(key) => key.public_armored().map(SignerKey::Pgp),
        }
    }

    /// Signs a payload: DER for ECDSA, raw for RSA, and for OpenPGP an armored attached message like
    /// that of `gpg --armor --sign`, dated `at`.
    ///
    /// # Errors
    /// If the arithmetic fails.
    pub fn sign_at(&self, payload: &[u8], at: Timestamp) -> Result<Vec<u8>, SignerError> {
        #[cfg(not(feature = "pgp"))]
        let _ = at;
        match &self.key {
            Key::Pkix(key) => key.sign(payload),
            #[cfg(feature = "pgp")]
            Key::Pgp(key) => key.sign(payload, at),
        }
    }

    #[cfg(feature = "pgp")]
    fn pgp(text: &str, passphrase: Option<&str>) -> Result<Self, SignerError> {
        let key = pgp::PrivateKey::from_armored(text, passphrase)?;
        Ok(Self {
            key: Key::Pgp(Box::new(key)),
        })
    }

    #[cfg(not(feature = "pgp"))]
    fn pgp(_text: &str, _passphrase: Option<&str>) -> Result<Self, SignerError> {
        Err(SignerError::PgpNotBuilt)
    }
}

impl std::fmt::Debug for SoftwareSigner {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareSigner")
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for SoftwareSigner {
    async fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, Unavailable> {
        self.sign_at(payload, Timestamp::now())
            .map_err(|error| Unavailable::new("software key", error))
    }

    async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        self.public_half()
            .map_err(|error| Unavailable::new("software key", error))
    }
}

/// The text inside, where the whole is base64 of a text, as secret stores like to have it.
fn undo_base64(text: &str) -> Result<Option<Zeroizing<String>>, SignerError> {
    if text.contains("-----BEGIN ") {
        return Ok(None);
    }
    if text.len() > 2 * pem::MAX_TEXT {
        return Err(SignerError::NotAKey("the text is too long".to_owned()));
    }
    let compact: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let not_a_key = || SignerError::NotAKey("there is no -----BEGIN …----- line".to_owned());
    let bytes = Zeroizing::new(
        STANDARD
            .decode(compact.as_bytes())
            .map_err(|_| not_a_key())?,
    );
    let inner = std::str::from_utf8(&bytes).map_err(|_| not_a_key())?;
    if !inner.contains("-----BEGIN ") {
        return Err(not_a_key());
    }
    Ok(Some(Zeroizing::new(inner.to_owned())))
}

#[cfg(test)]
mod tests;
