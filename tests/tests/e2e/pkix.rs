//! PKIX attestations: every algorithm, with keys and signatures by `openssl`.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postern_tests::have;
use postern_tests::openssl::{KeyPair, Padding, ec_key, rsa_key, sign};
use rstest::rstest;
use serde_json::json;

use crate::support::{ATTESTOR, Attestation, IMAGE, World, attestor, occurrences};

const OTHER_IMAGE: &str = "us-central1-docker.pkg.dev/demo-project/repo/app@sha256:\
                           a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa";

/// One row of the API's list of algorithms.
struct Algorithm {
    names: [&'static str; 2],
    kind: &'static str,
    hash: &'static str,
    padding: Padding,
}

impl Algorithm {
    fn key(&self, folder: &Path) -> KeyPair {
        match self.kind.parse() {
            Ok(bits) => rsa_key(folder, bits),
            Err(_) => ec_key(folder, self.kind),
        }
    }

    fn sign(&self, key: &KeyPair, message: &[u8]) -> Vec<u8> {
        sign(key, self.hash, self.padding, message)
    }
}

const fn algorithm(
    name: &'static str,
    alias: &'static str,
    kind: &'static str,
    hash: &'static str,
    padding: Padding,
) -> Algorithm {
    Algorithm {
        names: [name, alias],
        kind,
        hash,
        padding,
    }
}

#[rstest]
#[case::p256(algorithm(
    "ECDSA_P256_SHA256",
    "EC_SIGN_P256_SHA256",
    "P-256",
    "sha256",
    Padding::None
))]
#[case::p384(algorithm(
    "ECDSA_P384_SHA384",
    "EC_SIGN_P384_SHA384",
    "P-384",
    "sha384",
    Padding::None
))]
#[case::p521(algorithm(
    "ECDSA_P521_SHA512",
    "EC_SIGN_P521_SHA512",
    "P-521",
    "sha512",
    Padding::None
))]
#[case::pss_2048(algorithm(
    "RSA_PSS_2048_SHA256",
    "RSA_SIGN_PSS_2048_SHA256",
    "2048",
    "sha256",
    Padding::Pss
))]
#[case::pss_3072(algorithm(
    "RSA_PSS_3072_SHA256",
    "RSA_SIGN_PSS_3072_SHA256",
    "3072",
    "sha256",
    Padding::Pss
))]
#[case::pss_4096(algorithm(
    "RSA_PSS_4096_SHA256",
    "RSA_SIGN_PSS_4096_SHA256",
    "4096",
    "sha256",
    Padding::Pss
))]
#[case::pss_4096_sha512(algorithm(
    "RSA_PSS_4096_SHA512",
    "RSA_SIGN_PSS_4096_SHA512",
    "4096",
    "sha512",
    Padding::Pss
))]
#[case::pkcs1_2048(algorithm(
    "RSA_SIGN_PKCS1_2048_SHA256",
    "rsa-sign-pkcs1-2048-sha256",
    "2048",
    "sha256",
    Padding::None
))]
#[case::pkcs1_3072(algorithm(
    "RSA_SIGN_PKCS1_3072_SHA256",
    "rsa-sign-pkcs1-3072-sha256",
    "3072",
    "sha256",
    Padding::None
))]
#[case::pkcs1_4096(algorithm(
    "RSA_SIGN_PKCS1_4096_SHA256",
    "rsa-sign-pkcs1-4096-sha256",
    "4096",
    "sha256",
    Padding::None
))]
#[case::pkcs1_4096_sha512(algorithm(
    "RSA_SIGN_PKCS1_4096_SHA512",
    "rsa-sign-pkcs1-4096-sha512",
    "4096",
    "sha512",
    Padding::None
))]
fn every_algorithm_verifies_what_openssl_signed(#[case] algorithm: Algorithm) {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = algorithm.key(world.folder());
    let payload = world.payload(IMAGE);
    let signature = algorithm.sign(&key, &payload);
    for name in algorithm.names {
        let verify =
            |payload: &[u8], signature: &[u8]| world.verify(name, &key.public, payload, signature);
        assert_eq!(
            verify(&payload, &signature),
            (Some(0), "valid".to_owned()),
            "{name}"
        );
        assert_eq!(verify(b"other", &signature).0, Some(1), "{name}");
        assert_eq!(verify(&payload, b"no signature").0, Some(1), "{name}");
        assert_eq!(verify(&payload, &flipped(&signature)).0, Some(1), "{name}");
    }
    // As an attestor, in both spellings that the API has.
    let id = world.key_id(&key.public);
    let attestation = Attestation::of(&payload).signed(&id, &signature);
    for name in algorithm.names.iter().filter(|name| !name.contains('-')) {
        world.trust(&attestor(&[pkix(&key.public, name)]));
        world.attested(&occurrences(std::slice::from_ref(&attestation)));
        let checked = world.check(IMAGE, &[]);
        checked.is_attested();
        let evidence = &checked.decision["images"][0]["evidence"][0];
        assert_eq!(evidence["attestor"], ATTESTOR);
        assert_eq!(evidence["keyId"], *id);
        let broken = Attestation::of(&payload).signed(&id, &flipped(&signature));
        world.attested(&occurrences(&[broken]));
        world.check(IMAGE, &[]).is_denied("SIGNATURE_INVALID");
    }
}

