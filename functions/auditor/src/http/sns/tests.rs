//! Messages that are signed here, by a certificate made for the test, and a stand-in for the hosts of
//! Amazon SNS.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

use async_trait::async_trait;
use axum::body::to_bytes;
use axum::http::Request;
use postern_core::bytes::Base64;
use postern_core::ports::{Fetcher, Unavailable};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::auditor::Believed;
use crate::testing::{MemoryStore, catalogue, entry};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:audit";
const CERTIFICATE: &str =
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem";
const CONFIRM: &str = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=0a1b";

/// Making RSA keys takes long, so there is one.
static KEY: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap());

/// Stands in for the hosts of Amazon SNS.
#[derive(Default)]
struct Amazon {
    answers: BTreeMap<String, String>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Fetcher for Amazon {
    async fn get(&self, url: &str, _: usize) -> Result<Vec<u8>, Unavailable> {
        self.asked.lock().unwrap().push(url.to_owned());
        match self.answers.get(url) {
            Some(answer) => Ok(answer.clone().into()),
            None => Err(Unavailable::new(url, "it answered 503")),
        }
    }
}

struct World {
    router: Router,
    store: Arc<MemoryStore>,
    amazon: Arc<Amazon>,
}

impl World {
    fn new() -> Self {
        let mut params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2090, 1, 1);
        let certificate = params.self_signed(&*KEY).unwrap().pem();
        Self::with(
            [
                (CERTIFICATE.to_owned(), certificate),
                (
                    CONFIRM.to_owned(),
                    "<ConfirmSubscriptionResponse/>".to_owned(),
                ),
            ]
            .into(),
        )
    }

    fn with(answers: BTreeMap<String, String>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let auditor = Auditor::new(store.clone(), catalogue(), Believed::default());
        let asked = Mutex::default();
        let amazon = Arc::new(Amazon { answers, asked });
        let door = SnsDoor::new(&[TOPIC.to_owned()], amazon.clone());
        Self {
            router: sns_router(Arc::new(auditor), door.unwrap()),
            store,
            amazon,
        }
    }

