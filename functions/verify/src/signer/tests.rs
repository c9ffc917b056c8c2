use p256::elliptic_curve::pkcs8::LineEnding;
use postern_core::attestor::SignatureAlgorithm;
use rstest::rstest;

use super::*;
use crate::pkix::PkixKey;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn round_trip(signer: &SoftwareSigner) {
    let SignerKey::Pkix(public) = signer.public_half().unwrap() else {
        panic!("expected a PKIX key");
    };
    let key = PkixKey::from_pem(&public, signer.algorithm().unwrap()).unwrap();
    let signature = signer.sign_at(b"synthetic", AT).unwrap();
    assert_eq!(key.verify(b"synthetic", &signature), Ok(()));
}

macro_rules! forms_of_curve {
    ($test:ident, $curve:ident, $size:literal, $algorithm:expr) => {
        #[test]
        fn $test() {
            use $curve::pkcs8::EncodePrivateKey as _;
            let mut seed = [0; $size];
            seed[$size - 16..].copy_from_slice(b"synthetic secret");
            let secret = $curve::SecretKey::from_slice(&seed).unwrap();
            let pkcs8 = secret.to_pkcs8_pem(LineEnding::LF).unwrap();
            let sec1 = secret.to_sec1_pem(LineEnding::LF).unwrap();
            let with_parameters = format!(
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{}",
                &*sec1
            );
            let wrapped = STANDARD.encode(pkcs8.as_bytes());
            for text in [pkcs8.as_str(), sec1.as_str(), &with_parameters, &wrapped] {
                let signer = SoftwareSigner::from_pem(text, None, None).unwrap();
                assert_eq!(signer.algorithm(), Some($algorithm));
                round_trip(&signer);
            }
        }
    };
}

forms_of_curve!(
    p256_in_every_form,
    p256,
    32,
    SignatureAlgorithm::EcdsaP256Sha256
);
forms_of_curve!(
    p384_in_every_form,
    p384,
    48,
    SignatureAlgorithm::EcdsaP384Sha384
);
forms_of_curve!(
    p521_in_every_form,
    p521,
    66,
    SignatureAlgorithm::EcdsaP521Sha512
);

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    use p256::pkcs8::{PrivateKeyInfoRef, pkcs5};
    let (plain, _) = generate_p256().unwrap();
    let blocks = pem::blocks(&plain).unwrap();
    let info = PrivateKeyInfoRef::try_from(blocks[0].content.as_slice()).unwrap();
    let parameters =
        pkcs5::pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(1_000, &[1; 16], [2; 16])
            .unwrap();
    let encrypted = info.encrypt_with_params(parameters, "open sesame").unwrap();
    let text = pem::encode("ENCRYPTED PRIVATE KEY", encrypted.as_bytes());

    round_trip(&SoftwareSigner::from_pem(&text, Some("open sesame"), None).unwrap());
    let without = SoftwareSigner::from_pem(&text, None, None).unwrap_err();
    assert_eq!(without, SignerError::PassphraseNeeded);
    let wrong = SoftwareSigner::from_pem(&text, Some("open barley"), None).unwrap_err();
    assert!(matches!(wrong, SignerError::Decryption(_)), "{wrong}");
}

#[test]
fn an_rsa_key_signs_by_the_algorithm_of_the_attestor() {
    use aws_lc_rs::encoding::AsDer as _;
    use rsa::pkcs1::EncodeRsaPrivateKey as _;
    use rsa::pkcs8::DecodePrivateKey as _;
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa3072).unwrap();
    let pkcs8 = pair.as_der().unwrap();
    let second = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8.as_ref()).unwrap();
    let pkcs1 = second.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    for text in [pkcs1.as_str(), &pem::encode("PRIVATE KEY", pkcs8.as_ref())] {
        let signer = SoftwareSigner::from_pem(text, None, None).unwrap();
        assert_eq!(
            signer.algorithm(),
            Some(SignatureAlgorithm::RsaPkcs1_3072Sha256)
        );
        round_trip(&signer);
        let signer = signer
            .with_algorithm(SignatureAlgorithm::RsaPss3072Sha256)
            .unwrap();
        round_trip(&signer);
        let error = signer
            .with_algorithm(SignatureAlgorithm::RsaPss2048Sha256)
            .unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"RSA_PSS_2048_SHA256 was asked for, but the key is RSA 3072");
        }
    }
}

#[rstest]
#[case::empty("", "neither PEM")]
#[case::words("a key, honestly", "neither PEM")]
#[case::base64_of_nothing("aGVsbG8=", "neither PEM")]
#[case::certificate(
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "no private key"
)]
#[case::rubbish(
    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "no PKCS#8"
)]
#[case::sec1_rubbish(
    "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
    "no SEC1"
)]
#[case::legacy(
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
     -----END RSA PRIVATE KEY-----\n",
    "openssl pkcs8 -topk8"
)]
fn what_is_no_key_is_refused_with_a_reason(#[case] text: &str, #[case] why: &str) {
    let error = SoftwareSigner::from_pem(text, None, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_signer_never_shows_its_key() {
    let (private, _) = generate_p256().unwrap();
    let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
    assert_eq!(
        format!("{signer:?}"),
        "SoftwareSigner { algorithm: Some(EcdsaP256Sha256), .. }"
    );
}

#[tokio::test]
async fn the_port_signs_like_the_key() {
    let (private, public) = generate_p256().unwrap();
    let signer = SoftwareSigner::from_pem(&private, None, None).unwrap();
    assert_eq!(
        signer.public_key().await,
        Ok(SignerKey::Pkix(public.clone()))
    );
    let signature = signer.sign(b"synthetic").await.unwrap();
    let key = PkixKey::from_pem(&public, SignatureAlgorithm::EcdsaP256Sha256).unwrap();
    assert_eq!(key.verify(b"synthetic", &signature), Ok(()));
}
