//! Keys of Google's Cloud KMS (REST v1, `cryptoKeyVersions.getPublicKey` and `.asymmetricSign`).

mod permission;
mod reference;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use postern_core::attestor::{Attestor, PkixPublicKey, SignatureAlgorithm};
use postern_core::bytes::Base64;
use postern_core::checksum::{crc32c, is_of};
use postern_core::ports::{SignerKey, Unavailable};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::sync::OnceCell;

use self::signer::By;
use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::Access;

pub use self::reference::{KmsReference, KmsReferenceError};
pub use self::signer::KmsSigner;

/// Where Cloud KMS is.
pub const KMS: &str = "https://cloudkms.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a call is made whose answer was damaged on its way (Cloud KMS, "Verify end-to-end data
/// integrity", asks for a few).
const TRIES: u32 = 3;

/// A version of an asymmetric signing key of Cloud KMS. Nothing is asked before it is needed.
///
/// Its public half never changes, and is read once.
pub struct KmsKey {
    api: Api,
    reference: KmsReference,
    public: OnceCell<PublicHalf>,
}

struct PublicHalf {
    pem: String,
    der: Vec<u8>,
    /// A version has one.
    algorithm: SignatureAlgorithm,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKey {
    #[serde(default)]
    name: String,
    #[serde(default)]
    pem: String,
    #[serde(default)]
    pem_crc32c: String,
    #[serde(default)]
    algorithm: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignRequest {
    digest: Digest,
    digest_crc32c: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Digest {
    Sha256(String),
    Sha384(String),
    Sha512(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    signature: Base64,
    #[serde(default)]
    signature_crc32c: String,
    #[serde(default)]
    verified_digest_crc32c: bool,
}

impl KmsKey {
    /// The key of this reference, at this endpoint; credentials are not shown to one that is anonymous.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(
        reference: KmsReference,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, Unavailable> {
        Ok(Self {
            api: Api::new("Cloud KMS", endpoint, credentials)?,
            reference,
            public: OnceCell::new(),
        })
    }

    /// A signer with this key, if its algorithm is the one that the attestor states for it.
    pub fn signer(self: &Arc<Self>, attestor: &Attestor) -> KmsSigner {
        let keys = &attestor.user_owned_grafeas_note.public_keys;
        let keys: Vec<PkixPublicKey> = keys
            .iter()
            .filter_map(|key| key.pkix_public_key.clone())
            .collect();
        KmsSigner::new(self, By::Attestor(keys))
    }

    /// A signer with this key in nobody's name, if its algorithm is this one.
    pub fn signer_by(self: &Arc<Self>, algorithm: SignatureAlgorithm) -> KmsSigner {
        KmsSigner::new(self, By::Algorithm(algorithm))
    }

    /// The public half: PEM of the SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// If KMS does not answer, refuses, or the key is not for signing by what is verified here.
    pub async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        Ok(SignerKey::Pkix(self.public().await?.pem.clone()))
    }

    async fn public(&self) -> Result<&PublicHalf, Unavailable> {
        self.public.get_or_try_init(|| self.fetch_public()).await
    }

    async fn fetch_public(&self) -> Result<PublicHalf, Unavailable> {
        let call = Call {
            method: Method::GET,
            path: &format!("/v1/{}/publicKey", self.reference.name()),
            query: &[],
            timeout: TIMEOUT,
            access: self.access(
                "cloudkms.cryptoKeyVersions.viewPublicKey",
                "roles/cloudkms.publicKeyViewer",
            ),
        };
        let mut damage = "";
        for _ in 0..TRIES {
            let answer: PublicKey = self.api.call(&call, None::<&()>).await?;
            match damage_of_key(&answer, self.reference.name()) {
                Some(what) => damage = what,
                None => return self.usable(answer),
            }
        }
        Err(self.damaged(damage))
    }

    /// The public half, if it is of a kind that signatures are verified with.
    fn usable(&self, answer: PublicKey) -> Result<PublicHalf, Unavailable> {
        let algorithm = serde_json::from_value(answer.algorithm.as_str().into());
        let algorithm = algorithm.map_err(|_| {
            let algorithm = postern_core::image::shortened(&answer.algorithm);
            self.failed(format_args!(
                "it is a key for {algorithm}, which attestations and checkpoints are not signed by; \
                 make one for EC_SIGN_P256_SHA256, for example"
            ))
        })?;
        let key = PkixPublicKey {
            public_key_pem: answer.pem,
            signature_algorithm: algorithm,
            key_id: None,
        };
        let der = key.der();
        Ok(PublicHalf {
            der: der.ok_or_else(|| self.failed("its public key is no PEM"))?,
            pem: key.public_key_pem,
            algorithm,
        })
    }

    /// A signature over the payload's digest, by the algorithm of the key.
    async fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        payload: &[u8],
    ) -> Result<Vec<u8>, Unavailable> {
        let request = request(algorithm, payload).ok_or_else(|| {
            self.failed(format_args!(
                "Cloud KMS has no keys that sign by {algorithm}"
            ))
        })?;
        let call = Call {
            method: Method::POST,
            path: &format!("/v1/{}:asymmetricSign", self.reference.name()),
            query: &[],
            timeout: TIMEOUT,
            access: self.access(
                "cloudkms.cryptoKeyVersions.useToSign",
                "roles/cloudkms.signer",
            ),
        };
        let mut damage = "";
        for _ in 0..TRIES {
            let answer: Signed = self.api.call(&call, Some(&request)).await?;
            match damage_of_signature(&answer, self.reference.name()) {
                Some(what) => damage = what,
                None => return Ok(answer.signature.0),
            }
        }
        Err(self.damaged(damage))
    }

    fn access(&self, permission: &'static str, role: &'static str) -> Access<'_> {
        Access {
            service: "cloudkms.googleapis.com",
            resource: self.reference.name(),
            permission,
            role,
        }
    }

    fn damaged(&self, what: &str) -> Unavailable {
        self.failed(format_args!(
            "{what}, {TRIES} times: something between here and Cloud KMS changes it"
        ))
    }

    fn failed(&self, what: impl std::fmt::Display) -> Unavailable {
        let name = self.reference.name();
        Unavailable::new(self.api.name(), format_args!("{name}: {what}"))
    }
}

/// What says that an answer is not the one that was given, or to another question.
fn damage_of_key(answer: &PublicKey, asked: &str) -> Option<&'static str> {
    if answer.name != asked {
        Some("it answered for another key")
    } else if !is_of(&answer.pem_crc32c, answer.pem.as_bytes()) {
        Some("the public key does not match its checksum")
    } else {
        None
    }
}