#[test]
fn a_key_id_is_the_hash_of_the_key_as_openssl_computes_it() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    for key in [
        ec_key(world.folder(), "P-384"),
        rsa_key(world.folder(), 2048),
    ] {
        let der = world.path("key.der");
        let mut openssl = Command::new("openssl");
        let public = key.public.to_str().unwrap();
        openssl.args(["pkey", "-pubin", "-in", public, "-outform", "DER", "-out"]);
        postern_tests::run(openssl.arg(&der));
        let mut openssl = Command::new("openssl");
        let hash = postern_tests::run(openssl.args(["dgst", "-sha256", "-binary"]).arg(&der));
        let expected = format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(hash));
        assert_eq!(world.key_id(&key.public), expected);
    }
}

#[rstest]
#[case::longest("max")]
#[case::none("0")]
#[case::shorter("20")]
fn pss_takes_no_other_salt_than_the_digests(#[case] salt: &str) {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = rsa_key(world.folder(), 2048);
    let payload = world.write("payload", b"synthetic");
    let mut openssl = Command::new("openssl");
    openssl.args([
        "dgst",
        "-sha256",
        "-sigopt",
        "rsa_padding_mode:pss",
        "-sigopt",
    ]);
    openssl.arg(format!("rsa_pss_saltlen:{salt}"));
    let signature = postern_tests::run(openssl.arg("-sign").arg(&key.private).arg(&payload));
    let (exit, said) = world.verify("RSA_PSS_2048_SHA256", &key.public, b"synthetic", &signature);
    assert_eq!((exit, said.as_str()), (Some(1), "invalid"));
}

#[test]
fn a_key_that_is_none_is_a_mistake_and_no_verdict() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let p256 = ec_key(world.folder(), "P-256").public;
    let rubbish = world.write(
        "rubbish.pem",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    );
    for (key, algorithm) in [
        (&rubbish, "ECDSA_P256_SHA256"),
        (&p256, "ECDSA_P384_SHA384"),
        (&p256, "RSA_PSS_2048_SHA256"),
    ] {
        assert_eq!(
            world.verify(algorithm, key, b"payload", b"signature").0,
            Some(2)
        );
    }
}

/// What is changed about an attestation that counts.
type Change = fn(Signed) -> Attestation;

/// An attestation with what it was made of.
struct Signed {
    attestation: Attestation,
    world: World,
    key: KeyPair,
    id: String,
}

