//! PKIX public keys: one key, one algorithm, no choices left to whoever signs.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPssSaltLength};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode as _, Reader as _, SliceReader};
use pkcs8::spki::SubjectPublicKeyInfoRef;
use postern_core::attestor::SignatureAlgorithm;

use crate::error::{KeyError, SignatureError};
use crate::key_id::pkix_key_id;
use crate::pem;

/// The largest DER SubjectPublicKeyInfo that is read: RSA 4096 takes 550 bytes.
const MAX_SPKI: usize = 1024;

/// A public key that verifies one algorithm.
#[derive(Clone)]
pub struct PkixKey {
    algorithm: SignatureAlgorithm,
    key: ParsedPublicKey,
}

impl PkixKey {
    /// Reads the PEM of a SubjectPublicKeyInfo, which must hold exactly the kind and size of key that
    /// the algorithm is for.
    ///
    /// # Errors
    /// Says what is wrong with the key; a key of another kind is named beside the stated one.
    pub fn from_pem(text: &str, algorithm: SignatureAlgorithm) -> Result<Self, KeyError> {
        Self::from_spki(&spki_of_pem(text)?, algorithm)
    }

    /// Reads a DER SubjectPublicKeyInfo, as [`PkixKey::from_pem`] does.
    ///
    /// # Errors
    /// As [`PkixKey::from_pem`].
    pub fn from_spki(spki: &[u8], algorithm: SignatureAlgorithm) -> Result<Self, KeyError> {
        let kind = KeyKind::of_spki(spki)?;
        if kind != KeyKind::of_algorithm(algorithm) {
            return Err(KeyError::AlgorithmMismatch {
                stated: algorithm,
                found: kind.to_string(),
            });
        }
        let key = parse(spki, algorithm).map_err(|_| KeyError::Rejected(kind.to_string()))?;
        Ok(Self { algorithm, key })
    }

    /// The one algorithm that it verifies.
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        self.key.as_ref()
    }

    /// The id that it has where none was chosen: `ni:///sha-256;…`.
    pub fn id(&self) -> String {
        pkix_key_id(self.spki())
    }

    /// Verifies a signature over a message: strict DER for ECDSA, exactly the modulus' length for
    /// RSA, and for RSA-PSS a salt exactly as long as the digest.
    ///
    /// # Errors
    /// Tells bytes that are no signature from a signature that is wrong.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        check_form(self.algorithm, signature)?;
        self.key
            .verify_sig(message, signature)
            .map_err(|_| self.why_not(message, signature))
    }

    /// A PSS salt of the greatest length is what OpenSSL makes unless told otherwise: common enough
    /// to be worth a second look.
    fn why_not(&self, message: &[u8], signature: &[u8]) -> SignatureError {
        if let Some((longest, expected)) = longest_salt(self.algorithm)
            && ParsedPublicKey::new(longest, self.spki())
                .is_ok_and(|key| key.verify_sig(message, signature).is_ok())
        {
            return SignatureError::SaltLength { expected };
        }
        SignatureError::Invalid(format!(
            "not {} by this key over these bytes",
            self.algorithm
        ))
    }
}

impl std::fmt::Debug for PkixKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PkixKey({}, {})", self.algorithm, self.id())
    }
}

/// The kind of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// ECDSA on NIST P-256.
    P256,
    /// ECDSA on NIST P-384.
    P384,
    /// ECDSA on NIST P-521.
    P521,
    /// RSA with a modulus of so many bits.
    Rsa(usize),
    /// A key that Binary Authorization knows no algorithm for.
    Other(ObjectIdentifier),
}

/// RFC 5480.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8017.
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

