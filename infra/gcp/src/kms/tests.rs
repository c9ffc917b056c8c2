//! Against a fake of Cloud KMS: a server on loopback with the two calls, which holds a key that was made
//! for the test and signs the digests that it is sent. What it signs is verified by `postern-verify`.

use std::sync::atomic::{AtomicUsize, Ordering};

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use postern_core::attestor::SignatureAlgorithm as A;
use postern_core::ports::Signer as _;
use postern_verify::PkixKey;
use rsa::pkcs8::{EncodePublicKey as _, LineEnding as RsaLineEnding};
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use serde_json::{Value, json};

use super::*;
use crate::testing::Recorder;

const VERSION: &str =
    "projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1";
const PAYLOAD: &[u8] = b"synthetic payload";

/// A private key as Cloud KMS holds one.
enum Held {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Rsa(Box<RsaPrivateKey>),
}

impl Held {
    fn p256() -> Self {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        Self::P256(p256::ecdsa::SigningKey::from_slice(&bytes).unwrap())
    }

    fn p384() -> Self {
        let mut bytes = [0; 48];
        OsRng.fill_bytes(&mut bytes);
        Self::P384(p384::ecdsa::SigningKey::from_slice(&bytes).unwrap())
    }

    fn rsa(bits: usize) -> Self {
        Self::Rsa(Box::new(RsaPrivateKey::new(&mut OsRng, bits).unwrap()))
    }

    fn pem(&self) -> String {
        match self {
            Self::P256(key) => key
                .verifying_key()
                .to_public_key_pem(LineEnding::LF)
                .unwrap(),
            Self::P384(key) => key
                .verifying_key()
                .to_public_key_pem(LineEnding::LF)
                .unwrap(),
            Self::Rsa(key) => key
                .to_public_key()
                .to_public_key_pem(RsaLineEnding::LF)
                .unwrap(),
        }
    }

    fn sign(&self, algorithm: &str, digest: &[u8]) -> Vec<u8> {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::Rsa(key) => {
                use rsa::sha2::{Sha256, Sha512};
                let mut rng = OsRng;
                let signed = match (algorithm.contains("_PSS_"), algorithm.ends_with("512")) {
                    (true, true) => key.sign_with_rng(&mut rng, Pss::new::<Sha512>(), digest),
                    (true, false) => key.sign_with_rng(&mut rng, Pss::new::<Sha256>(), digest),
                    (false, true) => key.sign(Pkcs1v15Sign::new::<Sha512>(), digest),
                    (false, false) => key.sign(Pkcs1v15Sign::new::<Sha256>(), digest),
                };
                signed.unwrap()
            }
        }
    }
}

/// What a fake does to its answers on their way.
type Damage = fn(Value) -> Value;

/// The fake: `damaged` answers of each call are changed before they are right.
async fn fake(held: Held, algorithm: &'static str, damage: Damage, damaged: usize) -> Recorder {
    let held = Arc::new(held);
    let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    Recorder::start(move |path, body| {
        let key = path == format!("/v1/{VERSION}/publicKey");
        let answer = match key {
            true => public_key(&held, algorithm),
            false => {
                assert_eq!(path, format!("/v1/{VERSION}:asymmetricSign"));
                signed(&held, algorithm, body)
            }
        };
        let before = asked[usize::from(key)].fetch_add(1, Ordering::Relaxed);
        match before < damaged {
            true => damage(answer),
            false => answer,
        }
    })
    .await
}

fn public_key(held: &Held, algorithm: &str) -> Value {
    let pem = held.pem();
    json!({
        "name": VERSION,
        "algorithm": algorithm,
        "pemCrc32c": crc32c(pem.as_bytes()).to_string(),
        "pem": pem,
        "protectionLevel": "SOFTWARE",
    })
}

fn signed(held: &Held, algorithm: &str, body: &Value) -> Value {
    let kind = ["sha256", "sha384", "sha512"].map(|kind| (kind, body["digest"][kind].as_str()));
    let (kind, digest) = kind
        .into_iter()
        .find(|(_, digest)| digest.is_some())
        .unwrap();
    assert!(
        algorithm.ends_with(&kind.to_uppercase()),
        "{kind} for {algorithm}"
    );
    let digest = Base64::decode(digest.unwrap()).unwrap();
    let arrived = body["digestCrc32c"]
        .as_str()
        .is_some_and(|sum| is_of(sum, &digest));
    let signature = held.sign(algorithm, &digest);
    json!({
        "name": VERSION,
        "signatureCrc32c": crc32c(&signature).to_string(),
        "signature": Base64::encode(&signature),
        "verifiedDigestCrc32c": arrived,
    })
}

