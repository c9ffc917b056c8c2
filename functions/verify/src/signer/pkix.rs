//! ECDSA and RSA keys in memory. aws-lc-rs holds them and does the arithmetic.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding};
use der::Decode as _;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use postern_core::attestor::SignatureAlgorithm;
use zeroize::Zeroizing;

use super::SignerError;
use crate::pem;
use crate::pkix::KeyKind;

/// A private key and the algorithm that it signs by.
pub(crate) struct PrivateKey {
    pair: Pair,
    algorithm: SignatureAlgorithm,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl PrivateKey {
    /// Reads PKCS#8, encrypted PKCS#8, SEC1 or PKCS#1.
    pub(super) fn from_pem(text: &str, passphrase: Option<&str>) -> Result<Self, SignerError> {
        let blocks = pem::blocks(text).map_err(SignerError::NotAKey)?;
        // `openssl ecparam -genkey` puts the curve's parameters in front of the key.
        let mut keys = blocks
            .into_iter()
            .filter(|block| block.label != "EC PARAMETERS");
        let (Some(block), None) = (keys.next(), keys.next()) else {
            return Err(SignerError::NotAKey(
                "expected exactly one PEM block".to_owned(),
            ));
        };
        if block.legacy_encrypted {
            return Err(SignerError::LegacyEncryption);
        }
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.content),
            "ENCRYPTED PRIVATE KEY" => Self::from_pkcs8(&decrypt(&block.content, passphrase)?),
            "EC PRIVATE KEY" => Self::from_sec1(&block.content),
            "RSA PRIVATE KEY" => Self::rsa(RsaKeyPair::from_der(&block.content)),
            label => Err(SignerError::NotPrivate(postern_core::image::shortened(
                label,
            ))),
        }
    }

    /// A new key for an algorithm.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn generate(algorithm: SignatureAlgorithm) -> Result<Self, SignerError> {
        let failed = |_| SignerError::Signing("no key could be generated".to_owned());
        let pair = match KeyKind::of_algorithm(algorithm) {
            KeyKind::Rsa(bits) => Pair::Rsa(RsaKeyPair::generate(rsa_size(bits)?).map_err(failed)?),
            kind => Pair::Ecdsa(EcdsaKeyPair::generate(ecdsa(kind)?.1).map_err(failed)?),
        };
        Ok(Self { pair, algorithm })
    }

    /// The key in DER (PKCS#8).
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SignerError> {
        let failed = |_| SignerError::Unusable("it cannot be written".to_owned());
        Ok(Zeroizing::new(match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                pkcs8.as_ref().to_vec()
            }
        }))
    }

    pub(super) const fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    pub(crate) fn with_algorithm(self, algorithm: SignatureAlgorithm) -> Result<Self, SignerError> {
        let kind = KeyKind::of_algorithm(self.algorithm);
        if KeyKind::of_algorithm(algorithm) != kind {
            let found = kind.to_string();
            return Err(SignerError::AlgorithmMismatch { algorithm, found });
        }
        Ok(Self { algorithm, ..self })
    }

    pub(crate) fn public_pem(&self) -> Result<String, SignerError> {
        let spki: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        }
        .map_err(|_| SignerError::Unusable("its public half cannot be written".to_owned()))?;
        Ok(pem::encode("PUBLIC KEY", spki.as_ref()).to_string())
    }

    pub(super) fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let random = SystemRandom::new();
        let failed = |_| SignerError::Signing("the key made no signature".to_owned());
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, payload).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    rsa_encoding(self.algorithm),
                    &random,
                    payload,
                    &mut signature,
                )
                .map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// Signs what has this digest.
    ///
    /// # Errors
    /// If it is none of the algorithm's hash.
    pub(crate) fn sign_digest(&self, digest: &[u8]) -> Result<Vec<u8>, SignerError> {
        let digest = Digest::import_less_safe(digest, hash(self.algorithm)).map_err(|_| {
            SignerError::Signing(format!(
                "the digest is none that {} is made of",
                self.algorithm
            ))
        })?;
        let failed = |_| SignerError::Signing("the key made no signature".to_owned());
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign_digest(&digest).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(rsa_encoding(self.algorithm), &digest, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
        }
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignerError> {
        let info = PrivateKeyInfoRef::try_from(pkcs8)
            .map_err(|error| SignerError::Unusable(format!("it is no PKCS#8: {error}")))?;
        if info.algorithm.oid == crate::pkix::RSA_ENCRYPTION {
            return Self::rsa(RsaKeyPair::from_pkcs8(pkcs8));
        }
        let curve = info
            .algorithm
            .parameters_oid()
            .map_err(|_| unknown_kind())?;
        let (algorithm, signing) = ecdsa(KeyKind::of_curve(curve))?;
        Self::ecdsa(algorithm, EcdsaKeyPair::from_pkcs8(signing, pkcs8))
    }

    fn from_sec1(sec1: &[u8]) -> Result<Self, SignerError> {
        let key = sec1::EcPrivateKey::from_der(sec1)
            .map_err(|error| SignerError::Unusable(format!("it is no SEC1 key: {error}")))?;
        let curve = key
            .parameters
            .and_then(|parameters| parameters.named_curve());
        let (algorithm, signing) = ecdsa(KeyKind::of_curve(curve.ok_or_else(unknown_kind)?))?;
        Self::ecdsa(algorithm, EcdsaKeyPair::from_private_key_der(signing, sec1))
    }

    fn ecdsa(
        algorithm: SignatureAlgorithm,
        pair: Result<EcdsaKeyPair, aws_lc_rs::error::KeyRejected>,
    ) -> Result<Self, SignerError> {
        let pair = Pair::Ecdsa(pair.map_err(|error| SignerError::Unusable(error.to_string()))?);
        Ok(Self { pair, algorithm })
    }

    fn rsa(pair: Result<RsaKeyPair, aws_lc_rs::error::KeyRejected>) -> Result<Self, SignerError> {
        let pair = pair.map_err(|error| SignerError::Unusable(error.to_string()))?;
        let algorithm = match pair.public_modulus_len() * 8 {
            2048 => SignatureAlgorithm::RsaPkcs1_2048Sha256,
            3072 => SignatureAlgorithm::RsaPkcs1_3072Sha256,
            4096 => SignatureAlgorithm::RsaPkcs1_4096Sha256,
            bits => {
                let why = format!("RSA keys of 2048, 3072 and 4096 bits sign, not of {bits}");
                return Err(SignerError::Unusable(why));
            }
        };
        Ok(Self {
            pair: Pair::Rsa(pair),
            algorithm,
        })
    }
}

