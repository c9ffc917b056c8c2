//! `postern doctor`: what usually goes wrong is found, and what cannot be told is not taken for ok.

use jiff::{SignedDuration, Timestamp};
use postern_tests::have;
use postern_tests::openssl::{KeyPair, ec_key};
use serde_json::{Value, json};

use crate::cloud_kms::{VERSION, crc32c};
use crate::support::{ATTESTOR, Reply, StandIn, World, ecdsa_attestor};

/// Nobody listens there: it is the discard service's port.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A folder in which everything is as it should be, with this configuration besides.
struct Scene {
    world: World,
    config: Value,
}

impl Scene {
    fn new() -> Self {
        let (world, _) = World::with_key();
        let scene = Self {
            world,
            config: json!({
                "store": "sqlite:data/postern.db", "policy": "policy.json",
                "attestors": "attestors.json",
                "outputs": [{"name": "file", "type": "file", "path": "alerts.ndjson"}],
            }),
        };
        scene.write();
        let mut migrate = scene.world.postern(&["store", "migrate"]);
        postern_tests::run(migrate.args(["--config", "postern.json"]));
        scene
    }

    fn write(&self) {
        self.world.write("postern.json", self.config.to_string());
    }

    fn set(&mut self, key: &str, value: Value) {
        self.config[key] = value;
        self.write();
    }

    /// Signs for [`ATTESTOR`] with the key of Cloud KMS that is at this address.
    fn sign_at(&mut self, url: &str) {
        let signer = json!({
            "attestor": ATTESTOR, "key": format!("gcpkms://{VERSION}"),
            "callers": ["ci@demo-project.iam.gserviceaccount.com"], "repositories": ["**"],
        });
        self.set("attestor", json!({"signers": [signer]}));
        self.set("endpoints", json!({"kms": url}));
    }

    /// Exit code, and the lines of one check as `STATE MESSAGE`.
    fn examined(&self, check: &str) -> (Option<i32>, Vec<String>) {
        let words = ["doctor", "--config", "postern.json", "--format", "json"];
        let output = postern_tests::output(&mut self.world.postern(&words));
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(report["kind"], "DoctorReport");
        let lines = report["lines"].as_array().unwrap().iter();
        let of_check = lines.filter(|line| line["check"] == check);
        let told = of_check.map(|line| {
            let [state, message] = ["state", "message"].map(|key| line[key].as_str().unwrap());
            assert_eq!(
                line["fix"].is_string(),
                ["fail", "cannotTell"].contains(&state),
                "{line}"
            );
            format!("{state} {message}")
        });
        (output.status.code(), told.collect())
    }
}

/// Stands in for Cloud KMS with this key, on which these permissions are granted.
fn kms(key: &KeyPair, granted: &'static [&'static str]) -> StandIn {
    let pem = std::fs::read_to_string(&key.public).unwrap();
    StandIn::start(move |request| match &*request.method {
        "GET" => Reply::json(&json!({
            "name": VERSION, "algorithm": "EC_SIGN_P256_SHA256", "pem": pem,
            "pemCrc32c": crc32c(pem.as_bytes()),
        })),
        _ => {
            assert!(
                request
                    .target
                    .ends_with("/cryptoKeys/ci:testIamPermissions")
            );
            Reply::json(&json!({"permissions": granted}))
        }
    })
}

#[test]
fn a_key_is_found_that_nothing_verifies_or_that_may_not_sign() {
    if !have(&["openssl"]) {
        return;
    }
    let mut scene = Scene::new();
    let (exit, told) = scene.examined("key");
    assert_eq!(
        (exit, &*told[0]),
        (Some(0), "skipped `attestor.signers` names none")
    );
    assert_eq!(scene.examined("store").1.len(), 1);

    let key = ec_key(scene.world.folder(), "P-256");
    let may = kms(&key, &["cloudkms.cryptoKeyVersions.useToSign"]);
    scene.sign_at(&may.url());
    let (exit, told) = scene.examined("key");
    assert_eq!(exit, Some(1));
    assert!(told[0].starts_with("fail ") && told[0].contains("does not have its public half"));

    scene.world.trust(&ecdsa_attestor(&key.public));
    let (exit, told) = scene.examined("key");
    assert_eq!(exit, Some(0), "{told:?}");
    assert!(told[0].starts_with("ok "), "{told:?}");

    let may_not = kms(&key, &[]);
    scene.sign_at(&may_not.url());
    let (exit, told) = scene.examined("key");
    assert_eq!(exit, Some(1));
    assert_eq!(
        told,
        ["fail this identity lacks cloudkms.cryptoKeyVersions.useToSign"]
    );

    scene.sign_at(NOWHERE);
    let (exit, told) = scene.examined("key");
    assert_eq!(exit, Some(3), "{told:?}");
    assert!(told[0].starts_with("cannotTell "), "{told:?}");
}

