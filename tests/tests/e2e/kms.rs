//! Signing by AWS KMS, in the person of moto.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_tests::{Server, have, moto};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{IMAGE, World, attestor, http};

/// One call of the KMS API, as any client makes it.
pub(crate) fn kms(moto: &Server, operation: &str, body: &Value) -> Value {
    let target = format!("TrentService.{operation}");
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", target.as_str()),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=synthetic/20260102/eu-west-1/kms/aws4_request, \
             SignedHeaders=host, Signature=synthetic",
        ),
    ];
    let answer = http::send(
        moto.address(),
        "POST",
        "/",
        &headers,
        body.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Makes a key of a kind, trusts it for this algorithm, and gives back its id.
fn key(world: &World, moto: &Server, spec: &str, algorithm: &str) -> String {
    let made = kms(
        moto,
        "CreateKey",
        &json!({"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}),
    );
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let public = kms(moto, "GetPublicKey", &json!({"KeyId": id}));
    let der = STANDARD
        .decode(public["PublicKey"].as_str().unwrap())
        .unwrap();
    let pem = pem(&world.write("kms.der", der));
    world.trust(&attestor(&[json!({
        "pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": algorithm},
    })]));
    id
}

pub(crate) fn pem(der: &Path) -> String {
    let mut openssl = Command::new("openssl");
    let pem = postern_tests::run(
        openssl
            .args(["pkey", "-pubin", "-inform", "DER", "-in"])
            .arg(der),
    );
    String::from_utf8(pem).unwrap()
}

fn attest(world: &World, endpoint: &str, key: &str) -> Output {
    let words = [
        "attest",
        IMAGE,
        "--attestor",
        "built-by-ci",
        "--attestors",
        "attestors.json",
    ];
    let mut command = world.postern(&words);
    command
        .args(["--key", &format!("awskms:///{key}"), "--to", "store:data"])
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "synthetic")
        .env("AWS_SECRET_ACCESS_KEY", "synthetic")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    postern_tests::output(&mut command)
}

#[rstest]
#[case("ECC_NIST_P256", "ECDSA_P256_SHA256")]
#[case("ECC_NIST_P384", "ECDSA_P384_SHA384")]
#[case("RSA_2048", "RSA_SIGN_PKCS1_2048_SHA256")]
#[case("RSA_3072", "RSA_SIGN_PKCS1_3072_SHA256")]
#[case("RSA_4096", "RSA_SIGN_PKCS1_4096_SHA256")]
#[case("RSA_4096", "RSA_SIGN_PKCS1_4096_SHA512")]
fn what_kms_signs_counts(#[case] spec: &str, #[case] algorithm: &str) {
    if !have(&["moto_server", "openssl"]) {
        return;
    }
    let (world, moto) = (World::new(), moto());
    let key = key(&world, &moto, spec, algorithm);
    let output = attest(&world, &moto.url(), &key);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    world
        .check(IMAGE, &["--attestations", "store:data"])
        .is_attested();
}

/// KMS salts RSA-PSS signatures by as many bytes as the digest has. moto salts them by as many as
/// the key allows, which shows that a signature is verified before it is stored.
#[rstest]
#[case("RSA_2048", "RSA_SIGN_PSS_2048_SHA256")]
#[case("RSA_4096", "RSA_PSS_4096_SHA512")]
fn what_does_not_verify_is_not_stored(#[case] spec: &str, #[case] algorithm: &str) {
    if !have(&["moto_server", "openssl"]) {
        return;
    }
    let (world, moto) = (World::new(), moto());
    let key = key(&world, &moto, spec, algorithm);
    let output = attest(&world, &moto.url(), &key);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("salt"), "{said}");
    world.attested(&json!([]));
    let checked = world.check(
        IMAGE,
        &["--attestations", "occurrences.json", "--data", "data"],
    );
    checked.is_denied("NO_ATTESTATION");
}

#[test]
fn a_kms_that_is_dead_is_undetermined() {
    if !have(&["moto_server", "openssl"]) {
        return;
    }
    let (world, mut moto) = (World::new(), moto());
    let key = key(&world, &moto, "ECC_NIST_P256", "ECDSA_P256_SHA256");
    moto.kill();
    let output = attest(&world, &moto.url(), &key);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("KMS"));
}

#[test]
fn a_key_of_kms_that_is_not_the_attestors_is_a_mistake() {
    if !have(&["moto_server", "openssl"]) {
        return;
    }
    let (world, moto) = (World::new(), moto());
    let other = key(&world, &moto, "ECC_NIST_P256", "ECDSA_P256_SHA256");
    key(&world, &moto, "ECC_NIST_P256", "ECDSA_P256_SHA256");
    let output = attest(&world, &moto.url(), &other);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
