//! Signed checkpoints kept elsewhere: in a file, in fake-gcs-server, in moto's S3 under object lock, and by
//! who subscribes to a topic of the Pub/Sub emulator; and signed with a key of moto's KMS.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postern_tests::{Server, fake_gcs, have, moto, pubsub_emulator, run};
use serde_json::{Value, json};

use crate::audit::config;
use crate::kms::{kms, pem};
use crate::ledger::{ORIGIN, Scene, text};
use crate::support::{Process, attestor, http};

const BUCKET: &str = "synthetic-anchors";

/// `postern serve` that signs with this key and keeps what it signs there.
fn serve(
    scene: &Scene,
    key: &str,
    anchors: &Value,
    gcs: Option<&str>,
    aws: Option<&str>,
) -> Process {
    let environment = aws.map(|url| {
        [
            ("AWS_ENDPOINT_URL", url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "synthetic"),
            ("AWS_SECRET_ACCESS_KEY", "synthetic"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    });
    let environment: Vec<_> = environment.into_iter().flatten().collect();
    serve_with(scene, key, anchors, gcs, &environment)
}

/// As [`serve`], with these variables.
fn serve_with(
    scene: &Scene,
    key: &str,
    anchors: &Value,
    gcs: Option<&str>,
    environment: &[(&str, &str)],
) -> Process {
    scene.world.trust(&attestor(&[]));
    let mut config = config();
    config["ledger"] = json!({"origin": ORIGIN, "key": key, "anchors": anchors});
    if let Some(url) = gcs {
        config["endpoints"] = json!({"storage": url});
    }
    scene.world.write("postern.yaml", config.to_string());
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "postern.yaml",
    ];
    let mut command = scene.world.postern(&words);
    Process::serve(command.envs(environment.iter().copied()))
}

fn key(scene: &Scene) -> String {
    format!("file:{}", scene.key.private.display())
}

/// Has everything signed that is recorded by now, and gives the checkpoint.
fn signed(server: &Process) -> String {
    let ticked = http::post(server.address(), "/v1/tick", None, &json!({}));
    assert_eq!(ticked.status, 200, "{}", text(&ticked.body));
    text(&http::get(server.address(), "/v1/ledger/checkpoint").body)
}

fn object(note: &str) -> String {
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    format!("postern/{size:020}.note")
}

#[test]
fn a_file_of_anchored_checkpoints_finds_a_replaced_record() {
    let Some(scene) = Scene::of(3) else { return };
    let anchors = json!([{"type": "file", "path": "anchored.txt"}]);
    let server = serve(&scene, &key(&scene), &anchors, None, None);
    let note = signed(&server);
    let metrics = text(&http::get(server.address(), "/metrics").body);
    assert!(metrics.contains("postern_ledger_anchor_age_seconds{anchor=\"file:anchored.txt\"}"));
    assert!(metrics.contains("postern_ledger_anchor_lag_entries{anchor=\"file:anchored.txt\"} 0"));
    drop(server);
    assert_eq!(
        std::fs::read_to_string(scene.world.path("anchored.txt")).unwrap(),
        note
    );
    // After a start the newest is published again, which changes nothing.
    scene.record(3..5);
    signed(&serve(&scene, &key(&scene), &anchors, None, None));
    scene.keep("now.txt");
    let verify = ["--data", "data", "--anchored", "anchored.txt"];
    let (exit, said) = scene.verify(&verify);
    assert_eq!(exit, Some(0), "{said}");
    std::fs::rename(scene.world.path("data"), scene.world.path("stolen")).unwrap();
    scene.record(50..70);
    scene.keep("forged.txt");
    assert_eq!(scene.verify(&verify).0, Some(1));
}

#[test]
fn an_anchor_that_is_down_keeps_nobody_from_signing() {
    let Some(scene) = Scene::of(3) else { return };
    let anchors = json!([
        {"type": "file", "path": "no-such-folder/anchored.txt"},
        {"type": "file", "path": "anchored.txt"},
    ]);
    let server = serve(&scene, &key(&scene), &anchors, None, None);
    let note = signed(&server);
    assert!(note.starts_with(ORIGIN), "{note}");
    assert_eq!(
        std::fs::read_to_string(scene.world.path("anchored.txt")).unwrap(),
        note
    );
    let metrics = text(&http::get(server.address(), "/metrics").body);
    let size = note.lines().nth(1).unwrap();
    let lag = format!(
        "postern_ledger_anchor_lag_entries{{anchor=\"file:no-such-folder/anchored.txt\"}} {size}"
    );
    assert!(metrics.contains(&lag), "{metrics}");
}

#[test]
fn who_subscribes_to_a_topic_gets_what_was_signed() {
    if !have(&["pubsub-emulator"]) {
        return;
    }
    let Some(scene) = Scene::of(3) else { return };
    let emulator = pubsub_emulator();
    let (topic, subscription) = (
        "projects/demo-mart/topics/checkpoints",
        "projects/demo-mart/subscriptions/keeper",
    );
    for (path, body) in [(topic, json!({})), (subscription, json!({"topic": topic}))] {
        let path = format!("/v1/{path}");
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        let made = http::send(emulator.address(), "PUT", &path, &headers, body.as_bytes());
        assert_eq!(made.status, 200, "{}", text(&made.body));
    }
    let anchors = json!([{"type": "pubsub", "topic": topic}]);
    let host = [("PUBSUB_EMULATOR_HOST", emulator.address())];
    let server = serve_with(&scene, &key(&scene), &anchors, None, &host);
    let note = signed(&server);
    let pull = format!("/v1/{subscription}:pull");
    let pulled = http::post(emulator.address(), &pull, None, &json!({"maxMessages": 10}));
    let message = &pulled.json()["receivedMessages"][0]["message"];
    let data = BASE64.decode(message["data"].as_str().unwrap()).unwrap();
    let data: Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(data["kind"], "LedgerCheckpoint");
    assert_eq!(data["note"], note.as_str());
    assert_eq!(message["attributes"]["size"], data["size"].to_string());
    // What a subscriber kept finds out another record.
    scene
        .world
        .write("anchored.txt", data["note"].as_str().unwrap());
    drop(server);
    let (exit, said) = scene.verify(&["--data", "data", "--anchored", "anchored.txt"]);
    assert_eq!(exit, Some(0), "{said}");
}

#[test]
fn a_bucket_of_cloud_storage_keeps_each_checkpoint_once() {
    if !have(&["fake-gcs-server"]) {
        return;
    }
    let Some(scene) = Scene::of(3) else { return };
    let gcs = fake_gcs(&scene.world.path("buckets"), BUCKET);
    let anchors = json!([{"type": "gcs", "bucket": BUCKET, "prefix": "postern"}]);
    let url = gcs.url();
    let server = serve(&scene, &key(&scene), &anchors, Some(&url), None);
    let note = signed(&server);
    drop(server);
    let path = format!(
        "/storage/v1/b/{BUCKET}/o/{}?alt=media",
        object(&note).replace('/', "%2F")
    );
    let kept = http::get(gcs.address(), &path);
    assert_eq!(text(&kept.body), note);
    // What is there is left as it is, and found to be the same.
    let server = serve(&scene, &key(&scene), &anchors, Some(&url), None);
    signed(&server);
    let metrics = text(&http::get(server.address(), "/metrics").body);
    assert!(
        metrics.contains(
            "postern_ledger_anchor_lag_entries{anchor=\"gcs:synthetic-anchors/postern/\"} 0"
        ),
        "{metrics}"
    );
}

#[test]
fn a_locked_bucket_of_s3_keeps_each_checkpoint_once() {
    if !have(&["moto_server"]) {
        return;
    }
    let Some(scene) = Scene::of(3) else { return };
    let moto = moto();
    let put = s3(
        &moto,
        "PUT",
        &format!("/{BUCKET}"),
        &[("x-amz-bucket-object-lock-enabled", "true")],
    );
    assert_eq!(put.0, 200, "{}", put.1);
    let anchors =
        json!([{"type": "s3", "bucket": BUCKET, "prefix": "postern", "region": "us-east-1"}]);
    let url = moto.url();
    let server = serve(&scene, &key(&scene), &anchors, None, Some(&url));
    let note = signed(&server);
    drop(server);
    let object = format!("/{BUCKET}/{}", object(&note));
    assert_eq!(s3(&moto, "GET", &object, &[]).1, note);
    // Somebody replaces it: the next start says that it is another one, and signs all the same.
    let forged = note.replace(ORIGIN, "forged.example.com/synthetic");
    send(&moto, "PUT", &object, &[], forged.as_bytes());
    let server = serve(&scene, &key(&scene), &anchors, None, Some(&url));
    assert_eq!(signed(&server).lines().next(), Some(ORIGIN));
    server.line("holds another checkpoint");
    assert_eq!(
        s3(&moto, "GET", &object, &[]).1,
        forged,
        "nothing is written over"
    );
}

#[test]
fn a_server_signs_with_a_key_of_kms() {
    if !have(&["moto_server"]) {
        return;
    }
    let Some(scene) = Scene::of(2) else { return };
    let moto = moto();
    let made = kms(
        &moto,
        "CreateKey",
        &json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}),
    );
    let id = made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let public = kms(&moto, "GetPublicKey", &json!({"KeyId": id}));
    let der = BASE64
        .decode(public["PublicKey"].as_str().unwrap())
        .unwrap();
    let public = scene
        .world
        .write("kms.pub", pem(&scene.world.write("kms.der", der)));
    let url = moto.url();
    let server = serve(
        &scene,
        &format!("awskms:///{id}"),
        &json!([]),
        None,
        Some(&url),
    );
    let note = signed(&server);
    let (body, line) = note.split_once("\n\n").unwrap();
    let bytes = BASE64
        .decode(line.trim_end().rsplit_once(' ').unwrap().1)
        .unwrap();
    // Four bytes that name the key stand before the signature.
    let signature = scene.world.write("signature", &bytes[4..]);
    let message = scene.world.write("message", format!("{body}\n"));
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-verify"]).arg(public);
    openssl.arg("-signature").arg(signature).arg(message);
    assert_eq!(text(&run(&mut openssl)), "Verified OK\n");
}

/// One call of S3, as any client makes it: status and body.
fn s3(moto: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    send(moto, method, path, headers, b"")
}

fn send(
    moto: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let authorization = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=synthetic/20260102/us-east-1/s3/aws4_request, \
         SignedHeaders=host, Signature=synthetic",
    );
    let headers = [&[authorization], headers].concat();
    let answer = http::send(moto.address(), method, path, &headers, body);
    (answer.status, text(&answer.body))
}
