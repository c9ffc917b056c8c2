use axum::http::StatusCode;
use postern_core::bytes::Base64;
use postern_core::checksum::crc32c;
use postern_core::entry::Record;
use postern_verify::PkixKey;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::algorithm::Algorithm;
use crate::testing::World;

const LOCATION: &str = "/v1/projects/shop/locations/global";
const RING: &str = "/v1/projects/shop/locations/global/keyRings/trust";
const KEY: &str = "/v1/projects/shop/locations/global/keyRings/trust/cryptoKeys/ci";
const FIRST: &str =
    "/v1/projects/shop/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1";

fn template(algorithm: &str) -> Value {
    json!({
        "purpose": "ASYMMETRIC_SIGN",
        "versionTemplate": {"algorithm": algorithm, "protectionLevel": "SOFTWARE"},
    })
}

async fn with_ring() -> World {
    let world = World::new();
    let path = format!("{LOCATION}/keyRings?keyRingId=trust");
    world.done("POST", &path, &json!({})).await;
    world
}

async fn with_key() -> World {
    let world = with_ring().await;
    let path = format!("{RING}/cryptoKeys?cryptoKeyId=ci");
    let key = template("EC_SIGN_P256_SHA256");
    world.done("POST", &path, &key).await;
    world
}

fn to_sign(payload: &[u8]) -> Value {
    let digest = Sha256::digest(payload);
    json!({
        "digest": {"sha256": Base64::encode(&digest)},
        "digestCrc32c": crc32c(&digest).to_string(),
    })
}

async fn state(world: &World) -> Value {
    world.done("GET", FIRST, &Value::Null).await["state"].take()
}

/// The audit entries of what was written, without those of the ring and the key.
fn told(world: &World) -> Vec<Value> {
    let entries = world.store.with(|kept| {
        let told = kept.entries.iter().map(|entry| match &entry.record {
            Record::TrustChange(change) => serde_json::from_str(&change.audit_entry).unwrap(),
            other => panic!("{other:?}"),
        });
        told.collect::<Vec<Value>>()
    });
    entries.into_iter().skip(2).collect()
}

#[tokio::test]
async fn what_is_made_is_answered_and_listed() {
    let world = with_key().await;
    let mut key = world.done("GET", KEY, &Value::Null).await;
    key["createTime"] = json!("some time");
    insta::assert_json_snapshot!(key, @r#"
    {
      "createTime": "some time",
      "destroyScheduledDuration": "2592000s",
      "name": "projects/shop/locations/global/keyRings/trust/cryptoKeys/ci",
      "purpose": "ASYMMETRIC_SIGN",
      "versionTemplate": {
        "algorithm": "EC_SIGN_P256_SHA256",
        "protectionLevel": "SOFTWARE"
      }
    }
    "#);
    let version = world.done("GET", FIRST, &Value::Null).await;
    assert_eq!(version["state"], "ENABLED");
    assert!(!version.to_string().contains("sealed"), "{version}");
    assert!(world.store.bodies().contains("sealed"));
    for (path, field, name) in [
        (format!("{LOCATION}/keyRings"), "keyRings", RING),
        (format!("{RING}/cryptoKeys"), "cryptoKeys", KEY),
        (
            format!("{KEY}/cryptoKeyVersions"),
            "cryptoKeyVersions",
            FIRST,
        ),
        (
            "/v1/projects/shop/locations".to_owned(),
            "locations",
            LOCATION,
        ),
    ] {
        let list = world.done("GET", &path, &Value::Null).await;
        assert_eq!(list[field][0]["name"], name[4..], "{path}");
    }
    let ring = world.done("GET", RING, &Value::Null).await;
    assert_eq!(ring["name"], RING[4..]);
    world
        .done("POST", &format!("{KEY}/cryptoKeyVersions"), &json!({}))
        .await;
    let page = format!("{KEY}/cryptoKeyVersions?pageSize=1");
    let first = world.done("GET", &page, &Value::Null).await;
    let next = format!(
        "{page}&pageToken={}",
        first["nextPageToken"].as_str().unwrap()
    );
    let second = world.done("GET", &next, &Value::Null).await;
    assert!(
        second["cryptoKeyVersions"][0]["name"]
            .as_str()
            .unwrap()
            .ends_with("/2")
    );
    assert_eq!(second["nextPageToken"], Value::Null);
}

#[rstest]
#[case::no_purpose(json!({}), "purpose must be")]
#[case::encryption(json!({"purpose": "ENCRYPT_DECRYPT"}), "ENCRYPT_DECRYPT are not kept here")]
#[case::no_template(json!({"purpose": "ASYMMETRIC_SIGN"}), "versionTemplate.algorithm is missing")]
#[case::no_such_algorithm(
    template("EC_SIGN_P521_SHA512"),
    "EC_SIGN_P521_SHA512 are not made here"
)]
#[case::hsm(json!({"purpose": "ASYMMETRIC_SIGN", "versionTemplate": {"algorithm": "EC_SIGN_P256_SHA256", "protectionLevel": "HSM"}}), "protection level HSM")]
#[case::rotation(json!({"purpose": "ASYMMETRIC_SIGN", "rotationPeriod": "86400s"}), "rotationPeriod")]
#[case::too_short(json!({"purpose": "ASYMMETRIC_SIGN", "versionTemplate": {"algorithm": "EC_SIGN_P256_SHA256"}, "destroyScheduledDuration": "60s"}), "destroyScheduledDuration")]
#[tokio::test]
async fn other_keys_are_refused(#[case] key: Value, #[case] said: &str) {
    let world = with_ring().await;
    let path = format!("{RING}/cryptoKeys?cryptoKeyId=ci");
    let (status, message) = world.refused("POST", &path, &key).await;
    assert_eq!(status, "INVALID_ARGUMENT");
    assert!(message.contains(said), "{message}");
    assert_eq!(world.refused("GET", KEY, &Value::Null).await.0, "NOT_FOUND");
}

