//! Why a key or a signature is refused.

use jiff::Timestamp;
use postern_core::attestor::SignatureAlgorithm;
use postern_core::reason::ReasonCode;

/// Why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Larger than any key that is accepted.
    #[error("the key is {size} bytes long; at most {limit} are read")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The most that is read.
        limit: usize,
    },
    /// No PEM at all.
    #[error("the key is no PEM: {0}")]
    NotPem(String),
    /// PEM of something else.
    #[error(
        "the PEM holds {found:?}; expected one \"PUBLIC KEY\" (a SubjectPublicKeyInfo, as \
         `openssl pkey -pubout` writes it)"
    )]
    WrongBlock {
        /// The label that was found.
        found: String,
    },
    /// The PEM's content is no strict DER SubjectPublicKeyInfo.
    #[error("the PEM holds no DER SubjectPublicKeyInfo: {0}")]
    NotSpki(String),
    /// Another kind of key than was stated.
    #[error("the stated algorithm is {stated}, but the key is {found}")]
    AlgorithmMismatch {
        /// The algorithm that was stated for it.
        stated: SignatureAlgorithm,
        /// What the key is, such as `EC P-384` or `RSA 3072`.
        found: String,
    },
    /// An RSA exponent that makes forgery easy or verification slow.
    #[error("the RSA key's public exponent must be odd, at least 3 and at most 33 bits long")]
    RsaExponent,
    /// The numbers make no key: a point off the curve, a modulus of another size.
    #[error("the {0} key is not valid")]
    Rejected(String),
    /// An id inside the key that is not the one around it.
    #[error(
        "pkixPublicKey.keyId is {inner:?} and the key's id is {outer:?}; leave one of them out"
    )]
    KeyIdConflict {
        /// `pkixPublicKey.keyId`.
        inner: String,
        /// `id`.
        outer: String,
    },
    /// Neither a PKIX nor an OpenPGP key, or both.
    #[error("exactly one of pkixPublicKey and asciiArmoredPgpPublicKey must be set")]
    NotOneKey,
    /// An OpenPGP key that cannot be used.
    #[error("the OpenPGP key cannot be used: {0}")]
    Pgp(String),
    /// An OpenPGP key, and this program was built without OpenPGP.
    #[error("this build of the program reads no OpenPGP keys (feature `pgp`)")]
    PgpNotBuilt,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The bytes are no signature of this kind.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// Well-formed, and wrong.
    #[error("the signature does not verify: {0}")]
    Invalid(String),
    /// RSA-PSS with a salt of another length than the digest's.
    #[error(
        "the RSA-PSS signature has a salt as long as the key allows; only a salt as long as the \
         digest ({expected} bytes) is accepted (openssl: -sigopt rsa_pss_saltlen:digest)"
    )]
    SaltLength {
        /// The length that is accepted, in bytes.
        expected: usize,
    },
    /// Right, by a key whose validity has ended.
    #[error("the key {key} expired at {at}")]
    KeyExpired {
        /// The key's fingerprint.
        key: String,
        /// When.
        at: Timestamp,
    },
    /// Right, by a key that its owner revoked.
    #[error("the key {key} was revoked by its owner")]
    KeyRevoked {
        /// The key's fingerprint.
        key: String,
    },
}

impl SignatureError {
    /// The stable code.
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::Malformed(_) => ReasonCode::SignatureMalformed,
            Self::Invalid(_) | Self::SaltLength { .. } => ReasonCode::SignatureInvalid,
            Self::KeyExpired { .. } => ReasonCode::KeyExpired,
            Self::KeyRevoked { .. } => ReasonCode::KeyRevoked,
        }
    }
}
