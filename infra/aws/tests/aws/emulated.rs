//! The adapters against moto, an emulator of AWS that makes real keys and signatures.

use std::sync::Arc;

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use jiff::Timestamp;
use postern_aws::{EcrCredentials, KmsKey, KmsReference};
use postern_core::attestor::{
    Attestor, AttestorName, AttestorPublicKey, NoteName, PkixPublicKey, SignatureAlgorithm,
    UserOwnedGrafeasNote,
};
use postern_core::ports::{CredentialProvider as _, Signer as _, SignerKey};
use postern_verify::{SignatureError, TrustedAttestor};

use crate::moto::Moto;
use crate::session::session;

const PAYLOAD: &[u8] = b"synthetic payload";

/// An attestor whose one key is this.
fn attestor(key: SignerKey, algorithm: SignatureAlgorithm) -> Attestor {
    let SignerKey::Pkix(public_key_pem) = key else {
        panic!("KMS has no OpenPGP keys");
    };
    let project = "demo-project".to_owned();
    let public_key = AttestorPublicKey {
        id: None,
        comment: None,
        pkix_public_key: Some(PkixPublicKey {
            public_key_pem,
            signature_algorithm: algorithm,
            key_id: None,
        }),
        ascii_armored_pgp_public_key: None,
    };
    Attestor {
        name: AttestorName {
            project: project.clone(),
            id: "built-by-ci".to_owned(),
        },
        description: None,
        user_owned_grafeas_note: UserOwnedGrafeasNote {
            note_reference: NoteName {
                project,
                id: "built-by-ci".to_owned(),
            },
            public_keys: vec![public_key],
            delegation_service_account_email: None,
        },
        etag: None,
        update_time: None,
    }
}

fn no_keys() -> Attestor {
    let mut attestor = attestor(SignerKey::Pkix(String::new()), SignatureAlgorithm::ALL[0]);
    attestor.user_owned_grafeas_note.public_keys.clear();
    attestor
}

fn key(moto: &Moto, reference: &str) -> Arc<KmsKey> {
    let reference: KmsReference = reference.parse().unwrap();
    Arc::new(KmsKey::new(&moto.session(), reference))
}

#[tokio::test]
async fn every_kind_of_key_signs_by_every_algorithm_that_it_may_have() {
    use SignatureAlgorithm as A;
    let Some(moto) = Moto::start().await else {
        return;
    };
    let kinds: [(KeySpec, &[A]); 6] = [
        (KeySpec::EccNistP256, &[A::EcdsaP256Sha256]),
        (KeySpec::EccNistP384, &[A::EcdsaP384Sha384]),
        (KeySpec::EccNistP521, &[A::EcdsaP521Sha512]),
        (
            KeySpec::Rsa2048,
            &[A::RsaPss2048Sha256, A::RsaPkcs1_2048Sha256],
        ),
        (
            KeySpec::Rsa3072,
            &[A::RsaPss3072Sha256, A::RsaPkcs1_3072Sha256],
        ),
        (
            KeySpec::Rsa4096,
            &[
                A::RsaPss4096Sha256,
                A::RsaPss4096Sha512,
                A::RsaPkcs1_4096Sha256,
                A::RsaPkcs1_4096Sha512,
            ],
        ),
    ];
    for (spec, algorithms) in kinds {
        let id = moto.create_key(spec, KeyUsageType::SignVerify).await;
        for algorithm in algorithms {
            let key = key(&moto, &format!("awskms:///{id}"));
            let public = key.public_key().await.unwrap();
            let attestor = attestor(public, *algorithm);
            let signature = key.signer(&attestor).sign(PAYLOAD).await.unwrap();
            let trusted = TrustedAttestor::new(&attestor);
            let verified = trusted.keys()[0].verify(PAYLOAD, &signature, Timestamp::UNIX_EPOCH);
            assert_eq!(verified, expected(*algorithm), "{algorithm}");
            let other = trusted.keys()[0].verify(b"other", &signature, Timestamp::UNIX_EPOCH);
            assert!(other.is_err(), "{algorithm}");
        }
    }
}

/// KMS salts RSA-PSS signatures by as many bytes as the digest has, moto by as many as the key
/// allows: right but for that, and refused.
fn expected(algorithm: SignatureAlgorithm) -> Result<Option<Timestamp>, SignatureError> {
    use SignatureAlgorithm as A;
    match algorithm {
        A::RsaPss4096Sha512 => Err(SignatureError::SaltLength { expected: 64 }),
        A::RsaPss2048Sha256 | A::RsaPss3072Sha256 | A::RsaPss4096Sha256 => {
            Err(SignatureError::SaltLength { expected: 32 })
        }
        _ => Ok(None),
    }
}

