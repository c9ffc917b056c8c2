//! The second opinion: RustCrypto must agree with aws-lc-rs on every signature, valid or not.

use std::sync::LazyLock;

use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use proptest::prelude::*;
use rstest::rstest;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::*;
use crate::signer::SoftwareSigner;

const MESSAGE: &[u8] = b"synthetic payload";

/// A key with its second opinion.
struct Subject {
    algorithm: SignatureAlgorithm,
    key: PkixKey,
    signature: Vec<u8>,
    second: SecondOpinion,
}

/// Whether the signature (second) over the message (first) verifies.
type SecondOpinion = Box<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;

macro_rules! ecdsa {
    ($curve:ident, $digest:ty, $algorithm:expr, $seed:expr) => {{
        use $curve::ecdsa::signature::hazmat::PrehashVerifier as _;
        let signing = $curve::ecdsa::SigningKey::from_slice(&$seed).unwrap();
        let verifying = $curve::ecdsa::VerifyingKey::from(&signing);
        let public = $curve::PublicKey::from(&verifying);
        let signature: $curve::ecdsa::Signature =
            signing.sign_prehash(&<$digest>::digest(MESSAGE)).unwrap();
        Subject {
            algorithm: $algorithm,
            key: PkixKey::from_pem(
                &public.to_public_key_pem(LineEnding::LF).unwrap(),
                $algorithm,
            )
            .unwrap(),
            signature: signature.to_der().as_bytes().to_vec(),
            second: Box::new(move |message, signature| {
                $curve::ecdsa::Signature::from_der(signature).is_ok_and(|signature| {
                    verifying
                        .verify_prehash(&<$digest>::digest(message), &signature)
                        .is_ok()
                })
            }),
        }
    }};
}

/// A fixed scalar, small enough for every curve.
fn seed(length: usize) -> Vec<u8> {
    let mut seed = vec![0; length];
    seed[length - 16..].copy_from_slice(b"synthetic secret");
    seed
}

static CURVES: LazyLock<[Subject; 3]> = LazyLock::new(|| {
    [
        ecdsa!(p256, Sha256, SignatureAlgorithm::EcdsaP256Sha256, seed(32)),
        ecdsa!(p384, Sha384, SignatureAlgorithm::EcdsaP384Sha384, seed(48)),
        ecdsa!(p521, Sha512, SignatureAlgorithm::EcdsaP521Sha512, seed(66)),
    ]
});

/// aws-lc-rs makes keys much faster than the second opinion does.
fn rsa_pem(size: aws_lc_rs::rsa::KeySize) -> String {
    use aws_lc_rs::encoding::AsDer as _;
    let pair = aws_lc_rs::rsa::KeyPair::generate(size).unwrap();
    pem::encode("PRIVATE KEY", pair.as_der().unwrap().as_ref()).to_string()
}

static RSA: LazyLock<[String; 3]> = LazyLock::new(|| {
    use aws_lc_rs::rsa::KeySize;
    [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096].map(rsa_pem)
});

fn private_pem(algorithm: SignatureAlgorithm) -> &'static str {
    match KeyKind::of_algorithm(algorithm) {
        KeyKind::Rsa(2048) => &RSA[0],
        KeyKind::Rsa(3072) => &RSA[1],
        _ => &RSA[2],
    }
}

fn rsa_subject(algorithm: SignatureAlgorithm) -> Subject {
    use rsa::pkcs8::DecodePublicKey as _;
    let signer = SoftwareSigner::from_pem(private_pem(algorithm), None, Some(algorithm)).unwrap();
    let postern_core::ports::SignerKey::Pkix(public) = signer.public_half().unwrap() else {
        panic!("an RSA key is a PKIX key");
    };
    let second = rsa::RsaPublicKey::from_public_key_pem(&public).unwrap();
    Subject {
        algorithm,
        key: PkixKey::from_pem(&public, algorithm).unwrap(),
        signature: signer
            .sign_at(MESSAGE, jiff::Timestamp::UNIX_EPOCH)
            .unwrap(),
        second: Box::new(move |message, signature| {
            rsa_second_opinion(&second, algorithm, message, signature)
        }),
    }
}

fn rsa_second_opinion(
    key: &rsa::RsaPublicKey,
    algorithm: SignatureAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    use rsa::sha2::{Digest as _, Sha256, Sha512};
    let short = Sha256::digest(message).to_vec();
    let long = Sha512::digest(message).to_vec();
    match algorithm {
        SignatureAlgorithm::RsaPkcs1_4096Sha512 => key
            .verify(rsa::Pkcs1v15Sign::new::<Sha512>(), &long, signature)
            .is_ok(),
        SignatureAlgorithm::RsaPss4096Sha512 => key
            .verify(rsa::Pss::new::<Sha512>(), &long, signature)
            .is_ok(),
        _ if longest_salt(algorithm).is_some() => key
            .verify(rsa::Pss::new::<Sha256>(), &short, signature)
            .is_ok(),
        _ => key
            .verify(rsa::Pkcs1v15Sign::new::<Sha256>(), &short, signature)
            .is_ok(),
    }
}