/// As [`damage_of_key`]; `verifiedDigestCrc32c` says that what arrived there is what was sent.
fn damage_of_signature(answer: &Signed, asked: &str) -> Option<&'static str> {
    if answer.name != asked {
        Some("it answered for another key")
    } else if !answer.verified_digest_crc32c {
        Some("it did not verify the checksum of what it was to sign")
    } else if !is_of(&answer.signature_crc32c, &answer.signature.0) {
        Some("the signature does not match its checksum")
    } else {
        None
    }
}

/// `None` for an algorithm that Cloud KMS does not have.
fn request(algorithm: SignatureAlgorithm, payload: &[u8]) -> Option<SignRequest> {
    use SignatureAlgorithm as A;
    let made = |digest: &[u8], kind: fn(String) -> Digest| SignRequest {
        digest: kind(Base64::encode(digest)),
        digest_crc32c: crc32c(digest).to_string(),
    };
    Some(match algorithm {
        A::EcdsaP256Sha256
        | A::RsaPss2048Sha256
        | A::RsaPss3072Sha256
        | A::RsaPss4096Sha256
        | A::RsaPkcs1_2048Sha256
        | A::RsaPkcs1_3072Sha256
        | A::RsaPkcs1_4096Sha256 => made(&Sha256::digest(payload), Digest::Sha256),
        A::EcdsaP384Sha384 => made(&Sha384::digest(payload), Digest::Sha384),
        A::RsaPss4096Sha512 | A::RsaPkcs1_4096Sha512 => {
            made(&Sha512::digest(payload), Digest::Sha512)
        }
        A::EcdsaP521Sha512 => return None,
    })
}

#[cfg(test)]
mod tests;