/// A new P-256 key: PEM of the private key (PKCS#8) and of the public key.
///
/// # Errors
/// If the system has no randomness.
pub fn generate_p256() -> Result<(Zeroizing<String>, String), SignerError> {
    let failed = |_| SignerError::Signing("no key could be generated".to_owned());
    let pair =
        EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(failed)?;
    let private = pem::encode("PRIVATE KEY", pkcs8.as_ref());
    let public = PrivateKey::ecdsa(SignatureAlgorithm::EcdsaP256Sha256, Ok(pair))?.public_pem()?;
    Ok((private, public))
}

fn decrypt(encrypted: &[u8], passphrase: Option<&str>) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let passphrase = passphrase.ok_or(SignerError::PassphraseNeeded)?;
    let decryption = |error: pkcs8::Error| SignerError::Decryption(error.to_string());
    let info = EncryptedPrivateKeyInfoRef::try_from(encrypted)
        .map_err(|error| SignerError::Decryption(error.to_string()))?;
    let document = info.decrypt(passphrase).map_err(decryption)?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

fn ecdsa(
    kind: KeyKind,
) -> Result<(SignatureAlgorithm, &'static EcdsaSigningAlgorithm), SignerError> {
    match kind {
        KeyKind::P256 => Ok((
            SignatureAlgorithm::EcdsaP256Sha256,
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        )),
        KeyKind::P384 => Ok((
            SignatureAlgorithm::EcdsaP384Sha384,
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
        )),
        KeyKind::P521 => Ok((
            SignatureAlgorithm::EcdsaP521Sha512,
            &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        )),
        KeyKind::Rsa(_) | KeyKind::Other(_) => Err(unknown_kind()),
    }
}

fn rsa_size(bits: usize) -> Result<KeySize, SignerError> {
    match bits {
        2048 => Ok(KeySize::Rsa2048),
        3072 => Ok(KeySize::Rsa3072),
        4096 => Ok(KeySize::Rsa4096),
        _ => Err(unknown_kind()),
    }
}

/// The hash that an algorithm signs.
fn hash(algorithm: SignatureAlgorithm) -> &'static digest::Algorithm {
    use SignatureAlgorithm as A;
    match algorithm {
        A::EcdsaP384Sha384 => &digest::SHA384,
        A::EcdsaP521Sha512 | A::RsaPss4096Sha512 | A::RsaPkcs1_4096Sha512 => &digest::SHA512,
        _ => &digest::SHA256,
    }
}

fn unknown_kind() -> SignerError {
    SignerError::Unusable("only RSA, P-256, P-384 and P-521 keys sign attestations".to_owned())
}

fn rsa_encoding(algorithm: SignatureAlgorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        SignatureAlgorithm::RsaPss2048Sha256
        | SignatureAlgorithm::RsaPss3072Sha256
        | SignatureAlgorithm::RsaPss4096Sha256 => &signature::RSA_PSS_SHA256,
        SignatureAlgorithm::RsaPss4096Sha512 => &signature::RSA_PSS_SHA512,
        SignatureAlgorithm::RsaPkcs1_4096Sha512 => &signature::RSA_PKCS1_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}
