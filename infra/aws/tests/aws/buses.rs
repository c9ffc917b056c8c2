//! Topics, queues and buses of moto: what is published is read back where it arrives.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{RuleState, Target};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use postern_aws::{EventBus, Queue, Topic};
use postern_core::ports::{BusMessage, BusRemedy, MessageBus};

use crate::canned::Canned;
use crate::moto::Moto;
use crate::session::{config, session};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";

/// Clients of the other side.
struct Readers {
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
}

/// A message as it is found in a queue.
#[derive(Debug)]
struct Found {
    body: String,
    attributes: BTreeMap<String, String>,
    group: Option<String>,
    deduplication: Option<String>,
}

impl Readers {
    fn of(moto: &Moto) -> Self {
        let config = config(&format!("http://{}", moto.address()));
        Self {
            sns: aws_sdk_sns::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
        }
    }

    /// A queue's URL and ARN.
    async fn queue(&self, name: &str) -> (String, String) {
        let mut request = self.sqs.create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            request = request.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let url = request.send().await.unwrap().queue_url.unwrap();
        let request = self.sqs.get_queue_attributes().queue_url(&url);
        let request = request.attribute_names(QueueAttributeName::QueueArn);
        let attributes = request.send().await.unwrap().attributes.unwrap();
        (url, attributes[&QueueAttributeName::QueueArn].clone())
    }

    /// A topic's ARN; what is published to it goes to the queue as it is.
    async fn topic(&self, name: &str, queue_arn: &str) -> String {
        let mut request = self.sns.create_topic().name(name);
        if name.ends_with(".fifo") {
            request = request.attributes("FifoTopic", "true");
        }
        let arn = request.send().await.unwrap().topic_arn.unwrap();
        let request = self.sns.subscribe().topic_arn(&arn).protocol("sqs");
        let request = request
            .endpoint(queue_arn)
            .attributes("RawMessageDelivery", "true");
        request.send().await.unwrap();
        arn
    }

    async fn found(&self, queue: &str) -> Vec<Found> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let found = request.send().await.unwrap().messages.unwrap_or_default();
        let read = |message: aws_sdk_sqs::types::Message| {
            let system = message.attributes.unwrap_or_default();
            let attributes = message.message_attributes.unwrap_or_default().into_iter();
            Found {
                body: message.body.unwrap(),
                attributes: attributes
                    .map(|(name, value)| (name, value.string_value.unwrap()))
                    .collect(),
                group: system
                    .get(&MessageSystemAttributeName::MessageGroupId)
                    .cloned(),
                deduplication: system
                    .get(&MessageSystemAttributeName::MessageDeduplicationId)
                    .cloned(),
            }
        };
        found.into_iter().map(read).collect()
    }
}

fn message(id: &str, body: &str) -> BusMessage {
    BusMessage {
        id: id.to_owned(),
        group: "01CASE".to_owned(),
        kind: "Postern Case Opened",
        at: "2026-03-03T05:00:10Z".parse().unwrap(),
        body: body.to_owned(),
        attributes: vec![
            ("severity", "HIGH".to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
    }
}

fn is_as_sent(found: &Found, body: &str) {
    assert_eq!(found.body, body);
    let expected = message("", "").attributes.into_iter();
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(found.attributes, expected);
}

#[tokio::test]
async fn a_queue_has_what_was_sent() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let readers = Readers::of(&moto);
    let (url, _) = readers.queue("alerts").await;
    let queue = Queue::new(&moto.session(), &url, None).unwrap();
    let body = "{\"text\":\"\u{4e16} \u{1f980} \\u0001 <b>&\"}";
    let id = queue.publish(&message("01CASE-1", body)).await.unwrap();
    assert!(!id.is_empty());
    let found = readers.found(&url).await;
    is_as_sent(&found[0], body);
    assert_eq!(found[0].group, None);
}

#[tokio::test]
async fn a_fifo_queue_takes_an_alert_once_and_keeps_the_order_of_a_case() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let readers = Readers::of(&moto);
    let (url, _) = readers.queue("alerts.fifo").await;
    let queue = Queue::new(&moto.session(), &url, Some("eu-west-1")).unwrap();
    for id in ["01CASE-1", "01CASE-1", "01CASE-2"] {
        queue.publish(&message(id, id)).await.unwrap();
    }
    let mut found = readers.found(&url).await;
    // One group is read one batch at a time; what is not there yet comes with the next.
    found.extend(readers.found(&url).await);
    let bodies: Vec<_> = found.iter().map(|found| found.body.as_str()).collect();
    assert_eq!(bodies, ["01CASE-1", "01CASE-2"]);
    assert_eq!(found[0].group.as_deref(), Some("01CASE"));
    assert_eq!(found[1].deduplication.as_deref(), Some("01CASE-2"));
}

#[rstest::rstest]
#[case("alerts")]
#[case("alerts.fifo")]
#[tokio::test]
async fn a_topic_passes_on_what_was_published(#[case] name: &str) {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let readers = Readers::of(&moto);
    let (url, queue_arn) = readers.queue(name).await;
    let arn = readers.topic(name, &queue_arn).await;
    let topic = Topic::new(&moto.session(), &arn).unwrap();
    let id = topic
        .publish(&message("01CASE-1", "{\"a\":1}"))
        .await
        .unwrap();
    assert!(!id.is_empty());
    let found = readers.found(&url).await;
    is_as_sent(&found[0], "{\"a\":1}");
    let group = name.ends_with(".fifo").then_some("01CASE");
    assert_eq!(found[0].group.as_deref(), group);
}

