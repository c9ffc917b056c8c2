//! The door of Amazon SNS, with messages that are signed as SNS signs them.
//!
//! No emulator signs, so the tests do, by a key and a certificate made for them. The certificate stands
//! at a local stand-in for `sns.eu-west-1.amazonaws.com`, which the server is led to as in a network
//! behind a proxy: by `HTTPS_PROXY`, and by `SSL_CERT_FILE`, which says whom TLS believes. Whether the
//! address is one of Amazon, and whether TLS says so, is checked as ever.

mod amazon;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use postern_tests::have;
use postern_tests::openssl::{KeyPair, Padding, rsa_key, sign};
use rstest::rstest;
use serde_json::{Value, json};

use self::amazon::{Amazon, CERTIFICATE, CONFIRM};
use crate::audit::{break_glass_entry, cases, config};
use crate::support::{Process, World, http, ours};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:audit";

/// A server with the door, and who stands in for Amazon.
struct Scene {
    world: World,
    key: KeyPair,
    amazon: Amazon,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let mut config = config();
        config["policy"] = Value::Null;
        config["attestors"] = Value::Null;
        config["audit"] = json!({"sns": {"topics": [TOPIC]}});
        std::fs::create_dir_all(world.path("data")).unwrap();
        world.write("postern.yaml", config.to_string());
        let key = rsa_key(world.folder(), 2048);
        let amazon = Amazon::start(&world, &key);
        Self { world, key, amazon }
    }

    /// A binary that takes events, behind a proxy that leads to the stand-in.
    fn serve(&self, binary: &str, believed: &[(&str, &str)]) -> Process {
        let mut command = ours(binary);
        if binary == "postern" {
            command.args(["serve", "--config", "postern.yaml"]);
        }
        for name in [
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
        ] {
            command.env_remove(name);
        }
        command
            .current_dir(self.world.folder())
            .env("POSTERN_CONFIG", "postern.yaml")
            .env("POSTERN__LISTEN", "127.0.0.1:0")
            .env("HTTPS_PROXY", self.amazon.proxy())
            .envs(believed.iter().copied());
        Process::serve(&mut command)
    }

    fn believing(&self, binary: &str) -> Process {
        self.serve(binary, &[("SSL_CERT_FILE", &self.amazon.authority)])
    }

    /// A message with one event of break-glass.
    fn notification(&self) -> Value {
        let message = json!({
            "Type": "Notification", "MessageId": "0a1b", "TopicArn": TOPIC, "Subject": "synthetic",
            "Message": break_glass_entry("synthetic-1").to_string(),
            "Timestamp": Timestamp::now().to_string(),
        });
        signed(message, &self.key)
    }

    fn confirmation(&self) -> Value {
        let message = json!({
            "Type": "SubscriptionConfirmation", "MessageId": "0a1b", "TopicArn": TOPIC,
            "Message": "You have chosen to subscribe", "Token": "0a1b", "SubscribeURL": CONFIRM,
            "Timestamp": Timestamp::now().to_string(),
        });
        signed(message, &self.key)
    }
}

/// With what SNS adds to the fields that are there, which it signs in the order of their names.
fn signed(mut message: Value, key: &KeyPair) -> Value {
    let fields = message.as_object().unwrap();
    let mut names: Vec<_> = fields.keys().collect();
    names.sort();
    let line = |name: &String| format!("{name}\n{}\n", fields[name].as_str().unwrap());
    let text: String = names.into_iter().map(line).collect();
    let signature = sign(key, "sha256", Padding::None, text.as_bytes());
    message["SignatureVersion"] = "2".into();
    message["Signature"] = STANDARD.encode(signature).into();
    message["SigningCertURL"] = CERTIFICATE.into();
    message
}

fn post(server: &Process, message: &Value) -> (u16, Value) {
    let answer = http::post(server.address(), "/v1/events/sns", None, message);
    (answer.status, answer.json())
}