#[tokio::test]
async fn names_are_checked_and_used_once() {
    let world = with_key().await;
    let again = format!("{LOCATION}/keyRings?keyRingId=trust");
    let (status, message) = world.refused("POST", &again, &json!({})).await;
    assert_eq!(status, "ALREADY_EXISTS");
    assert_eq!(
        message,
        "KeyRing projects/shop/locations/global/keyRings/trust already exists."
    );
    let key = template("EC_SIGN_P256_SHA256");
    for (path, status) in [
        (
            format!("{RING}/cryptoKeys?cryptoKeyId=ci"),
            "ALREADY_EXISTS",
        ),
        (
            format!("{RING}/cryptoKeys?cryptoKeyId=a%2Fb"),
            "INVALID_ARGUMENT",
        ),
        (format!("{RING}/cryptoKeys"), "INVALID_ARGUMENT"),
        (
            format!("{LOCATION}/keyRings/no/cryptoKeys?cryptoKeyId=ci"),
            "NOT_FOUND",
        ),
        (
            format!("{RING}/cryptoKeys/no/cryptoKeyVersions"),
            "INVALID_ARGUMENT",
        ),
        (format!("{RING}/importJobs"), "UNIMPLEMENTED"),
        (format!("{KEY}:encrypt"), "UNIMPLEMENTED"),
    ] {
        assert_eq!(world.refused("POST", &path, &key).await.0, status, "{path}");
    }
    assert_eq!(
        world.refused("DELETE", RING, &json!({})).await.0,
        "UNIMPLEMENTED"
    );
}