#[test]
fn a_clock_that_is_wrong_and_a_registry_that_refuses_are_found() {
    if !have(&["openssl"]) {
        return;
    }
    let mut scene = Scene::new();
    let registry = |status: u16, ahead: i64| {
        StandIn::start(move |request| {
            assert_eq!(request.target, "/v2/");
            let now = Timestamp::now() + SignedDuration::from_secs(ahead);
            let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            Reply::Http(status, vec![("date".to_owned(), date)], b"{}".to_vec())
        })
    };
    let mut examined = |registry: &StandIn, check: &str| {
        let listed = json!({
            "host": registry.address(), "plainHttp": true, "allowPrivate": true,
            "credential": {"type": "anonymous"},
        });
        scene.set("registries", json!([listed]));
        scene.examined(check)
    };
    let good = registry(200, 0);
    let (exit, told) = examined(&good, "clock");
    assert_eq!(exit, Some(0), "{told:?}");
    let (exit, told) = examined(&registry(200, 3600), "clock");
    assert_eq!(exit, Some(1));
    assert!(
        told[0].starts_with("fail ") && told[0].contains(" s behind"),
        "{told:?}"
    );
    let (exit, told) = examined(&registry(403, 0), "registry");
    assert_eq!(exit, Some(1));
    assert!(told[0].starts_with("fail it answered 403"), "{told:?}");
}

#[test]
fn a_sink_is_found_that_sends_nothing() {
    if !have(&["openssl"]) {
        return;
    }
    const WRITER: &str = "serviceAccount:writer@example.com";
    let mut scene = Scene::new();
    let google = |disabled: bool, members: &'static [&'static str]| {
        StandIn::start(move |request| match &*request.target {
            "/v2/projects/demo-mart/sinks?pageSize=100" => Reply::json(&json!({"sinks": [{
                "name": "audit", "disabled": disabled, "writerIdentity": WRITER,
                "destination": "pubsub.googleapis.com/projects/demo-mart/topics/audit",
            }]})),
            "/v1/projects/demo-mart/topics/audit:getIamPolicy" => Reply::json(&json!({
                "bindings": [{"role": "roles/pubsub.publisher", "members": members}],
            })),
            _ => Reply::status(404),
        })
    };
    let mut examined = |url: &str, name: &str| {
        let nowhere = ["resourceManager", "run", "container", "orgPolicy"];
        let mut endpoints = json!({"logging": url, "pubsub": url});
        for api in nowhere {
            endpoints[api] = json!(NOWHERE);
        }
        scene.set("endpoints", endpoints);
        let channels = json!([format!("projects/demo-mart/sinks/{name}")]);
        scene.set("audit", json!({"trust": {"channels": channels}}));
        let (exit, told) = scene.examined("sink");
        (exit, told.join("\n"))
    };
    let good = google(false, &[WRITER]);
    let (exit, told) = examined(&good.url(), "audit");
    assert_eq!(exit, Some(0), "{told}");
    let (exit, told) = examined(&good.url(), "other");
    assert_eq!(
        (exit, &*told),
        (Some(1), "fail it is not there, so nothing is sent")
    );
    let (exit, told) = examined(&google(true, &[WRITER]).url(), "audit");
    assert_eq!((exit, &*told), (Some(1), "fail it is switched off"));
    let (exit, told) = examined(&google(false, &[]).url(), "audit");
    assert_eq!(exit, Some(1));
    assert!(told.contains("may not publish"), "{told}");
    let (exit, told) = examined(NOWHERE, "audit");
    assert_eq!(exit, Some(3), "{told}");
}