fn key(recorder: &Recorder) -> Arc<KmsKey> {
    let reference = format!("gcpkms://{VERSION}").parse().unwrap();
    let mut key = KmsKey::new(reference, recorder.endpoint(), None).unwrap();
    key.api = key.api.hasty();
    Arc::new(key)
}

#[tokio::test]
async fn what_each_kind_of_key_signs_is_verified() {
    let kinds = [
        (Held::p256(), "EC_SIGN_P256_SHA256", A::EcdsaP256Sha256),
        (Held::p384(), "EC_SIGN_P384_SHA384", A::EcdsaP384Sha384),
        (
            Held::rsa(2048),
            "RSA_SIGN_PSS_2048_SHA256",
            A::RsaPss2048Sha256,
        ),
        (
            Held::rsa(2048),
            "RSA_SIGN_PKCS1_2048_SHA256",
            A::RsaPkcs1_2048Sha256,
        ),
        (
            Held::rsa(3072),
            "RSA_SIGN_PSS_3072_SHA256",
            A::RsaPss3072Sha256,
        ),
        (
            Held::rsa(4096),
            "RSA_SIGN_PSS_4096_SHA512",
            A::RsaPss4096Sha512,
        ),
        (
            Held::rsa(4096),
            "RSA_SIGN_PKCS1_4096_SHA512",
            A::RsaPkcs1_4096Sha512,
        ),
    ];
    for (held, name, algorithm) in kinds {
        let fake = fake(held, name, |answer| answer, 0).await;
        let key = key(&fake);
        let signature = key.signer_by(algorithm).sign(PAYLOAD).await.unwrap();
        let SignerKey::Pkix(pem) = key.public_key().await.unwrap() else {
            panic!("Cloud KMS has no OpenPGP keys");
        };
        let verifier = PkixKey::from_pem(&pem, algorithm).unwrap();
        assert_eq!(verifier.verify(PAYLOAD, &signature), Ok(()), "{name}");
        assert!(verifier.verify(b"other", &signature).is_err(), "{name}");
        assert_eq!(
            fake.asked().lines().count(),
            2,
            "the public half is read once"
        );
    }
}

#[tokio::test]
async fn digests_are_sent_with_their_checksum() {
    let fake = fake(Held::p256(), "EC_SIGN_P256_SHA256", |answer| answer, 0).await;
    let signer = key(&fake).signer_by(A::EcdsaP256Sha256);
    signer.sign(b"hello").await.unwrap();
    insta::assert_snapshot!(fake.asked(), @r#"
    GET /v1/projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1/publicKey
    POST /v1/projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1:asymmetricSign {"digest":{"sha256":"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="},"digestCrc32c":"492493660"}
    "#);
}

fn without(mut answer: Value, field: &str) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.remove(field);
    }
    answer
}

/// Something changes answers on their way, or the request.
const DAMAGES: [(&str, Damage); 8] = [
    ("another key", |mut answer| {
        answer["name"] = VERSION.replace("/1", "/2").into();
        answer
    }),
    ("no name", |answer| without(answer, "name")),
    ("the public key", |mut answer| {
        if let Some(pem) = answer["pem"].as_str() {
            answer["pem"] = pem.replacen("BEGIN", "BEGiN", 1).into();
        }
        answer
    }),
    ("the public key's sum", |mut answer| {
        if answer["pem"].is_string() {
            answer["pemCrc32c"] = "1".into();
        }
        answer
    }),
    ("no sum of the public key", |answer| {
        without(answer, "pemCrc32c")
    }),
    ("the signature", |mut answer| {
        if answer["signature"].is_string() {
            answer["signature"] = Base64::encode(b"synthetic").into();
        }
        answer
    }),
    ("no sum of the signature", |answer| {
        without(answer, "signatureCrc32c")
    }),
    ("the digest", |mut answer| {
        if answer["signature"].is_string() {
            answer["verifiedDigestCrc32c"] = false.into();
        }
        answer
    }),
];