#[rstest]
#[case("EC_SIGN_P256_SHA256")]
#[case("EC_SIGN_P384_SHA384")]
#[case("RSA_SIGN_PSS_2048_SHA256")]
#[case("RSA_SIGN_PKCS1_2048_SHA256")]
#[tokio::test]
async fn signatures_verify_by_the_public_half(#[case] name: &str) {
    let world = with_ring().await;
    let path = format!("{RING}/cryptoKeys?cryptoKeyId=ci");
    world.done("POST", &path, &template(name)).await;
    let public = world
        .done("GET", &format!("{FIRST}/publicKey"), &Value::Null)
        .await;
    let pem = public["pem"].as_str().unwrap();
    assert_eq!(public["pemCrc32c"], crc32c(pem.as_bytes()).to_string());
    let algorithm = Algorithm::named(public["algorithm"].as_str().unwrap()).unwrap();
    let verifier = PkixKey::from_pem(pem, algorithm.signature()).unwrap();

    let (hash, sign) = (algorithm.hash(), format!("{FIRST}:asymmetricSign"));
    let digest = json!({"digest": {hash.field(): Base64::encode(&hash.of(b"payload"))}});
    let data = json!({"data": Base64::encode(b"payload"), "dataCrc32c": crc32c(b"payload")});
    for (asked, verified) in [(digest, Value::Null), (data, json!(true))] {
        let signed = world.done("POST", &sign, &asked).await;
        let signature = Base64::decode(signed["signature"].as_str().unwrap()).unwrap();
        assert_eq!(signed["signatureCrc32c"], crc32c(&signature).to_string());
        assert_eq!(signed["verifiedDataCrc32c"], verified);
        verifier.verify(b"payload", &signature).unwrap();
    }
}

#[tokio::test]
async fn what_was_damaged_on_its_way_is_not_signed() {
    let world = with_key().await;
    let sign = format!("{FIRST}:asymmetricSign");
    let signed = world.done("POST", &sign, &to_sign(b"payload")).await;
    assert_eq!(signed["verifiedDigestCrc32c"], true);
    let mut damaged = to_sign(b"payload");
    damaged["digestCrc32c"] = json!("1");
    let (status, message) = world.refused("POST", &sign, &damaged).await;
    assert_eq!(status, "INVALID_ARGUMENT");
    assert_eq!(
        message,
        "The checksum in field digest_crc32c did not match the data in field digest."
    );
    for wrong in [
        json!({}),
        json!({"digest": {"sha512": to_sign(b"")["digest"]["sha256"]}}),
        json!({"digest": {"sha256": "AAAA"}}),
        json!({"digest": to_sign(b"")["digest"], "data": "AAAA"}),
        json!({"digest": to_sign(b"")["digest"], "dataCrc32c": "0"}),
        json!({"data": Base64::encode(&[0; 64 * 1024 + 1])}),
    ] {
        let (status, _) = world.refused("POST", &sign, &wrong).await;
        assert_eq!(status, "INVALID_ARGUMENT");
    }
    assert_eq!(
        told(&world).len(),
        1,
        "what was refused was not told as done"
    );
}

