//! The algorithms of keys, as Cloud KMS calls them.

use postern_core::attestor::SignatureAlgorithm;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::error::ApiError;

/// An algorithm that keys are made for: one that attestors can verify, and that Cloud KMS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub(super) struct Algorithm(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    algorithm: SignatureAlgorithm,
    hash: Hash,
}

/// What is signed: the digest by this hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

const fn row(name: &'static str, algorithm: SignatureAlgorithm, hash: Hash) -> Row {
    Row {
        name,
        algorithm,
        hash,
    }
}

/// By Cloud KMS's reference, `CryptoKeyVersionAlgorithm`.
static ALGORITHMS: [Row; 10] = {
    use SignatureAlgorithm as A;
    [
        row("EC_SIGN_P256_SHA256", A::EcdsaP256Sha256, Hash::Sha256),
        row("EC_SIGN_P384_SHA384", A::EcdsaP384Sha384, Hash::Sha384),
        row(
            "RSA_SIGN_PSS_2048_SHA256",
            A::RsaPss2048Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PSS_3072_SHA256",
            A::RsaPss3072Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PSS_4096_SHA256",
            A::RsaPss4096Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PSS_4096_SHA512",
            A::RsaPss4096Sha512,
            Hash::Sha512,
        ),
        row(
            "RSA_SIGN_PKCS1_2048_SHA256",
            A::RsaPkcs1_2048Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PKCS1_3072_SHA256",
            A::RsaPkcs1_3072Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PKCS1_4096_SHA256",
            A::RsaPkcs1_4096Sha256,
            Hash::Sha256,
        ),
        row(
            "RSA_SIGN_PKCS1_4096_SHA512",
            A::RsaPkcs1_4096Sha512,
            Hash::Sha512,
        ),
    ]
};

impl Algorithm {
    /// # Errors
    /// If no keys are made for it here.
    pub(super) fn named(name: &str) -> Result<Self, ApiError> {
        let known = ALGORITHMS.iter().find(|known| known.name == name);
        known.map(Self).ok_or_else(|| {
            let all: Vec<&str> = ALGORITHMS.iter().map(|known| known.name).collect();
            ApiError::invalid(format!(
                "keys for {} are not made here; the algorithm must be one of {}",
                postern_core::image::shortened(name),
                all.join(", ")
            ))
        })
    }

    pub(super) const fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) const fn signature(self) -> SignatureAlgorithm {
        self.0.algorithm
    }

    pub(super) const fn hash(self) -> Hash {
        self.0.hash
    }
}

impl TryFrom<String> for Algorithm {
    type Error = ApiError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::named(&name)
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name()
    }
}

impl Hash {
    /// The field of a request's `digest`.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of the digest, in bytes.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn of(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_attestors_keys() {
        for known in &ALGORITHMS {
            assert_eq!(known.name.parse(), Ok(known.algorithm), "{}", known.name);
            let algorithm = Algorithm::named(known.name).unwrap();
            assert!(
                known
                    .name
                    .to_lowercase()
                    .ends_with(algorithm.hash().field())
            );
            assert_eq!(algorithm.hash().of(b"").len(), algorithm.hash().length());
        }
        // Of what attestors verify, Cloud KMS lacks one.
        assert_eq!(ALGORITHMS.len() + 1, SignatureAlgorithm::ALL.len());
        assert!(Algorithm::named("EC_SIGN_ED25519").is_err());
    }
}