static RSA_SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let rsa = |algorithm: &SignatureAlgorithm| {
        matches!(KeyKind::of_algorithm(*algorithm), KeyKind::Rsa(_))
    };
    SignatureAlgorithm::ALL
        .into_iter()
        .filter(rsa)
        .map(rsa_subject)
        .collect()
});

#[test]
fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
    for subject in CURVES.iter().chain(RSA_SUBJECTS.iter()) {
        let name = subject.algorithm;
        assert_eq!(
            subject.key.verify(MESSAGE, &subject.signature),
            Ok(()),
            "{name}"
        );
        assert!((subject.second)(MESSAGE, &subject.signature), "{name}");
        let other = subject
            .key
            .verify(b"other", &subject.signature)
            .unwrap_err();
        assert!(
            matches!(other, SignatureError::Invalid(_)),
            "{name}: {other}"
        );
    }
}

fn mutated(signature: &[u8], position: prop::sample::Index, bit: u8, kind: u8) -> Vec<u8> {
    let mut bytes = signature.to_vec();
    let at = position.index(bytes.len());
    match kind {
        0 => bytes[at] ^= 1 << (bit % 8),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, bit),
        3 => bytes.push(bit),
        4 => bytes[at] = 0,
        _ => {}
    }
    bytes
}

proptest! {
    #[test]
    fn both_agree_on_every_mutated_ecdsa_signature(
        curve in 0usize..3, position: prop::sample::Index, bit: u8, kind in 0u8..6,
    ) {
        let subject = &CURVES[curve];
        let signature = mutated(&subject.signature, position, bit, kind);
        let ours = subject.key.verify(MESSAGE, &signature).is_ok();
        prop_assert_eq!(ours, (subject.second)(MESSAGE, &signature));
        prop_assert_eq!(ours, signature == subject.signature, "a signature has one encoding");
    }

    #[test]
    fn no_bytes_at_all_panic(signature: Vec<u8>, curve in 0usize..3) {
        prop_assert!(CURVES[curve].key.verify(MESSAGE, &signature).is_err());
        prop_assert!(PkixKey::from_spki(&signature, SignatureAlgorithm::EcdsaP256Sha256).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn both_agree_on_every_mutated_rsa_signature(
        which in 0usize..8, position: prop::sample::Index, bit: u8, kind in 0u8..6,
    ) {
        let subject = &RSA_SUBJECTS[which];
        let signature = mutated(&subject.signature, position, bit, kind);
        let ours = subject.key.verify(MESSAGE, &signature).is_ok();
        prop_assert_eq!(ours, (subject.second)(MESSAGE, &signature));
    }
}

/// SEQUENCE of two INTEGERs with these contents.
fn der_pair(r: &[u8], s: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for number in [r, s] {
        body.extend_from_slice(&[0x02, u8::try_from(number.len()).unwrap()]);
        body.extend_from_slice(number);
    }
    let mut bytes = vec![0x30];
    if body.len() > 127 {
        bytes.push(0x81);
    }
    bytes.push(u8::try_from(body.len()).unwrap());
    bytes.extend(body);
    bytes
}

/// The order of P-256 (SEC 2, 2.4.2), with the zero that keeps it positive.
const P256_ORDER: &str = "00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

#[rstest]
#[case::empty(vec![], "malformed")]
#[case::no_sequence(vec![0x02, 0x01, 0x01], "malformed")]
#[case::one_integer(vec![0x30, 0x03, 0x02, 0x01, 0x01], "malformed")]
#[case::r_zero(der_pair(&[0], &[1]), "r is zero")]
#[case::s_zero(der_pair(&[1], &[0]), "s is zero")]
#[case::r_negative(der_pair(&[0xff], &[1]), "malformed")]
#[case::r_padded(der_pair(&[0, 1], &[1]), "malformed")]
#[case::r_empty(der_pair(&[], &[1]), "malformed")]
#[case::r_is_the_order(der_pair(&hex::decode(P256_ORDER).unwrap(), &[1]), "does not verify")]
#[case::s_is_the_order(der_pair(&[1], &hex::decode(P256_ORDER).unwrap()), "does not verify")]
#[case::too_long(der_pair(&[1; 33], &[1]), "malformed")]
#[case::indefinite_length(vec![0x30, 0x80, 0x02, 1, 1, 0x02, 1, 1, 0, 0], "malformed")]
#[case::long_form_length(vec![0x30, 0x81, 6, 0x02, 1, 1, 0x02, 1, 1], "malformed")]
#[case::huge_length(vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02], "malformed")]
#[case::trailing([der_pair(&[1], &[1]), vec![0]].concat(), "malformed")]
fn hostile_ecdsa_signatures(#[case] signature: Vec<u8>, #[case] why: &str) {
    let error = CURVES[0]
        .key
        .verify(MESSAGE, &signature)
        .unwrap_err()
        .to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_raw_signature_is_malformed() {
    let error = CURVES[0].key.verify(MESSAGE, &[7; 64]).unwrap_err();
    assert_eq!(
        error.code(),
        postern_core::reason::ReasonCode::SignatureMalformed
    );
}

#[test]
fn a_salt_of_another_length_is_named() {
    use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaSignatureEncoding};
    static LONGEST: RsaSignatureEncoding =
        RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
    let algorithm = SignatureAlgorithm::RsaPss2048Sha256;
    let blocks = pem::blocks(private_pem(algorithm)).unwrap();
    let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&blocks[0].content).unwrap();
    let mut signature = vec![0; 256];
    let random = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(&LONGEST, &random, MESSAGE, &mut signature)
        .unwrap();
    let subject = RSA_SUBJECTS
        .iter()
        .find(|s| s.algorithm == algorithm)
        .unwrap();
    insta::assert_snapshot!(
        subject.key.verify(MESSAGE, &signature).unwrap_err(),
        @"the RSA-PSS signature has a salt as long as the key allows; only a salt as long as the digest (32 bytes) is accepted (openssl: -sigopt rsa_pss_saltlen:digest)"
    );
    let short = subject.key.verify(MESSAGE, &signature[1..]).unwrap_err();
    insta::assert_snapshot!(short, @"the signature is malformed: 255 bytes; RSA_PSS_2048_SHA256 makes 256");
}

/// DER of a SubjectPublicKeyInfo of an RSA key.
fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    use der::Encode as _;
    use der::asn1::{AnyRef, BitStringRef};
    use pkcs8::AlgorithmIdentifierRef;
    let tlv = |tag: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let mut bytes = vec![tag];
        match body.len() {
            0..128 => bytes.push(length[1]),
            128..256 => bytes.extend([0x81, length[1]]),
            _ => bytes.extend([0x82, length[0], length[1]]),
        }
        bytes.extend_from_slice(body);
        bytes
    };
    let numbers = [tlv(2, &[&[0], modulus].concat()), tlv(2, exponent)].concat();
    let key = tlv(0x30, &numbers);
    SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef {
            oid: RSA_ENCRYPTION,
            parameters: Some(AnyRef::NULL),
        },
        subject_public_key: BitStringRef::from_bytes(&key).unwrap(),
    }
    .to_der()
    .unwrap()
}

