//! Keys of AWS KMS (`GetPublicKey`, `Sign` of the API of 2014-11-01).

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Region;
use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeyUsageType, MessageType, SigningAlgorithmSpec};
use postern_core::attestor::{Attestor, PkixPublicKey, SignatureAlgorithm};
use postern_core::bytes::Base64;
use postern_core::ports::{Signer, SignerKey, Unavailable};
use tokio::sync::OnceCell;

use crate::failure::explain;
use crate::reference::KmsReference;
use crate::session::Session;

/// The longest message that `Sign` takes as it is.
const MAX_MESSAGE: usize = 4096;

/// An asymmetric key of AWS KMS. Nothing is asked before it is needed.
///
/// Its public half is read once: an alias that is moved to another key afterwards is followed by a
/// new `KmsKey` only, so that what signs is what was compared with the attestor.
#[derive(Debug)]
pub struct KmsKey {
    client: Client,
    reference: KmsReference,
    public: OnceCell<PublicHalf>,
}

#[derive(Debug)]
struct PublicHalf {
    /// The ARN, whatever the reference was.
    key_id: String,
    /// DER of the SubjectPublicKeyInfo.
    der: Vec<u8>,
    algorithms: Vec<SigningAlgorithmSpec>,
}

impl KmsKey {
    /// The key of this reference. The region of an ARN and the endpoint of the reference stand over
    /// those of the session.
    pub fn new(session: &Session, reference: KmsReference) -> Self {
        let mut config = aws_sdk_kms::config::Builder::from(session.sdk());
        if let Some(region) = reference.region() {
            config = config.region(Region::new(region.to_owned()));
        }
        if let Some(url) = reference.endpoint_url() {
            config = config.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(config.build()),
            reference,
            public: OnceCell::new(),
        }
    }

    /// A signer with this key that uses the algorithm which the attestor states for it.
    pub fn signer(self: &Arc<Self>, attestor: &Attestor) -> KmsSigner {
        let keys = &attestor.user_owned_grafeas_note.public_keys;
        KmsSigner {
            key: Arc::clone(self),
            by: By::Attestor(
                keys.iter()
                    .filter_map(|key| key.pkix_public_key.clone())
                    .collect(),
            ),
        }
    }

    /// A signer with this key in nobody's name, by this algorithm.
    pub fn signer_by(self: &Arc<Self>, algorithm: SignatureAlgorithm) -> KmsSigner {
        KmsSigner {
            key: Arc::clone(self),
            by: By::Algorithm(algorithm),
        }
    }

    /// The public half: PEM of the SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// If KMS does not answer, refuses, or the key is not for signing.
    pub async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        Ok(SignerKey::Pkix(pem(&self.public().await?.der)))
    }

    async fn public(&self) -> Result<&PublicHalf, Unavailable> {
        self.public.get_or_try_init(|| self.fetch_public()).await
    }

    async fn fetch_public(&self) -> Result<PublicHalf, Unavailable> {
        let request = self.client.get_public_key().key_id(self.reference.key_id());
        let answer = request
            .send()
            .await
            .map_err(|error| self.outage(explain(&error, "kms:GetPublicKey", &self.resource())))?;
        if answer
            .key_usage()
            .is_some_and(|usage| *usage != KeyUsageType::SignVerify)
        {
            return Err(self.outage("the key is not for signing (SIGN_VERIFY); make one that is"));
        }
        complete(answer).ok_or_else(|| self.outage("GetPublicKey answered without a key"))
    }

    async fn sign(
        &self,
        public: &PublicHalf,
        message: &[u8],
        algorithm: SigningAlgorithmSpec,
    ) -> Result<Vec<u8>, Unavailable> {
        let answer = self
            .client
            .sign()
            .key_id(&public.key_id)
            .message(Blob::new(message))
            .message_type(MessageType::Raw)
            .signing_algorithm(algorithm)
            .send()
            .await
            .map_err(|error| self.outage(explain(&error, "kms:Sign", &self.resource())))?;
        match answer.signature {
            Some(signature) => Ok(signature.into_inner()),
            None => Err(self.outage("Sign answered without a signature")),
        }
    }

    fn resource(&self) -> String {
        format!("key {}", self.reference.key_id())
    }

    fn outage(&self, message: impl ToString) -> Unavailable {
        Unavailable::new(format!("AWS KMS {}", self.reference), message)
    }
}

fn complete(answer: GetPublicKeyOutput) -> Option<PublicHalf> {
    Some(PublicHalf {
        key_id: answer.key_id?,
        der: answer.public_key?.into_inner(),
        algorithms: answer.signing_algorithms.unwrap_or_default(),
    })
}