impl Signed {
    /// The attestation with this payload, signed.
    fn about(self, payload: &[u8]) -> Attestation {
        let signature = sign(&self.key, "sha256", Padding::None, payload);
        Attestation::of(payload).signed(&self.id, &signature)
    }
}

#[rstest]
#[case::a_flipped_bit("SIGNATURE_INVALID", |signed: Signed| {
    let signature = flipped(&signed.attestation.signatures[0].1);
    Attestation::of(&signed.attestation.payload).signed(&signed.id, &signature)
})]
#[case::bytes_that_are_no_signature("SIGNATURE_MALFORMED", |signed: Signed| {
    Attestation::of(&signed.attestation.payload).signed(&signed.id, b"no signature")
})]
#[case::no_signature("SIGNATURE_MALFORMED", |signed: Signed| Attestation::of(&signed.attestation.payload))]
#[case::a_truncated_signature("SIGNATURE_MALFORMED", |signed: Signed| {
    let signature = &signed.attestation.signatures[0].1;
    Attestation::of(&signed.attestation.payload).signed(&signed.id, &signature[..40])
})]
#[case::another_digest("PAYLOAD_DIGEST_MISMATCH", |signed: Signed| {
    let payload = signed.world.payload(OTHER_IMAGE);
    signed.about(&payload)
})]
#[case::no_payload("PAYLOAD_MALFORMED", |signed: Signed| signed.about(b"{}"))]
#[case::another_key("SIGNATURE_INVALID", |signed: Signed| {
    let other = ec_key(&signed.world.path("."), "prime256v1");
    let signature = sign(&other, "sha256", Padding::None, &signed.attestation.payload);
    Attestation::of(&signed.attestation.payload).signed(&signed.id, &signature)
})]
#[case::a_key_that_is_not_the_attestors("KEY_UNKNOWN", |signed: Signed| {
    let signature = signed.attestation.signatures[0].1.clone();
    Attestation::of(&signed.attestation.payload).signed("ni:///sha-256;other", &signature)
})]
#[case::another_note("NO_ATTESTATION", |signed: Signed| Attestation {
    note: "projects/demo-project/notes/other".to_owned(),
    ..signed.attestation
})]
#[case::the_same_note_of_another_project("NO_ATTESTATION", |signed: Signed| Attestation {
    note: "projects/other-project/notes/built-by-ci".to_owned(),
    ..signed.attestation
})]
#[case::a_project_number_that_nobody_configured("NO_ATTESTATION", |signed: Signed| Attestation {
    note: "projects/111111111111/notes/built-by-ci".to_owned(),
    ..signed.attestation
})]
#[case::another_resource("NO_ATTESTATION", |signed: Signed| Attestation {
    resource: OTHER_IMAGE.to_owned(),
    ..signed.attestation
})]
fn what_does_not_count_is_told(#[case] code: &str, #[case] change: Change) {
    if !have(&["openssl"]) {
        return;
    }
    let (signed, attestors) = signed();
    let (policy, folder) = (signed.world.path("policy.json"), World::new());
    std::fs::copy(policy, folder.path("policy.json")).unwrap();
    folder.trust(&attestors);
    let attestation = change(signed);
    folder.attested(&occurrences(&[attestation]));
    let checked = folder.check(IMAGE, &[]);
    checked.is_denied(code);
    let reason = &checked.decision["images"][0]["reasons"][0];
    assert_eq!(reason["attestor"], ATTESTOR);
    assert!(
        reason["remedy"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{reason}"
    );
}

#[rstest]
#[case::as_it_is(|signed: Signed| signed.attestation)]
#[case::the_scheme_that_scanners_write(|signed: Signed| Attestation {
    resource: format!("https://{IMAGE}"),
    ..signed.attestation
})]
#[case::the_second_of_three_signatures(|signed: Signed| {
    let signature = signed.attestation.signatures[0].1.clone();
    Attestation::of(&signed.attestation.payload)
        .signed(&signed.id, b"no signature")
        .signed(&signed.id, &signature)
        .signed("other", &signature)
})]
#[case::the_third_of_three_signatures(|signed: Signed| {
    let signature = signed.attestation.signatures[0].1.clone();
    Attestation::of(&signed.attestation.payload)
        .signed("other", &signature)
        .signed(&signed.id, &flipped(&signature))
        .signed(&signed.id, &signature)
})]
#[case::compact_json_as_other_tools_sign_it(|signed: Signed| {
    let payload: serde_json::Value = serde_json::from_slice(&signed.attestation.payload).unwrap();
    signed.about(payload.to_string().as_bytes())
})]
fn what_counts_counts(#[case] change: Change) {
    if !have(&["openssl"]) {
        return;
    }
    let (signed, attestors) = signed();
    let folder = World::new();
    folder.trust(&attestors);
    folder.attested(&occurrences(&[change(signed)]));
    folder.check(IMAGE, &[]).is_attested();
}