    async fn post(&self, body: impl ToString) -> (u16, Value) {
        let request = Request::post("/v1/events/sns");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// What is said of a refused message, after which nothing was written.
    async fn refused(&self, body: impl ToString) -> String {
        let (status, problem) = self.post(body).await;
        assert_eq!(status, 403, "{problem}");
        assert_eq!(problem["code"], "SNS_REFUSED");
        self.store.with(|state| assert!(state.seen.is_empty()));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// A notification with one event, signed.
fn notification() -> Value {
    signed(json!({
        "Type": "Notification", "MessageId": "0a1b", "TopicArn": TOPIC, "Subject": "synthetic",
        "Message": entry("cloud-run-break-glass").to_string(),
        "Timestamp": Timestamp::now().to_string(),
    }))
}

fn confirmation() -> Value {
    signed(json!({
        "Type": "SubscriptionConfirmation", "MessageId": "0a1b", "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe", "Token": "0a1b", "SubscribeURL": CONFIRM,
        "Timestamp": Timestamp::now().to_string(),
    }))
}

/// With what SNS adds. The order of the fields is that of the developer guide, which is alphabetical.
fn signed(mut message: Value) -> Value {
    let fields = message.as_object().unwrap();
    let mut text = String::new();
    for name in [
        "Message",
        "MessageId",
        "SubscribeURL",
        "Subject",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ] {
        if let Some(value) = fields.get(name) {
            text += &format!("{name}\n{}\n", value.as_str().unwrap());
        }
    }
    let signature = KEY.sign(text.as_bytes()).unwrap();
    message["SignatureVersion"] = "2".into();
    message["Signature"] = Base64::encode(&signature).as_str().into();
    message["SigningCertURL"] = CERTIFICATE.into();
    message
}

fn changed(mut message: Value, name: &str, value: &str) -> Value {
    message[name] = value.into();
    message
}

#[tokio::test]
async fn a_signed_notification_is_taken_in_once() {
    let world = World::new();
    let message = notification();
    let (status, report) = world.post(&message).await;
    assert_eq!((status, &report["recorded"]), (200, &json!(1)), "{report}");
    let (status, report) = world.post(&message).await;
    assert_eq!((status, &report["known"]), (200, &json!(1)), "{report}");
    let again = changed(notification(), "MessageId", "2");
    let (_, report) = world.post(signed(again)).await;
    assert_eq!(report["known"], 1, "{report}");
    world
        .store
        .with(|state| assert_eq!((state.seen.len(), state.cases.len()), (1, 1)));
    // The certificate is kept.
    assert_eq!(*world.amazon.asked.lock().unwrap(), [CERTIFICATE]);
}

#[tokio::test]
async fn a_listed_topics_subscription_is_confirmed() {
    let world = World::new();
    assert_eq!(world.post(confirmation()).await.0, 200);
    assert_eq!(*world.amazon.asked.lock().unwrap(), [CERTIFICATE, CONFIRM]);
    let elsewhere = changed(
        confirmation(),
        "SubscribeURL",
        "https://evil.example/?Action=a",
    );
    let told = world.refused(signed(elsewhere)).await;
    assert!(told.contains("SubscribeURL"), "{told}");
    let ended = changed(confirmation(), "Type", "UnsubscribeConfirmation");
    assert_eq!(world.post(signed(ended)).await.0, 200);
    assert_eq!(world.amazon.asked.lock().unwrap().len(), 2);
}

#[rstest::rstest]
#[case::message("Message", "{}")]
#[case::id("MessageId", "2")]
#[case::subject("Subject", "another")]
#[case::kind("Type", "UnsubscribeConfirmation")]
#[case::signature("Signature", "AAAA")]
#[tokio::test]
async fn a_tampered_field_is_refused(#[case] name: &str, #[case] value: &str) {
    let mut message = changed(notification(), name, value);
    if name == "Type" {
        message = changed(changed(message, "Token", "0a1b"), "SubscribeURL", CONFIRM);
    }
    let told = World::new().refused(message).await;
    assert!(told.contains("its signature is wrong"), "{told}");
}

#[tokio::test]
async fn a_signed_text_cannot_be_cut_otherwise() {
    // The subject's lines are part of the signed text; without the field they would be the message's.
    let mut message = notification();
    let text = message["Message"].as_str().unwrap().to_owned();
    message["Message"] = format!("{text}\nSubject\nsynthetic").into();
    message.as_object_mut().unwrap().remove("Subject");
    World::new().refused(message).await;
}

#[rstest::rstest]
#[case::foreign_topic(
    "TopicArn",
    "arn:aws:sns:eu-west-1:444455556666:audit",
    "audit.sns.topics"
)]
#[case::version_1("SignatureVersion", "1", "--attribute-value 2")]
#[case::old("Timestamp", "2026-01-02T03:04:05Z", "Timestamp")]
#[case::no_time("Timestamp", "yesterday", "Timestamp")]
#[case::other_host("SigningCertURL", "https://evil.example/a.pem", "SigningCertURL")]
#[case::plain_http(
    "SigningCertURL",
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem",
    "SigningCertURL"
)]
#[case::user_info(
    "SigningCertURL",
    "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0a1b2c.pem",
    "SigningCertURL"
)]
#[tokio::test]
async fn what_is_not_of_a_listed_topic_is_refused_and_nobody_is_asked(
    #[case] name: &str,
    #[case] value: &str,
    #[case] told: &str,
) {
    let world = World::new();
    let message = changed(notification(), name, value);
    let message = match name {
        "Timestamp" => signed(message),
        _ => message,
    };
    let said = world.refused(message).await;
    assert!(said.contains(told), "{said}");
    assert!(world.amazon.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn raw_delivery_is_refused() {
    let told = World::new().refused(entry("cloud-run-break-glass")).await;
    assert!(told.contains("raw message delivery"), "{told}");
}

#[tokio::test]
async fn a_strangers_flood_is_not_read() {
    let (status, problem) = World::new().post(" ".repeat(2 << 20) + "{}").await;
    assert_eq!((status, &problem["code"]), (413, &json!("BODY_TOO_LARGE")));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_an_outage() {
    let (status, problem) = World::with(BTreeMap::new()).post(notification()).await;
    assert_eq!((status, &problem["code"]), (503, &json!("SNS_UNAVAILABLE")));
}

#[tokio::test]
async fn a_certificate_that_is_over_proves_nothing() {
    let mut params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    let certificate = params.self_signed(&*KEY).unwrap().pem();
    let world = World::with([(CERTIFICATE.to_owned(), certificate)].into());
    let told = world.refused(notification()).await;
    assert!(told.contains("not valid now"), "{told}");
}

#[test]
fn other_texts_are_no_topics() {
    let amazon = Arc::new(Amazon::default());
    let error = SnsDoor::new(&["*".to_owned()], amazon).err().unwrap();
    assert!(error.to_string().contains("audit.sns.topics"), "{error}");
}
