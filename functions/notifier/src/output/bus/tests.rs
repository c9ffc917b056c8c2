use std::sync::Mutex;

use serde_json::json;

use super::super::Retry;
use super::*;
use crate::testing::sample::{hostile, hostile_texts, opened};

/// Answers one way, and keeps what it was given.
struct Recorder {
    answer: Result<String, BusRefusal>,
    taken: Mutex<Vec<BusMessage>>,
}

#[async_trait]
impl MessageBus for Recorder {
    fn limit(&self) -> usize {
        256 * 1024
    }

    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
        self.taken.lock().unwrap().push(message.clone());
        self.answer.clone()
    }
}

fn recorder(answer: Result<String, BusRefusal>) -> Arc<Recorder> {
    let taken = Mutex::default();
    Arc::new(Recorder { answer, taken })
}

fn output(kind: &str, bus: &Arc<Recorder>) -> Box<dyn Output> {
    let place = match kind {
        "sqs" => "queue",
        "eventbridge" => "bus",
        _ => "topic",
    };
    let config = json!({"name": "bus", "type": kind, place: "synthetic"});
    let config = serde_json::from_value(config).unwrap();
    let buses = Buses::from([("bus".to_owned(), bus.clone() as Arc<dyn MessageBus>)]);
    Bus::of_config(&config, &buses).unwrap().ok().unwrap()
}

async fn sent(kind: &str, alert: &Notification) -> BusMessage {
    let bus = recorder(Ok("42".to_owned()));
    let receipt = output(kind, &bus).send(alert, alert.at).await.unwrap();
    assert_eq!(receipt.to_string(), "message id 42");
    bus.taken.lock().unwrap().remove(0)
}

#[tokio::test]
async fn a_message_is_named_by_its_alert_and_grouped_by_its_case() {
    let message = sent("pubsub", &opened()).await;
    let event: serde_json::Value = serde_json::from_str(&message.body).unwrap();
    assert_eq!(event["data"]["id"], "01CASE");
    insta::assert_debug_snapshot!(
        (message.id, message.group, message.kind, message.at, message.attributes),
        @r#"
(
    "01CASE-1",
    "01CASE",
    "Postern Case Opened",
    2026-03-03T05:00:10Z,
    [
        (
            "alertId",
            "01CASE-1",
        ),
        (
            "caseId",
            "01CASE",
        ),
        (
            "revision",
            "1",
        ),
        (
            "category",
            "BREAK_GLASS",
        ),
        (
            "severity",
            "HIGH",
        ),
        (
            "state",
            "OPEN",
        ),
        (
            "target",
            "cloud-run:acme-shop/europe-west1/checkout",
        ),
        (
            "content-type",
            "application/cloudevents+json",
        ),
        (
            "ce-specversion",
            "1.0",
        ),
        (
            "ce-id",
            "01CASE-1",
        ),
        (
            "ce-source",
            "/postern/auditor",
        ),
        (
            "ce-type",
            "dev.postern.case.opened",
        ),
        (
            "ce-subject",
            "01CASE",
        ),
        (
            "ce-time",
            "2026-03-03T05:00:10Z",
        ),
    ],
)
"#
    );
}

#[tokio::test]
async fn no_more_attributes_than_sqs_takes() {
    for kind in ["sns", "sqs", "eventbridge"] {
        let attributes = sent(kind, &opened()).await.attributes;
        assert!(attributes.len() <= 10, "{kind}: {attributes:?}");
    }
}

#[tokio::test]
async fn whatever_others_wrote_there_is_a_message_that_fits() {
    let mut texts = hostile_texts();
    // One that is long is enough.
    texts.truncate(6);
    texts.extend(["\u{ffff}".to_owned(), "\u{200b}".to_owned(), String::new()]);
    for text in texts {
        let message = sent("pubsub", &hostile(&text)).await;
        let size = |(name, value): &(&str, String)| {
            assert!(!value.is_empty() && value.len() <= 1024, "{name}");
            assert!(!value.contains(['\u{ffff}', '\n', '\u{1}']), "{name}");
            name.len() + value.len()
        };
        let attributes: usize = message.attributes.iter().map(size).sum();
        assert!(attributes < ENVELOPE, "{attributes}");
        assert!(message.body.len() + attributes <= 256 * 1024);
    }
}

#[rstest::rstest]
#[case(BusRemedy::Time(None), Retry::Again(None))]
#[case(BusRemedy::Person, Retry::Again(None))]
#[case(BusRemedy::Nothing, Retry::Dead)]
#[tokio::test]
async fn only_a_message_at_fault_is_given_up(#[case] remedy: BusRemedy, #[case] expected: Retry) {
    let error = "synthetic".to_owned();
    let bus = recorder(Err(BusRefusal { remedy, error }));
    let alert = opened();
    let refusal = output("sns", &bus).send(&alert, alert.at).await;
    assert_eq!(refusal.unwrap_err().retry, expected);
}

#[test]
fn a_bus_that_nobody_connected_is_a_mistake() {
    let config = json!({"name": "bus", "type": "sns", "topic": "synthetic"});
    let config = serde_json::from_value(config).unwrap();
    let mistake = Bus::of_config(&config, &Buses::new())
        .unwrap()
        .err()
        .unwrap();
    assert_eq!(
        mistake.to_string(),
        "outputs of type `sns` are not connected in this build"
    );
}
