//! Signatures of a key of Google's Cloud KMS, for which a server of the tests stands in: it holds a key of
//! `openssl`, and signs the digests that it is sent.

use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postern_tests::openssl::{KeyPair, ec_key, rsa_key};
use postern_tests::{have, output, run};
use rstest::rstest;
use serde_json::{Value, json};

use crate::audit::{config, serve};
use crate::ledger::{ORIGIN, Scene};
use crate::support::{IMAGE, Reply, Seen, StandIn, World, attestor, http};

/// A version of a key; synthetic.
pub(crate) const VERSION: &str =
    "projects/demo-mart/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1";

/// CRC-32C (RFC 3720), as the service sums.
pub(crate) fn crc32c(bytes: &[u8]) -> String {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let odd = sum & 1 == 1;
            sum >>= 1;
            if odd {
                sum ^= 0x82f6_3b78;
            }
        }
    }
    (!sum).to_string()
}

/// Stands in for Cloud KMS with this key; what it signs is changed on its way if it is `damaged`.
fn stand_in(key: &KeyPair, algorithm: &'static str, damaged: bool) -> StandIn {
    let key = key.clone();
    StandIn::start(move |request| match &*request.method {
        "GET" => {
            assert_eq!(request.target, format!("/v1/{VERSION}/publicKey"));
            let pem = std::fs::read_to_string(&key.public).unwrap();
            Reply::json(&json!({
                "name": VERSION, "algorithm": algorithm, "pemCrc32c": crc32c(pem.as_bytes()),
                "pem": pem, "protectionLevel": "SOFTWARE",
            }))
        }
        _ => {
            assert_eq!(request.target, format!("/v1/{VERSION}:asymmetricSign"));
            let mut signature = signature(&key, algorithm, request);
            let sum = crc32c(&signature);
            if damaged {
                signature[9] ^= 1;
            }
            Reply::json(&json!({
                "name": VERSION, "signature": BASE64.encode(&signature),
                "signatureCrc32c": sum, "verifiedDigestCrc32c": true,
            }))
        }
    })
}

fn signature(key: &KeyPair, algorithm: &str, request: &Seen) -> Vec<u8> {
    let asked = request.json();
    let digest = BASE64.decode(asked["digest"]["sha256"].as_str().unwrap());
    let digest = digest.unwrap();
    assert_eq!(asked["digestCrc32c"], crc32c(&digest));
    let file = key.private.with_extension("digest");
    std::fs::write(&file, digest).unwrap();
    let mut openssl = Command::new("openssl");
    openssl
        .args(["pkeyutl", "-sign", "-inkey"])
        .arg(&key.private);
    openssl.arg("-in").arg(file);
    if algorithm.starts_with("RSA") {
        openssl.args(["-pkeyopt", "digest:sha256"]);
    }
    if algorithm.contains("_PSS_") {
        openssl.args(["-pkeyopt", "rsa_padding_mode:pss"]);
        openssl.args(["-pkeyopt", "rsa_pss_saltlen:digest"]);
    }
    run(&mut openssl)
}

fn trust(world: &World, key: &KeyPair, algorithm: &str) {
    let pem = std::fs::read_to_string(&key.public).unwrap();
    world.trust(&attestor(&[json!({
        "pkixPublicKey": {"publicKeyPem": pem, "signatureAlgorithm": algorithm},
    })]));
}

fn attest(world: &World, kms: &StandIn) -> Output {
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
        .args([
            "--key",
            &format!("gcpkms://{VERSION}"),
            "--to",
            "store:data",
        ])
        .env("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", kms.url() + "/");
    output(&mut command)
}

#[rstest]
#[case("EC_SIGN_P256_SHA256")]
#[case("RSA_SIGN_PSS_2048_SHA256")]
#[case("RSA_SIGN_PKCS1_2048_SHA256")]
fn what_cloud_kms_signs_counts(#[case] algorithm: &'static str) {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = match algorithm.starts_with("EC") {
        true => ec_key(world.folder(), "P-256"),
        false => rsa_key(world.folder(), 2048),
    };
    trust(&world, &key, algorithm);
    let kms = stand_in(&key, algorithm, false);
    let output = attest(&world, &kms);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    world
        .check(IMAGE, &["--attestations", "store:data"])
        .is_attested();
}

#[test]
fn what_is_damaged_on_its_way_is_not_stored() {
    if !have(&["openssl"]) {
        return;
    }
    let world = World::new();
    let key = ec_key(world.folder(), "P-256");
    trust(&world, &key, "EC_SIGN_P256_SHA256");
    let output = attest(&world, &stand_in(&key, "EC_SIGN_P256_SHA256", true));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("does not match its checksum"), "{said}");
    world.attested(&json!([]));
    let words = ["--attestations", "occurrences.json", "--data", "data"];
    world.check(IMAGE, &words).is_denied("NO_ATTESTATION");
}

#[test]
fn a_server_signs_its_record_with_a_key_of_cloud_kms() {
    let Some(scene) = Scene::of(2) else { return };
    scene.world.trust(&attestor(&[]));
    let kms = stand_in(&scene.key, "EC_SIGN_P256_SHA256", false);
    let mut config: Value = config();
    config["ledger"] = json!({"origin": ORIGIN, "key": format!("gcpkms://{VERSION}")});
    config["endpoints"] = json!({"kms": kms.url()});
    let server = serve(&scene.world, &config);
    let ticked = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(ticked.status, 200, "{:?}", ticked.body);
    let note = http::get(server.address(), "/v1/ledger/checkpoint").body;
    let note: PathBuf = scene.world.write("kept.txt", note);
    let kept = note.to_str().unwrap();
    let (exit, said) = scene.verify(&["--data", "data", "--checkpoint", kept]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("begins with the checkpoint"), "{said}");
}
