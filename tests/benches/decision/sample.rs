//! One attested image: synthetic, with a key made for this run.

use std::path::Path;

use jiff::Timestamp;
use postern_core::attestor::{Attestor, SignatureAlgorithm};
use postern_core::bytes::Base64;
use postern_core::image::{Digest, ImageReference};
use postern_core::occurrence::{ATTESTATION, Attestation, Occurrence, Signature};
use postern_core::payload::signature_payload;
use postern_core::policy::Policy;
use postern_tests::openssl::{self, KeyPair};
use postern_verify::TrustedAttestor;
use postern_verify::signer::SoftwareSigner;
use serde_json::json;

const ATTESTOR: &str = "projects/demo-project/attestors/built-by-ci";
const NOTE: &str = "projects/demo-project/notes/built-by-ci";
const IMAGE: &str = "us-docker.pkg.dev/demo-project/repo/app";

/// An image, what a policy asks of it, and the attestation that satisfies it.
pub(crate) struct Sample {
    pub(crate) algorithm: SignatureAlgorithm,
    /// PEM of the attestor's only key.
    pub(crate) public_key: String,
    pub(crate) image: ImageReference,
    pub(crate) policy: Policy,
    pub(crate) attestor: Attestor,
    pub(crate) occurrence: Occurrence,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Sample {
    pub(crate) fn p256(keys: &Path) -> Self {
        let pair = openssl::ec_key(keys, "P-256");
        Self::of(&pair, SignatureAlgorithm::EcdsaP256Sha256)
    }

    /// With an RSA key of 4096 bits.
    pub(crate) fn rsa(keys: &Path, algorithm: SignatureAlgorithm) -> Self {
        Self::of(&openssl::rsa_key(keys, 4096), algorithm)
    }

    fn of(pair: &KeyPair, algorithm: SignatureAlgorithm) -> Self {
        let private = std::fs::read_to_string(&pair.private).unwrap();
        let public_key = std::fs::read_to_string(&pair.public).unwrap();
        let digest = Digest::of(b"a synthetic image");
        let image = ImageReference::parse(&format!("{IMAGE}@{digest}")).unwrap();
        let payload = signature_payload(&image, &digest);
        let signer = SoftwareSigner::from_pem(&private, None, Some(algorithm)).unwrap();
        let signature = signer.sign_at(&payload, Timestamp::UNIX_EPOCH).unwrap();
        let attestor = attestor(&public_key, algorithm);
        let key_id = TrustedAttestor::new(&attestor).keys()[0].id().to_owned();
        let occurrence = Occurrence {
            name: Some("projects/demo-project/occurrences/1".to_owned()),
            kind: Some(ATTESTATION.to_owned()),
            note_name: NOTE.parse().unwrap(),
            resource_uri: image.to_string(),
            attestation: Some(Attestation {
                serialized_payload: Base64(payload.clone()),
                signatures: vec![Signature {
                    public_key_id: key_id,
                    signature: Base64(signature.clone()),
                }],
            }),
            create_time: None,
        };
        Self {
            algorithm,
            public_key,
            image,
            policy: policy(),
            attestor,
            occurrence,
            payload,
            signature,
        }
    }
}

fn policy() -> Policy {
    let policy = json!({"defaultAdmissionRule": {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBy": [ATTESTOR],
    }});
    serde_json::from_value(policy).unwrap()
}

fn attestor(public_key: &str, algorithm: SignatureAlgorithm) -> Attestor {
    let attestor = json!({"name": ATTESTOR, "userOwnedGrafeasNote": {
        "noteReference": NOTE,
        "publicKeys": [{"pkixPublicKey": {
            "publicKeyPem": public_key, "signatureAlgorithm": algorithm,
        }}],
    }});
    serde_json::from_value(attestor).unwrap()
}