#[tokio::test]
async fn what_was_damaged_once_is_asked_again() {
    for (what, damage) in DAMAGES {
        let held = Held::p256();
        let pem = held.pem();
        let fake = fake(held, "EC_SIGN_P256_SHA256", damage, 2).await;
        let signer = key(&fake).signer_by(A::EcdsaP256Sha256);
        let signature = signer.sign(PAYLOAD).await.expect(what);
        let verifier = PkixKey::from_pem(&pem, A::EcdsaP256Sha256).unwrap();
        assert_eq!(verifier.verify(PAYLOAD, &signature), Ok(()), "{what}");
    }
}

#[tokio::test]
async fn what_is_always_damaged_is_never_taken() {
    let mut told = Vec::new();
    for (what, damage) in DAMAGES {
        let fake = fake(Held::p256(), "EC_SIGN_P256_SHA256", damage, usize::MAX).await;
        let signer = key(&fake).signer_by(A::EcdsaP256Sha256);
        let error = signer.sign(PAYLOAD).await.expect_err(what).to_string();
        let (_, said) = error.split_once("cryptoKeyVersions/1: ").unwrap();
        told.push(format!(
            "{what}: {said} ({} calls)",
            fake.asked().lines().count()
        ));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    another key: it answered for another key, 3 times: something between here and Cloud KMS changes it (3 calls)
    no name: it answered for another key, 3 times: something between here and Cloud KMS changes it (3 calls)
    the public key: the public key does not match its checksum, 3 times: something between here and Cloud KMS changes it (3 calls)
    the public key's sum: the public key does not match its checksum, 3 times: something between here and Cloud KMS changes it (3 calls)
    no sum of the public key: the public key does not match its checksum, 3 times: something between here and Cloud KMS changes it (3 calls)
    the signature: the signature does not match its checksum, 3 times: something between here and Cloud KMS changes it (4 calls)
    no sum of the signature: the signature does not match its checksum, 3 times: something between here and Cloud KMS changes it (4 calls)
    the digest: it did not verify the checksum of what it was to sign, 3 times: something between here and Cloud KMS changes it (4 calls)
    ");
}

/// An answer of Cloud KMS that is an error.
async fn refused(status: u16, kind: &'static str, message: &'static str) -> String {
    let error = json!({"error": {"code": status, "status": kind, "message": message}});
    let recorder = Recorder::answering(status, move |_, _| error.clone()).await;
    let error = key(&recorder)
        .signer_by(A::EcdsaP256Sha256)
        .sign(PAYLOAD)
        .await;
    let error = error.unwrap_err().to_string();
    let (_, said) = error.split_once("cryptoKeyVersions/1: ").unwrap();
    said.to_owned()
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let denied = refused(403, "PERMISSION_DENIED", "denied").await;
    insta::assert_snapshot!(denied, @"it answered 403 (denied); this identity lacks cloudkms.cryptoKeyVersions.viewPublicKey; grant it: gcloud kms keys add-iam-policy-binding ci --keyring=trust --location=global --project=demo-mart --member=serviceAccount:EMAIL --role=roles/cloudkms.publicKeyViewer");
    let absent = refused(404, "NOT_FOUND", "CryptoKeyVersion not found").await;
    insta::assert_snapshot!(absent, @"it answered 404 (CryptoKeyVersion not found); there is no such resource, or it is not shown to this identity");
    let disabled = refused(
        400,
        "FAILED_PRECONDITION",
        "it is not enabled, current state is: DISABLED",
    );
    insta::assert_snapshot!(disabled.await, @"it answered 400 (it is not enabled, current state is: DISABLED); the version may be disabled, destroyed or not made yet: gcloud kms keys versions describe 1 --key=ci --keyring=trust --location=global --project=demo-mart");
    let down = refused(503, "UNAVAILABLE", "synthetic").await;
    insta::assert_snapshot!(down, @"it answered 503 (synthetic)");
}

#[tokio::test]
async fn who_may_read_the_key_and_not_sign_is_told_so() {
    let held = Held::p256();
    let recorder = fake(held, "EC_SIGN_P256_SHA256", |answer| answer, 0).await;
    let key = key(&recorder);
    key.public_key().await.unwrap();
    let denied =
        json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"}});
    let denying = Recorder::answering(403, move |_, _| denied.clone()).await;
    let mut other = KmsKey::new(key.reference.clone(), denying.endpoint(), None).unwrap();
    other.api = other.api.hasty();
    let public = key.public().await.unwrap();
    other.public = OnceCell::new_with(Some(PublicHalf {
        pem: public.pem.clone(),
        der: public.der.clone(),
        algorithm: public.algorithm,
    }));
    let error = Arc::new(other)
        .signer_by(A::EcdsaP256Sha256)
        .sign(PAYLOAD)
        .await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("lacks cloudkms.cryptoKeyVersions.useToSign; grant it: gcloud kms keys"),
        "{error}"
    );
    assert!(error.ends_with("--role=roles/cloudkms.signer"), "{error}");
}