impl KeyKind {
    /// The kind of key in a DER SubjectPublicKeyInfo.
    pub(crate) fn of_spki(spki: &[u8]) -> Result<Self, KeyError> {
        if spki.len() > MAX_SPKI {
            return Err(KeyError::TooLarge {
                size: spki.len(),
                limit: MAX_SPKI,
            });
        }
        let not_spki = |error: der::Error| KeyError::NotSpki(error.to_string());
        let info = SubjectPublicKeyInfoRef::from_der(spki)
            .map_err(|error| KeyError::NotSpki(error.to_string()))?;
        match info.algorithm.oid {
            EC_PUBLIC_KEY => {
                let curve = info
                    .algorithm
                    .parameters_oid()
                    .map_err(|_| KeyError::NotSpki("the curve is not given by name".to_owned()))?;
                Ok(Self::of_curve(curve))
            }
            RSA_ENCRYPTION => {
                if !info.algorithm.parameters.is_some_and(|p| p.is_null()) {
                    return Err(KeyError::NotSpki("RSA takes NULL parameters".to_owned()));
                }
                let key = info.subject_public_key.as_bytes();
                let key = key.ok_or_else(|| KeyError::NotSpki("unused bits".to_owned()))?;
                rsa_kind(key).map_err(not_spki)?
            }
            other => Ok(Self::Other(other)),
        }
    }

    /// The kind of key on a named curve.
    pub(crate) fn of_curve(curve: ObjectIdentifier) -> Self {
        match curve {
            SECP256R1 => Self::P256,
            SECP384R1 => Self::P384,
            SECP521R1 => Self::P521,
            other => Self::Other(other),
        }
    }

    /// The kind of key that an algorithm is for.
    pub(crate) const fn of_algorithm(algorithm: SignatureAlgorithm) -> Self {
        match algorithm {
            SignatureAlgorithm::EcdsaP256Sha256 => Self::P256,
            SignatureAlgorithm::EcdsaP384Sha384 => Self::P384,
            SignatureAlgorithm::EcdsaP521Sha512 => Self::P521,
            SignatureAlgorithm::RsaPss2048Sha256 | SignatureAlgorithm::RsaPkcs1_2048Sha256 => {
                Self::Rsa(2048)
            }
            SignatureAlgorithm::RsaPss3072Sha256 | SignatureAlgorithm::RsaPkcs1_3072Sha256 => {
                Self::Rsa(3072)
            }
            SignatureAlgorithm::RsaPss4096Sha256
            | SignatureAlgorithm::RsaPss4096Sha512
            | SignatureAlgorithm::RsaPkcs1_4096Sha256
            | SignatureAlgorithm::RsaPkcs1_4096Sha512 => Self::Rsa(4096),
        }
    }
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::P256 => f.write_str("EC P-256"),
            Self::P384 => f.write_str("EC P-384"),
            Self::P521 => f.write_str("EC P-521"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Other(oid) => write!(f, "of the kind {oid}"),
        }
    }
}

/// The one DER SubjectPublicKeyInfo of a PEM text.
pub(crate) fn spki_of_pem(text: &str) -> Result<Vec<u8>, KeyError> {
    let blocks = pem::blocks(text).map_err(KeyError::NotPem)?;
    match &blocks[..] {
        [block] if block.label == "PUBLIC KEY" => Ok(block.content.to_vec()),
        [block] => Err(KeyError::WrongBlock {
            found: postern_core::image::shortened(&block.label),
        }),
        _ => Err(KeyError::NotPem(format!(
            "{} blocks; expected one",
            blocks.len()
        ))),
    }
}

/// Reads an RSAPublicKey (RFC 8017, A.1.1). The outer result is about the encoding.
fn rsa_kind(key: &[u8]) -> der::Result<Result<KeyKind, KeyError>> {
    let mut reader = SliceReader::new(key)?;
    let (bits, exponent_ok) = reader.sequence(|sequence| {
        let modulus = UintRef::decode(sequence)?;
        let exponent = UintRef::decode(sequence)?;
        Ok::<_, der::Error>((
            bit_length(modulus.as_bytes()),
            is_sound(exponent.as_bytes()),
        ))
    })?;
    reader.finish()?;
    Ok(if exponent_ok {
        Ok(KeyKind::Rsa(bits))
    } else {
        Err(KeyError::RsaExponent)
    })
}

fn bit_length(number: &[u8]) -> usize {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(leading as usize)
}

fn is_sound(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|byte| byte & 1 == 1);
    odd && exponent != [1] && bit_length(exponent) <= 33
}

