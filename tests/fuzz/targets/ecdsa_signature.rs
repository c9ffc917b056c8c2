//! ECDSA signatures: two implementations must agree on every one.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use postern_core::attestor::SignatureAlgorithm;
use postern_verify::PkixKey;

const KEY: &str = include_str!("../fixtures/P-256.pub.pem");
const PAYLOAD: &[u8] = include_bytes!("../fixtures/payload.json");

static OURS: LazyLock<PkixKey> =
    LazyLock::new(|| PkixKey::from_pem(KEY, SignatureAlgorithm::EcdsaP256Sha256).unwrap());
static OTHER: LazyLock<VerifyingKey> =
    LazyLock::new(|| VerifyingKey::from_public_key_pem(KEY).unwrap());

fuzz_target!(|signature: &[u8]| {
    let ours = OURS.verify(PAYLOAD, signature).is_ok();
    let other = DerSignature::from_bytes(signature)
        .is_ok_and(|signature| OTHER.verify(PAYLOAD, &signature).is_ok());
    assert_eq!(ours, other, "aws-lc-rs and p256 disagree");
});