/// Signs with a [`KmsKey`] by one algorithm.
#[derive(Debug)]
pub struct KmsSigner {
    key: Arc<KmsKey>,
    by: By,
}

/// Who says which algorithm it is.
#[derive(Debug)]
enum By {
    /// The attestor in whose name is signed, by these public keys.
    Attestor(Vec<PkixPublicKey>),
    /// Whoever made the signer.
    Algorithm(SignatureAlgorithm),
}

impl KmsSigner {
    /// The algorithm to sign by, if the key has it.
    fn algorithm(&self, public: &PublicHalf) -> Result<SigningAlgorithmSpec, String> {
        let (stated, who, remedy) = match &self.by {
            By::Attestor(keys) => {
                let stated = stated(keys, public)?;
                (stated, "the attestor states", "correct the attestor")
            }
            By::Algorithm(algorithm) => (*algorithm, "what is signed takes", "name another key"),
        };
        let algorithm = in_kms(stated);
        if !public.algorithms.contains(&algorithm) {
            return Err(format!(
                "{who} {stated}, and the key signs by {} only; {remedy}",
                names(&public.algorithms)
            ));
        }
        Ok(algorithm)
    }
}

#[async_trait]
impl Signer for KmsSigner {
    async fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, Unavailable> {
        if payload.len() > MAX_MESSAGE {
            let size = payload.len();
            return Err(self.key.outage(format_args!(
                "the payload has {size} bytes, and KMS signs at most {MAX_MESSAGE}"
            )));
        }
        let public = self.key.public().await?;
        let algorithm = self.algorithm(public).map_err(|why| self.key.outage(why))?;
        self.key.sign(public, payload, algorithm).await
    }

    async fn public_key(&self) -> Result<SignerKey, Unavailable> {
        self.key.public_key().await
    }
}

/// The algorithm that an attestor states for this key.
fn stated(keys: &[PkixPublicKey], public: &PublicHalf) -> Result<SignatureAlgorithm, &'static str> {
    keys.iter()
        .find(|key| key.der().as_ref() == Some(&public.der))
        .map(|key| key.signature_algorithm)
        .ok_or("the attestor has no such key; add it, or name the key that it has")
}

fn names(algorithms: &[SigningAlgorithmSpec]) -> String {
    let names: Vec<&str> = algorithms
        .iter()
        .map(SigningAlgorithmSpec::as_str)
        .collect();
    names.join(", ")
}

/// What KMS calls the algorithm. Which curve or size it is for, the key itself says.
const fn in_kms(algorithm: SignatureAlgorithm) -> SigningAlgorithmSpec {
    use SignatureAlgorithm as A;
    use SigningAlgorithmSpec as S;
    match algorithm {
        A::EcdsaP256Sha256 => S::EcdsaSha256,
        A::EcdsaP384Sha384 => S::EcdsaSha384,
        A::EcdsaP521Sha512 => S::EcdsaSha512,
        A::RsaPss2048Sha256 | A::RsaPss3072Sha256 | A::RsaPss4096Sha256 => S::RsassaPssSha256,
        A::RsaPss4096Sha512 => S::RsassaPssSha512,
        A::RsaPkcs1_2048Sha256 | A::RsaPkcs1_3072Sha256 | A::RsaPkcs1_4096Sha256 => {
            S::RsassaPkcs1V15Sha256
        }
        A::RsaPkcs1_4096Sha512 => S::RsassaPkcs1V15Sha512,
    }
}

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// RFC 7468 §13.
fn pem(der: &[u8]) -> String {
    let body = Base64::encode(der);
    let mut text = format!("{BEGIN}\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every byte ends a character.
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + END + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der_of(public_key_pem: String) -> Option<Vec<u8>> {
        let signature_algorithm = SignatureAlgorithm::EcdsaP256Sha256;
        let key = PkixPublicKey {
            public_key_pem,
            signature_algorithm,
            key_id: None,
        };
        key.der()
    }

    #[test]
    fn pem_has_lines_of_64_and_comes_back() {
        let der: Vec<u8> = (0..=90).collect();
        let text = pem(&der);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(text.lines().count(), 4);
        assert_eq!(der_of(text), Some(der));
    }

    #[test]
    fn windows_line_ends_do_not_matter() {
        let text = pem(b"synthetic").replace('\n', "\r\n");
        assert_eq!(der_of(text).as_deref(), Some(&b"synthetic"[..]));
    }
}