#[tokio::test]
async fn a_rule_finds_the_event_by_its_source_and_detail() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let readers = Readers::of(&moto);
    let (url, queue_arn) = readers.queue("alerts").await;
    let made = readers
        .events
        .create_event_bus()
        .name("security")
        .send()
        .await;
    let arn = made.unwrap().event_bus_arn.unwrap();
    let pattern = r#"{"source": ["postern"], "detail": {"severity": ["HIGH"]}}"#;
    let rule = readers
        .events
        .put_rule()
        .name("high")
        .event_bus_name("security");
    let rule = rule.event_pattern(pattern).state(RuleState::Enabled);
    rule.send().await.unwrap();
    let target = Target::builder().id("1").arn(queue_arn).build().unwrap();
    let targets = readers
        .events
        .put_targets()
        .rule("high")
        .event_bus_name("security");
    targets.targets(target).send().await.unwrap();
    for bus in ["security", arn.as_str()] {
        let bus = EventBus::new(&moto.session(), bus, None).unwrap();
        for severity in ["LOW", "HIGH"] {
            let body = format!("{{\"severity\":\"{severity}\"}}");
            let id = bus.publish(&message("01CASE-1", &body)).await.unwrap();
            assert!(!id.is_empty());
        }
        let found = readers.found(&url).await;
        let bodies: Vec<_> = found.iter().map(|found| found.body.as_str()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        let fields = [
            r#""source": "postern""#,
            r#""detail-type": "Postern Case Opened""#,
            r#""time": "2026-03-03T05:00:10Z""#,
            r#""severity": "HIGH""#,
        ];
        for field in fields {
            let (body, field) = (bodies[0].replace(' ', ""), field.replace(' ', ""));
            assert!(body.contains(&field), "{field} in {body}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_takes_a_person_and_is_not_the_messages_fault() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let session = moto.session();
    let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/none";
    let buses: [Box<dyn MessageBus>; 2] = [
        Box::new(Topic::new(&session, TOPIC).unwrap()),
        Box::new(Queue::new(&session, queue, None).unwrap()),
    ];
    for bus in buses {
        let refusal = bus.publish(&message("01CASE-1", "{}")).await.unwrap_err();
        assert_eq!(refusal.remedy, BusRemedy::Person, "{refusal}");
        assert!(refusal.error.contains("there is no"), "{refusal}");
    }
}

#[tokio::test]
async fn a_service_that_is_down_takes_time() {
    let Some(mut moto) = Moto::start().await else {
        return;
    };
    let topic = Topic::new(&moto.session(), TOPIC).unwrap();
    moto.stop().await;
    let refusal = topic.publish(&message("01CASE-1", "{}")).await.unwrap_err();
    assert_eq!(refusal.remedy, BusRemedy::Time(None), "{refusal}");
}

/// PutEvents answers 200 for entries that it did not take.
#[tokio::test]
async fn an_entry_that_failed_is_no_success() {
    for (code, remedy) in [
        ("ThrottlingException", BusRemedy::Time(None)),
        ("InternalFailure", BusRemedy::Time(None)),
        ("NotAuthorizedForSourceException", BusRemedy::Person),
        ("MalformedDetail", BusRemedy::Nothing),
    ] {
        let body = format!(
            r#"{{"FailedEntryCount":1,"Entries":[{{"ErrorCode":"{code}","ErrorMessage":"synthetic"}}]}}"#
        );
        let server = Canned::start(200, body.leak()).await;
        let bus = EventBus::new(&session(&server.url), "security", None).unwrap();
        let refusal = bus.publish(&message("01CASE-1", "{}")).await.unwrap_err();
        assert_eq!(refusal.remedy, remedy, "{refusal}");
        assert!(refusal.error.contains(code), "{refusal}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_permission() {
    let body = r#"{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}"#;
    let server = Canned::start(403, body).await;
    let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts";
    let queue = Queue::new(&session(&server.url), url, None).unwrap();
    let refusal = queue.publish(&message("01CASE-1", "{}")).await.unwrap_err();
    assert_eq!(refusal.remedy, BusRemedy::Person);
    insta::assert_snapshot!(refusal, @"it answered AccessDeniedException; no; allow sqs:SendMessage on https://sqs.eu-west-1.amazonaws.com/111122223333/alerts to this identity");
}

#[test]
fn mistakes_say_what_to_write() {
    let session = session("http://127.0.0.1:9");
    let messages = [
        Topic::new(&session, "alerts").unwrap_err(),
        Queue::new(&session, "alerts", None).unwrap_err(),
        EventBus::new(&session, "a bus", None).unwrap_err(),
        EventBus::new(&session, TOPIC, None).unwrap_err(),
    ]
    .map(|error| error.to_string());
    insta::assert_snapshot!(messages.join("\n"), @r#"
"alerts" is no ARN of a topic; write arn:aws:sns:REGION:ACCOUNT:NAME
"alerts" is no URL of a queue; write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
"a bus" is no event bus; write its name, or arn:aws:events:REGION:ACCOUNT:event-bus/NAME
"arn:aws:sns:eu-west-1:111122223333:alerts" is no event bus; write its name, or arn:aws:events:REGION:ACCOUNT:event-bus/NAME
"#);
}