#[rstest]
#[case::of_all_functions("postern")]
#[case::of_the_auditor("postern-auditor")]
fn a_message_that_a_topic_signed_becomes_a_case(#[case] binary: &str) {
    if !have(&["openssl"]) {
        return;
    }
    let scene = Scene::new();
    let server = scene.believing(binary);
    let (status, said) = post(&server, &scene.confirmation());
    assert_eq!(status, 200, "{said}");
    server.line("a subscription was confirmed");
    let message = scene.notification();
    let (status, said) = post(&server, &message);
    assert_eq!((status, &said["recorded"]), (200, &json!(1)), "{said}");
    let (status, said) = post(&server, &message);
    assert_eq!((status, &said["known"]), (200, &json!(1)), "{said}");
    let cases = cases(&server);
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0]["category"], "BREAK_GLASS");
    // The certificate once, then the confirmation: connections are kept, so there may be one for both.
    let asked = scene.amazon.asked();
    assert!((1..=2).contains(&asked.len()), "{asked:?}");
    assert!(
        asked
            .iter()
            .all(|to| to == "sns.eu-west-1.amazonaws.com:443")
    );
}

#[test]
fn what_no_listed_topic_signed_is_refused_and_leaves_no_trace() {
    if !have(&["openssl"]) {
        return;
    }
    let scene = Scene::new();
    let server = scene.believing("postern");
    let changed = |name: &str, value: Value| {
        let mut message = scene.notification();
        message[name] = value;
        message
    };
    let folder = scene.world.path("other");
    std::fs::create_dir(&folder).unwrap();
    let mut another_key = scene.notification();
    for name in ["Signature", "SignatureVersion", "SigningCertURL"] {
        another_key.as_object_mut().unwrap().remove(name);
    }
    let unsigned = another_key.clone();
    let another_key = signed(another_key, &rsa_key(&folder, 2048));
    let elsewhere =
        "https://sns.eu-west-1.amazonaws.com.example.org/SimpleNotificationService-0a1b.pem";
    let foreign = "arn:aws:sns:eu-west-1:444455556666:audit";
    let refused = [
        (
            changed("SigningCertURL", elsewhere.into()),
            "SigningCertURL",
        ),
        (changed("TopicArn", foreign.into()), "audit.sns.topics"),
        (changed("SignatureVersion", "1".into()), "version 2"),
        (unsigned, "no message of Amazon SNS"),
        (break_glass_entry("synthetic-1"), "no message of Amazon SNS"),
        (another_key, "its signature is wrong"),
        (changed("Message", "{}".into()), "its signature is wrong"),
        (
            changed("Timestamp", "2026-01-02T03:04:05Z".into()),
            "Timestamp",
        ),
    ];
    for (message, why) in refused {
        let (status, said) = post(&server, &message);
        assert_eq!(
            (status, &said["code"]),
            (403, &json!("SNS_REFUSED")),
            "{said}"
        );
        assert!(said["detail"].as_str().unwrap().contains(why), "{said}");
    }
    assert_eq!(cases(&server), Vec::<Value>::new());
    let (status, said) = post(&server, &scene.notification());
    assert_eq!((status, &said["recorded"]), (200, &json!(1)), "{said}");
}

#[test]
fn a_certificate_that_comes_from_no_host_of_amazon_is_not_believed() {
    if !have(&["openssl"]) {
        return;
    }
    let scene = Scene::new();
    // TLS does not believe the stand-in here, and would believe no thief of the name either.
    let server = scene.serve("postern", &[]);
    let (status, said) = post(&server, &scene.notification());
    assert_eq!(
        (status, &said["code"]),
        (503, &json!("SNS_UNAVAILABLE")),
        "{said}"
    );
    assert_eq!(cases(&server), Vec::<Value>::new());
    assert_eq!(scene.amazon.asked().len(), 1);
}

#[test]
fn there_is_no_door_without_topics() {
    let world = World::new();
    let words = ["serve", "--listen", "127.0.0.1:0"];
    let server = Process::serve(&mut world.postern(&words));
    let message = json!({"Type": "Notification"});
    let answer = http::post(server.address(), "/v1/events/sns", None, &message);
    assert_eq!(answer.status, 404);
}