#[tokio::test]
async fn only_enabled_versions_sign() {
    let world = with_key().await;
    let set = async |state: &str| {
        let path = format!("{FIRST}?updateMask=state");
        world.call("PATCH", &path, &json!({"state": state})).await.0
    };
    assert_eq!(set("DISABLED").await, StatusCode::OK);
    let sign = format!("{FIRST}:asymmetricSign");
    let (status, message) = world.refused("POST", &sign, &to_sign(b"payload")).await;
    assert_eq!(status, "FAILED_PRECONDITION");
    assert_eq!(
        message,
        format!(
            "{} is not enabled, current state is: DISABLED.",
            &FIRST[4..]
        )
    );
    let public = format!("{FIRST}/publicKey");
    assert_eq!(world.refused("GET", &public, &Value::Null).await.0, status);
    assert_eq!(set("ENABLED").await, StatusCode::OK);
    world.done("POST", &sign, &to_sign(b"payload")).await;
    for wrong in ["DESTROYED", "DESTROY_SCHEDULED", ""] {
        assert_eq!(set(wrong).await, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(state(&world).await, "ENABLED");
}

#[tokio::test]
async fn a_version_can_be_restored_until_its_time_has_come() {
    let world = with_key().await;
    let (destroy, restore) = (format!("{FIRST}:destroy"), format!("{FIRST}:restore"));
    let answer = world.done("POST", &destroy, &json!({})).await;
    assert_eq!(answer["state"], "DESTROY_SCHEDULED");
    assert_eq!(answer["destroyTime"].as_str().unwrap()[..10], *"2026-02-01");
    world.pass_days(29);
    let enable = format!("{FIRST}?updateMask=state");
    let enabled = json!({"state": "ENABLED"});
    let (status, _) = world.refused("PATCH", &enable, &enabled).await;
    assert_eq!(status, "FAILED_PRECONDITION");
    let answer = world.done("POST", &restore, &json!({})).await;
    assert_eq!(
        (&answer["state"], &answer["destroyTime"]),
        (&json!("DISABLED"), &Value::Null)
    );
    world.done("PATCH", &enable, &enabled).await;

    world.done("POST", &destroy, &json!({})).await;
    world.pass_days(30);
    let (status, message) = world.refused("POST", &restore, &json!({})).await;
    assert_eq!(status, "FAILED_PRECONDITION");
    assert!(
        message.ends_with("current state is: DESTROYED."),
        "{message}"
    );
    let gone = world.done("GET", FIRST, &Value::Null).await;
    assert_eq!(gone["destroyTime"], Value::Null);
    assert!(gone["destroyEventTime"].is_string());
    assert!(
        !world.store.bodies().contains("sealed"),
        "the key is erased"
    );
    let methods: Vec<_> = told(&world)
        .into_iter()
        .map(|entry| {
            entry["protoPayload"]["methodName"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        methods,
        [
            "DestroyCryptoKeyVersion",
            "RestoreCryptoKeyVersion",
            "UpdateCryptoKeyVersion",
            "DestroyCryptoKeyVersion",
            "CryptoKeyVersionDestroyed",
        ]
    );
}

#[tokio::test]
async fn keys_are_changed_by_their_masks_and_versions_are_never_numbered_twice() {
    let world = with_key().await;
    let change = json!({
        "labels": {"team_name": "payments"},
        "versionTemplate": {"algorithm": "EC_SIGN_P384_SHA384"},
    });
    let labels = format!("{KEY}?updateMask=labels");
    let key = world.done("PATCH", &labels, &change).await;
    assert_eq!(key["labels"], json!({"team_name": "payments"}));
    assert_eq!(key["versionTemplate"]["algorithm"], "EC_SIGN_P256_SHA256");
    let template = format!("{KEY}?update_mask=version_template.algorithm");
    world.done("PATCH", &template, &change).await;
    let versions = format!("{KEY}/cryptoKeyVersions");
    let second = world.done("POST", &versions, &json!({})).await;
    assert!(second["name"].as_str().unwrap().ends_with("/2"));
    assert_eq!(second["algorithm"], "EC_SIGN_P384_SHA384");
    for mask in ["", "?updateMask=purpose", "?updateMask=labels,purpose"] {
        let (status, _) = world
            .refused("PATCH", &format!("{KEY}{mask}"), &change)
            .await;
        assert_eq!(status, "INVALID_ARGUMENT", "{mask}");
    }
    let later = format!("{RING}/cryptoKeys?cryptoKeyId=later&skipInitialVersionCreation=true");
    world
        .done("POST", &later, &self::template("EC_SIGN_P256_SHA256"))
        .await;
    let none = format!("{RING}/cryptoKeys/later/cryptoKeyVersions");
    assert_eq!(world.done("GET", &none, &Value::Null).await, json!({}));
}

#[tokio::test]
async fn a_signature_is_told_as_cloud_kms_tells_it() {
    let world = with_key().await;
    world
        .done(
            "POST",
            &format!("{FIRST}:asymmetricSign"),
            &to_sign(b"payload"),
        )
        .await;
    let mut entry = told(&world).remove(0);
    entry["insertId"] = json!("a ULID");
    insta::assert_json_snapshot!(entry, @r#"
    {
      "insertId": "a ULID",
      "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access",
      "protoPayload": {
        "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
        "authenticationInfo": {
          "principalEmail": "local"
        },
        "authorizationInfo": [
          {
            "granted": true,
            "permission": "cloudkms.cryptoKeyVersions.useToSign",
            "resource": "projects/shop/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1"
          }
        ],
        "methodName": "AsymmetricSign",
        "request": {
          "@type": "type.googleapis.com/google.cloud.kms.v1.AsymmetricSignRequest",
          "digest": {
            "sha256": "I59Z7VXnN8dxR89VrQwbAwttfudIp0JpUvm4UtWpNeU="
          },
          "name": "projects/shop/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1"
        },
        "requestMetadata": {
          "callerIp": null,
          "callerSuppliedUserAgent": null
        },
        "resourceName": "projects/shop/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1",
        "serviceName": "cloudkms.googleapis.com",
        "status": {}
      },
      "receiveTimestamp": "2026-01-02T03:04:09Z",
      "resource": {
        "labels": {
          "crypto_key_id": "ci",
          "crypto_key_version_id": "1",
          "key_ring_id": "trust",
          "location": "global",
          "project_id": "shop"
        },
        "type": "cloudkms_cryptokeyversion"
      },
      "severity": "INFO",
      "timestamp": "2026-01-02T03:04:09Z"
    }
    "#);
}

#[tokio::test]
async fn bindings_on_keys_and_rings_are_enforced() {
    let world = with_key().await;
    let ci = "ci@shop.iam.gserviceaccount.com";
    let sign = async || {
        let path = format!("{FIRST}:asymmetricSign");
        world
            .call_by(ci, "POST", &path, &to_sign(b"payload"))
            .await
            .0
    };
    let bind = async |resource: &str, role: &str| {
        let bindings = json!([{"role": role, "members": [format!("serviceAccount:{ci}")]}]);
        let path = format!("{resource}:setIamPolicy");
        world
            .done("POST", &path, &json!({"policy": {"bindings": bindings}}))
            .await;
    };
    bind(KEY, "roles/cloudkms.viewer").await;
    assert_eq!(sign().await, StatusCode::FORBIDDEN);
    bind(KEY, "roles/cloudkms.signer").await;
    assert_eq!(sign().await, StatusCode::OK);
    let tested = json!({"permissions": ["cloudkms.cryptoKeyVersions.useToSign", "cloudkms.cryptoKeys.update"]});
    let may = world
        .call_by(ci, "POST", &format!("{KEY}:testIamPermissions"), &tested)
        .await;
    assert_eq!(
        may.1["permissions"],
        json!(["cloudkms.cryptoKeyVersions.useToSign"])
    );
    let of_key = told(&world).remove(1);
    assert_eq!(of_key["resource"]["type"], "cloudkms_cryptokey");
    assert_eq!(
        of_key["protoPayload"]["serviceName"],
        "cloudkms.googleapis.com"
    );
    assert_eq!(
        of_key["protoPayload"]["serviceData"]["policyDelta"]["bindingDeltas"],
        json!([
            {"action": "ADD", "role": "roles/cloudkms.signer", "member": format!("serviceAccount:{ci}")},
            {"action": "REMOVE", "role": "roles/cloudkms.viewer", "member": format!("serviceAccount:{ci}")},
        ])
    );
    bind(KEY, "roles/cloudkms.viewer").await;
    bind(RING, "roles/cloudkms.signerVerifier").await;
    assert_eq!(
        sign().await,
        StatusCode::OK,
        "the ring's bindings are those of its keys"
    );
    bind(RING, "roles/cloudkms.admin").await;
    assert_eq!(sign().await, StatusCode::FORBIDDEN);
    let (status, _) = world
        .refused(
            "POST",
            &format!("{RING}/cryptoKeys/no:setIamPolicy"),
            &json!({}),
        )
        .await;
    assert_eq!(status, "NOT_FOUND");
}

#[tokio::test]
async fn without_a_wrapping_key_there_are_no_keys() {
    let world = World::with_vault(None);
    let path = format!("{LOCATION}/keyRings?keyRingId=trust");
    world.done("POST", &path, &json!({})).await;
    let path = format!("{RING}/cryptoKeys?cryptoKeyId=ci");
    let key = template("EC_SIGN_P256_SHA256");
    let (status, message) = world.refused("POST", &path, &key).await;
    assert_eq!(status, "FAILED_PRECONDITION");
    assert!(message.contains("trust.keys.wrappingKey"), "{message}");
}