#[tokio::test]
async fn an_alias_and_an_arn_are_the_same_key() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let id = moto
        .create_key(KeySpec::EccNistP256, KeyUsageType::SignVerify)
        .await;
    moto.alias("alias/built/by-ci", &id).await;
    let mut keys = Vec::new();
    for reference in [
        format!("awskms:///{id}"),
        format!("awskms:///arn:aws:kms:eu-west-1:123456789012:key/{id}"),
        "awskms:///alias/built/by-ci".to_owned(),
        "awskms:///arn:aws:kms:eu-west-1:123456789012:alias/built/by-ci".to_owned(),
        format!("awskms://{}/{id}", moto.address()),
    ] {
        keys.push(
            key(&moto, &reference)
                .signer(&no_keys())
                .public_key()
                .await
                .unwrap(),
        );
    }
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[tokio::test]
async fn a_key_that_is_not_there_is_named() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let told = key(&moto, "awskms:///alias/missing")
        .signer(&no_keys())
        .public_key()
        .await
        .unwrap_err();
    let told = told.to_string();
    assert!(
        told.starts_with("AWS KMS awskms:///alias/missing: it answered Not"),
        "{told}"
    );
    assert!(told.ends_with("there is no key alias/missing in this account and region; check both"));
}

#[tokio::test]
async fn a_key_that_does_not_sign_is_refused() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let id = moto
        .create_key(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt)
        .await;
    let told = key(&moto, &format!("awskms:///{id}"))
        .signer(&no_keys())
        .public_key()
        .await;
    let told = told.unwrap_err().message;
    insta::assert_snapshot!(told, @"the key is not for signing (SIGN_VERIFY); make one that is");
}

#[tokio::test]
async fn another_attestors_key_and_a_wrong_algorithm_do_not_sign() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let id = moto
        .create_key(KeySpec::EccNistP256, KeyUsageType::SignVerify)
        .await;
    let key = key(&moto, &format!("awskms:///{id}"));
    let told = key
        .signer(&no_keys())
        .sign(PAYLOAD)
        .await
        .unwrap_err()
        .message;
    insta::assert_snapshot!(told, @"the attestor has no such key; add it, or name the key that it has");
    let public = key.public_key().await.unwrap();
    let wrong = attestor(public, SignatureAlgorithm::EcdsaP384Sha384);
    let told = key.signer(&wrong).sign(PAYLOAD).await.unwrap_err().message;
    insta::assert_snapshot!(told, @"the attestor states ECDSA_P384_SHA384, and the key signs by ECDSA_SHA_256 only; correct the attestor");
}

#[tokio::test]
async fn a_payload_that_is_too_long_is_not_sent() {
    let session = session("http://127.0.0.1:1");
    let key = Arc::new(KmsKey::new(&session, "awskms:///alias/ci".parse().unwrap()));
    let told = key
        .signer(&no_keys())
        .sign(&[0; 4097])
        .await
        .unwrap_err()
        .message;
    insta::assert_snapshot!(told, @"the payload has 4097 bytes, and KMS signs at most 4096");
}

#[tokio::test]
async fn a_dead_kms_is_an_outage() {
    let Some(mut moto) = Moto::start().await else {
        return;
    };
    let id = moto
        .create_key(KeySpec::EccNistP256, KeyUsageType::SignVerify)
        .await;
    let key = key(&moto, &format!("awskms:///{id}"));
    let public = key.public_key().await.unwrap();
    let attestor = attestor(public, SignatureAlgorithm::EcdsaP256Sha256);
    moto.stop().await;
    let told = key.signer(&attestor).sign(PAYLOAD).await.unwrap_err();
    assert_eq!(told.source_name, format!("AWS KMS awskms:///{id}"));
    insta::assert_snapshot!(told.message, @"it could not be reached: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)");
}

#[tokio::test]
async fn ecr_gives_a_password_to_its_own_hosts() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let credentials = EcrCredentials::new(moto.session());
    let credential = credentials
        .credential("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
        .await
        .unwrap();
    assert_eq!(credential.username, "AWS");
    assert!(!credential.password.is_empty());
    let told = credentials
        .credential("registry.example")
        .await
        .unwrap_err();
    insta::assert_snapshot!(told, @"Amazon ECR registry.example: this is no private ECR registry (ACCOUNT.dkr.ecr.REGION.amazonaws.com); configure another credential for it");
}