fn parse(
    spki: &[u8],
    algorithm: SignatureAlgorithm,
) -> Result<ParsedPublicKey, aws_lc_rs::error::KeyRejected> {
    match algorithm {
        SignatureAlgorithm::EcdsaP256Sha256 => {
            ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, spki)
        }
        SignatureAlgorithm::EcdsaP384Sha384 => {
            ParsedPublicKey::new(&signature::ECDSA_P384_SHA384_ASN1, spki)
        }
        SignatureAlgorithm::EcdsaP521Sha512 => {
            ParsedPublicKey::new(&signature::ECDSA_P521_SHA512_ASN1, spki)
        }
        SignatureAlgorithm::RsaPss2048Sha256
        | SignatureAlgorithm::RsaPss3072Sha256
        | SignatureAlgorithm::RsaPss4096Sha256 => {
            ParsedPublicKey::new(&signature::RSA_PSS_2048_8192_SHA256, spki)
        }
        SignatureAlgorithm::RsaPss4096Sha512 => {
            ParsedPublicKey::new(&signature::RSA_PSS_2048_8192_SHA512, spki)
        }
        SignatureAlgorithm::RsaPkcs1_2048Sha256
        | SignatureAlgorithm::RsaPkcs1_3072Sha256
        | SignatureAlgorithm::RsaPkcs1_4096Sha256 => {
            ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, spki)
        }
        SignatureAlgorithm::RsaPkcs1_4096Sha512 => {
            ParsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA512, spki)
        }
    }
}

const LONGEST_SALT_SHA256: RsaParameters =
    signature::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
const LONGEST_SALT_SHA512: RsaParameters =
    signature::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(RsaPssSaltLength::Max);

/// For RSA-PSS: verification with the longest salt, and the length that is accepted.
fn longest_salt(algorithm: SignatureAlgorithm) -> Option<(&'static RsaParameters, usize)> {
    match algorithm {
        SignatureAlgorithm::RsaPss2048Sha256
        | SignatureAlgorithm::RsaPss3072Sha256
        | SignatureAlgorithm::RsaPss4096Sha256 => Some((&LONGEST_SALT_SHA256, 32)),
        SignatureAlgorithm::RsaPss4096Sha512 => Some((&LONGEST_SALT_SHA512, 64)),
        _ => None,
    }
}

/// Whether the bytes are a signature of this algorithm at all.
fn check_form(algorithm: SignatureAlgorithm, signature: &[u8]) -> Result<(), SignatureError> {
    match KeyKind::of_algorithm(algorithm) {
        KeyKind::P256 => check_ecdsa_form(signature, 32),
        KeyKind::P384 => check_ecdsa_form(signature, 48),
        KeyKind::P521 => check_ecdsa_form(signature, 66),
        KeyKind::Rsa(bits) if signature.len() != bits / 8 => Err(SignatureError::Malformed(
            format!("{} bytes; {algorithm} makes {}", signature.len(), bits / 8),
        )),
        KeyKind::Rsa(_) | KeyKind::Other(_) => Ok(()),
    }
}

/// ECDSA-Sig-Value (RFC 5480, appendix A): two positive integers in strict DER, nothing after them.
fn check_ecdsa_form(signature: &[u8], order_bytes: usize) -> Result<(), SignatureError> {
    let malformed = |error: der::Error| {
        SignatureError::Malformed(format!("no DER SEQUENCE of two positive INTEGERs: {error}"))
    };
    let mut reader = SliceReader::new(signature).map_err(malformed)?;
    let (r, s) = reader
        .sequence(|sequence| {
            Ok::<_, der::Error>((UintRef::decode(sequence)?, UintRef::decode(sequence)?))
        })
        .map_err(malformed)?;
    reader.finish().map_err(malformed)?;
    for (name, number) in [("r", r.as_bytes()), ("s", s.as_bytes())] {
        if number.iter().all(|byte| *byte == 0) {
            return Err(SignatureError::Invalid(format!("{name} is zero")));
        }
        if number.len() > order_bytes {
            return Err(SignatureError::Malformed(format!(
                "{name} is {} bytes long; this curve's numbers take {order_bytes}",
                number.len()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