#[rstest]
#[case::e_is_one(rsa_spki(&[0xff; 256], &[1]), "public exponent")]
#[case::e_is_even(rsa_spki(&[0xff; 256], &[4]), "public exponent")]
#[case::e_is_huge(rsa_spki(&[0xff; 256], &[0x7f; 32]), "public exponent")]
#[case::too_small(rsa_spki(&[0xff; 128], &[1, 0, 1]), "but the key is RSA 1024")]
#[case::odd_size(rsa_spki(&[0x7f; 256], &[1, 0, 1]), "no DER")]
#[case::sixteen_kilobits(rsa_spki(&[0xff; 2048], &[1, 0, 1]), "at most 1024")]
#[case::even_modulus(rsa_spki(&[0xfe; 256], &[1, 0, 1]), "not valid")]
#[case::trailing([rsa_spki(&[0xff; 256], &[1, 0, 1]), vec![0]].concat(), "no DER")]
fn hostile_rsa_keys(#[case] spki: Vec<u8>, #[case] why: &str) {
    let error = PkixKey::from_spki(&spki, SignatureAlgorithm::RsaPkcs1_2048Sha256).unwrap_err();
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_key_verifies_only_the_stated_algorithm() {
    let spki = CURVES[1].key.spki();
    for algorithm in SignatureAlgorithm::ALL {
        match PkixKey::from_spki(spki, algorithm) {
            Ok(_) => assert_eq!(algorithm, SignatureAlgorithm::EcdsaP384Sha384),
            Err(error) => assert_eq!(
                error.to_string(),
                format!("the stated algorithm is {algorithm}, but the key is EC P-384")
            ),
        }
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let mut spki = CURVES[0].key.spki().to_vec();
    *spki.last_mut().unwrap() ^= 1;
    let error = PkixKey::from_spki(&spki, SignatureAlgorithm::EcdsaP256Sha256).unwrap_err();
    assert_eq!(error, KeyError::Rejected("EC P-256".to_owned()));
}