#[tokio::test]
async fn other_kinds_of_keys_do_not_sign() {
    for kind in [
        "EC_SIGN_SECP256K1_SHA256",
        "EC_SIGN_ED25519",
        "RSA_SIGN_RAW_PKCS1_2048",
        "GOOGLE_SYMMETRIC_ENCRYPTION",
    ] {
        let fake = fake(Held::p256(), kind, |answer| answer, 0).await;
        let error = key(&fake).signer_by(A::EcdsaP256Sha256).sign(PAYLOAD).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(&format!("it is a key for {kind}")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_algorithm_is_the_one_that_is_wanted() {
    let fake = fake(Held::p384(), "EC_SIGN_P384_SHA384", |answer| answer, 0).await;
    let error = key(&fake)
        .signer_by(A::EcdsaP256Sha256)
        .sign(PAYLOAD)
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(error.ends_with("what is signed takes ECDSA_P256_SHA256, and the key signs by ECDSA_P384_SHA384 only; name another key"), "{error}");
    assert!(!fake.asked().contains("asymmetricSign"));
}

/// An attestor with this key, by an algorithm that it states.
fn attestor(pem: &str, algorithm: &str) -> Attestor {
    let stated = json!({
        "name": "projects/demo-mart/attestors/built-by-ci",
        "userOwnedGrafeasNote": {
            "noteReference": "projects/demo-mart/notes/built-by-ci",
            "publicKeys": [{"pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": algorithm}}],
        },
    });
    serde_json::from_value(stated).unwrap()
}

#[tokio::test]
async fn an_attestor_states_the_algorithm_of_its_key() {
    let (held, other) = (Held::p256(), Held::p256());
    let (pem, other) = (held.pem(), other.pem());
    let fake = fake(held, "EC_SIGN_P256_SHA256", |answer| answer, 0).await;
    let key = key(&fake);
    let sign = async |pem: &str, algorithm: &str| {
        key.signer(&attestor(pem, algorithm)).sign(PAYLOAD).await
    };
    assert!(sign(&pem, "EC_SIGN_P256_SHA256").await.is_ok());
    let wrong = sign(&pem, "EC_SIGN_P384_SHA384")
        .await
        .unwrap_err()
        .to_string();
    assert!(wrong.ends_with("the attestor states ECDSA_P384_SHA384, and the key signs by ECDSA_P256_SHA256 only; correct the attestor"), "{wrong}");
    let foreign = sign(&other, "EC_SIGN_P256_SHA256")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        foreign.contains("the attestor has no such key"),
        "{foreign}"
    );
}

#[tokio::test]
async fn what_stands_against_signing_is_told_without_a_signature() {
    const ALGORITHM: &str = "EC_SIGN_P256_SHA256";
    let objection = async |granted: Value, stated: &str| {
        let held = Held::p256();
        let (pem, stated) = (held.pem(), stated.to_owned());
        let public = public_key(&held, ALGORITHM);
        let recorder = Recorder::start(move |path, _| match path.ends_with("/publicKey") {
            true => public.clone(),
            false => granted.clone(),
        })
        .await;
        let attestor = attestor(&pem, &stated);
        let objection = key(&recorder).signer(&attestor).objection().await.unwrap();
        assert!(!recorder.asked().contains(":asymmetricSign"));
        objection
    };
    let granted = json!({"permissions": ["cloudkms.cryptoKeyVersions.useToSign"]});
    assert_eq!(objection(granted.clone(), ALGORITHM).await, None);
    let missing = objection(json!({}), ALGORITHM).await.unwrap();
    assert!(
        missing.starts_with(
            "this identity lacks cloudkms.cryptoKeyVersions.useToSign; grant it: gcloud kms keys"
        ),
        "{missing}"
    );
    let other = objection(granted, "ECDSA_P384_SHA384").await.unwrap();
    assert!(other.contains("correct the attestor"), "{other}");
}
