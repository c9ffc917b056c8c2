//! The ground that the end-to-end tests stand on: the servers and tools from outside do what the
//! tests take for granted.

use postern_tests::{docker_registry, have, openssl, registry_v3, write_layout};

#[test]
fn a_registry_takes_an_image_and_keeps_its_digest() {
    if !have(&["docker-registry", "registry", "skopeo", "openssl"]) {
        return;
    }
    for start in [docker_registry, registry_v3] {
        let folder = tempfile::tempdir().unwrap();
        let registry = start(folder.path());
        let layout = write_layout(&folder.path().join("layout"), "one");
        layout.push(registry.address(), "demo/app", "v1");
        let inspected = postern_tests::run(
            std::process::Command::new("skopeo")
                .args(["inspect", "--tls-verify=false"])
                .arg(format!("docker://{}/demo/app:v1", registry.address())),
        );
        let inspected: serde_json::Value = serde_json::from_slice(&inspected).unwrap();
        assert_eq!(inspected["Digest"], layout.digest);
    }
}

#[test]
fn moto_answers() {
    if !have(&["moto_server"]) {
        return;
    }
    let moto = postern_tests::moto();
    assert!(std::net::TcpStream::connect(moto.address()).is_ok());
}

#[test]
fn openssl_makes_every_kind_of_key() {
    if !have(&["openssl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for curve in ["P-256", "P-384", "P-521"] {
        let key = openssl::ec_key(folder.path(), curve);
        let signature = openssl::sign(&key, "sha256", openssl::Padding::None, b"message");
        assert_eq!(signature[0], 0x30, "a DER sequence");
    }
    let key = openssl::rsa_key(folder.path(), 2048);
    let signature = openssl::sign(&key, "sha256", openssl::Padding::Pss, b"message");
    assert_eq!(signature.len(), 256);
}
