//! OpenPGP attestations: keys and messages by `gpg`, and `gpg` reading ours.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_tests::{docker_registry, have, write_layout};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::gpg::KeyRing;
use crate::support::{Attestation, IMAGE, World, attestor, http, occurrences};

#[rstest]
#[case("rsa3072")]
#[case("ed25519")]
#[case("nistp256")]
fn messages_by_gpg_count(#[case] algorithm: &str) {
    if !have(&["gpg"]) {
        return;
    }
    let (world, ring) = (World::new(), KeyRing::new());
    let fingerprint = ring.key(algorithm);
    let public = trust(&world, &ring, &fingerprint);
    assert_eq!(world.key_id(&public), fingerprint);
    let payload = world.payload(IMAGE);
    let message = ring.sign(&fingerprint, &payload);
    assert_eq!(
        world.verify_pgp(&public, &payload, &message),
        (Some(0), "valid".to_owned())
    );
    assert_eq!(world.verify_pgp(&public, b"other", &message).0, Some(1));
    assert_eq!(
        world.verify_pgp(&public, &payload, b"no message").0,
        Some(1)
    );

    let attested = |message: &[u8]| {
        let attestation = Attestation::of(&payload).signed(&fingerprint, message);
        world.attested(&occurrences(&[attestation]));
        world.check(IMAGE, &[])
    };
    attested(&message).is_attested();
    attested(b"no message").is_denied("SIGNATURE_MALFORMED");
    // A message about something else does not carry over to this payload.
    attested(&ring.sign(&fingerprint, b"other")).is_denied("SIGNATURE_INVALID");
    // Neither does one by somebody else's key, under this key's name.
    let strangers = KeyRing::new();
    let stranger = strangers.key(algorithm);
    attested(&strangers.sign(&stranger, &payload)).is_denied("SIGNATURE_INVALID");
}

#[test]
fn an_expired_key_does_not_count_even_for_what_it_signed_in_time() {
    if !have(&["gpg"]) {
        return;
    }
    let (world, ring) = (World::new(), KeyRing::new());
    let fingerprint = ring.expired_key("ed25519");
    trust(&world, &ring, &fingerprint);
    let payload = world.payload(IMAGE);
    let message = ring.signed_in_the_past(&fingerprint, &payload);
    let attestation = Attestation::of(&payload).signed(&fingerprint, &message);
    world.attested(&occurrences(&[attestation]));
    world.check(IMAGE, &[]).is_denied("KEY_EXPIRED");
    world
        .check(IMAGE, &["--at", "2020-01-03T00:00:00Z"])
        .is_attested();
}

#[test]
fn a_revoked_key_does_not_count() {
    if !have(&["gpg"]) {
        return;
    }
    let (world, ring) = (World::new(), KeyRing::new());
    let fingerprint = ring.key("nistp256");
    let payload = world.payload(IMAGE);
    let message = ring.sign(&fingerprint, &payload);
    ring.revoke(&fingerprint);
    trust(&world, &ring, &fingerprint);
    let attestation = Attestation::of(&payload).signed(&fingerprint, &message);
    world.attested(&occurrences(&[attestation]));
    world.check(IMAGE, &[]).is_denied("KEY_REVOKED");
}

#[rstest]
#[case("rsa3072")]
#[case("ed25519")]
#[case("nistp256")]
fn gpg_reads_what_attest_signs(#[case] algorithm: &str) {
    if !have(&["gpg", "docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let (world, ring) = (World::new(), KeyRing::new());
    let fingerprint = ring.key(algorithm);
    trust(&world, &ring, &fingerprint);
    world.write("secret.asc", ring.secret(&fingerprint));
    let registry = docker_registry(world.folder());
    let image =
        write_layout(&world.path("layout"), "pgp").push(registry.address(), "demo/app", "v1");
    let output = world.attest(&image, "file:secret.asc", &["--to", "registry"]);
    assert!(output.status.success(), "{output:?}");
    world
        .check(&image, &["--attestations", "registry"])
        .is_attested();

    let occurrence = beside(registry.address(), &image);
    let decode = |value: &Value| STANDARD.decode(standard(value.as_str().unwrap())).unwrap();
    let attestation = &occurrence["attestation"];
    let message = decode(&attestation["signatures"][0]["signature"]);
    assert!(message.starts_with(b"-----BEGIN PGP MESSAGE-----"));
    assert_eq!(
        ring.decrypt(&message),
        decode(&attestation["serializedPayload"])
    );
    assert_eq!(ring.decrypt(&message), world.payload(&image));
    assert_eq!(attestation["signatures"][0]["publicKeyId"], *fingerprint);
}

/// The one occurrence beside an image, read as any client of the registry would.
fn beside(registry: &str, image: &str) -> Value {
    let (_, digest) = image.rsplit_once('@').unwrap();
    let accept = [(
        "accept",
        "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json",
    )];
    let manifest = |reference: &str| {
        let path = format!("/v2/demo/app/manifests/{reference}");
        http::send(registry, "GET", &path, &accept, b"").json()
    };
    let listing = manifest(&digest.replace(':', "-"));
    let artifact = manifest(listing["manifests"][0]["digest"].as_str().unwrap());
    assert_eq!(artifact["subject"]["digest"], digest);
    let layer = artifact["layers"][0]["digest"].as_str().unwrap();
    http::get(registry, &format!("/v2/demo/app/blobs/{layer}")).json()
}

fn standard(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

fn trust(world: &World, ring: &KeyRing, fingerprint: &str) -> PathBuf {
    let public = ring.public(fingerprint);
    world.trust(&attestor(&[
        json!({"id": fingerprint, "asciiArmoredPgpPublicKey": public}),
    ]));
    world.write("public.asc", public)
}