#[test]
fn project_id_and_number_are_the_same_where_the_configuration_says_so() {
    if !have(&["openssl"]) {
        return;
    }
    let (signed, attestors) = signed();
    let folder = World::new();
    folder.trust(&attestors);
    folder.attested(&occurrences(&[Attestation {
        note: "projects/111111111111/notes/built-by-ci".to_owned(),
        ..signed.attestation
    }]));
    folder.write("postern.yaml", "projects: {demo-project: 111111111111}\n");
    folder
        .check(IMAGE, &["--config", "postern.yaml"])
        .is_attested();
    folder.write("postern.yaml", "projects: {demo-project: 222222222222}\n");
    folder
        .check(IMAGE, &["--config", "postern.yaml"])
        .is_denied("NO_ATTESTATION");
}

#[test]
fn every_attestor_must_agree_and_one_good_attestation_among_bad_ones_is_enough() {
    if !have(&["openssl"]) {
        return;
    }
    let (signed, attestors) = signed();
    let folder = World::new();
    folder.trust(&attestors);
    let bad = |byte| Attestation::of(&signed.attestation.payload).signed(&signed.id, &[byte; 70]);
    folder.attested(&occurrences(&[
        bad(0),
        bad(0x30),
        signed.attestation.clone(),
        bad(1),
    ]));
    folder.check(IMAGE, &[]).is_attested();
    let other = "projects/demo-project/attestors/tested";
    let mut second = attestors.clone();
    second["name"] = json!(other);
    second["userOwnedGrafeasNote"]["noteReference"] = json!("projects/demo-project/notes/tested");
    folder.trust(&json!({"attestors": [attestors, second]}));
    folder.require(&[ATTESTOR, other]);
    let checked = folder.check(IMAGE, &[]);
    assert_eq!(checked.exit, Some(1), "{checked:#?}");
    assert!(checked.codes().contains(&"NO_ATTESTATION"), "{checked:#?}");
    assert!(checked.decision.to_string().contains(other));
}

fn signed() -> (Signed, serde_json::Value) {
    let world = World::new();
    let key = ec_key(world.folder(), "P-256");
    let payload = world.payload(IMAGE);
    let id = world.key_id(&key.public);
    let signature = sign(&key, "sha256", Padding::None, &payload);
    let attestors = attestor(&[pkix(&key.public, "ECDSA_P256_SHA256")]);
    let attestation = Attestation::of(&payload).signed(&id, &signature);
    (
        Signed {
            attestation,
            world,
            key,
            id,
        },
        attestors,
    )
}

fn pkix(public: &Path, algorithm: &str) -> serde_json::Value {
    let pem = std::fs::read_to_string(public).unwrap();
    json!({"pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": algorithm}})
}

/// The last bit is part of a number in every kind of signature, so the form stays.
fn flipped(signature: &[u8]) -> Vec<u8> {
    let mut flipped = signature.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    flipped
}
