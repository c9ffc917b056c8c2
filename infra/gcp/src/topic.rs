//! Pub/Sub topics that messages are published to (REST v1).

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_core::ports::{BusMessage, BusRefusal, BusRemedy, MessageBus, Unavailable};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_word};

/// The largest request of `publish` (10 MB), in which the body is Base64: three bytes are four.
const LIMIT: usize = 10_000_000 / 4 * 3;
const TIMEOUT: Duration = Duration::from_secs(15);

/// One topic. Nothing is asked before there is a message.
pub struct Topic {
    name: String,
    api: Api,
}

/// Why there is no such topic to publish to.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] ResourceError),
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] Unavailable),
}

#[derive(Serialize)]
struct Publish<'a> {
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    data: String,
    attributes: BTreeMap<&'a str, &'a str>,
    /// At most 1024 bytes; subscriptions that want no order do not see to it.
    ordering_key: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    #[serde(default)]
    message_ids: Vec<String>,
}

impl Topic {
    /// `projects/P/topics/T` at an endpoint.
    ///
    /// # Errors
    /// If the name is none, or no client can be made.
    pub fn new(
        name: &str,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, TopicError> {
        let parts: Vec<_> = name.split('/').collect();
        match parts[..] {
            ["projects", project, "topics", id] if is_word(project) && is_word(id) => {}
            _ => return Err(ResourceError::new(name, "projects/P/topics/T").into()),
        }
        Ok(Self {
            name: name.to_owned(),
            api: Api::new("Pub/Sub", endpoint, credentials)?,
        })
    }
}

#[async_trait]
impl MessageBus for Topic {
    fn limit(&self) -> usize {
        LIMIT
    }

    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
        let attributes = message.attributes.iter();
        let publish = Publish {
            messages: [Message {
                data: STANDARD.encode(&message.body),
                attributes: attributes
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect(),
                ordering_key: &message.group,
            }],
        };
        let call = Call {
            method: Method::POST,
            path: &format!("/v1/{}:publish", self.name),
            query: &[],
            timeout: TIMEOUT,
            access: Access {
                service: "pubsub.googleapis.com",
                resource: &self.name,
                permission: "pubsub.topics.publish",
                role: "roles/pubsub.publisher",
            },
        };
        let published: Published = self.api.hand_in(&call, &publish).await?;
        let id = published.message_ids.into_iter().next();
        id.ok_or_else(|| BusRefusal {
            remedy: BusRemedy::Time(None),
            error: format!("{}: it answered without a message id", self.api.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorder;
    use serde_json::{Value, json};

    const NAME: &str = "projects/demo-mart/topics/alerts";

    fn message() -> BusMessage {
        BusMessage {
            id: "01CASE-1".to_owned(),
            group: "01CASE".to_owned(),
            kind: "Postern Case Opened",
            at: "2026-03-03T05:00:10Z".parse().unwrap(),
            body: r#"{"a":1}"#.to_owned(),
            attributes: vec![
                ("severity", "HIGH".to_owned()),
                ("alertId", "01CASE-1".to_owned()),
            ],
        }
    }

    async fn published(status: u16, answer: Value) -> (Result<String, BusRefusal>, String) {
        let recorder = Recorder::answering(status, move |_, _| answer.clone()).await;
        let topic = Topic::new(NAME, recorder.endpoint(), None).unwrap();
        (topic.publish(&message()).await, recorder.asked())
    }

    #[tokio::test]
    async fn a_message_is_published_once_with_its_order_and_attributes() {
        let (id, asked) = published(200, json!({"messageIds": ["7"]})).await;
        assert_eq!(id.unwrap(), "7");
        insta::assert_snapshot!(asked, @r#"POST /v1/projects/demo-mart/topics/alerts:publish {"messages":[{"attributes":{"alertId":"01CASE-1","severity":"HIGH"},"data":"eyJhIjoxfQ==","orderingKey":"01CASE"}]}"#);
    }

    #[tokio::test]
    async fn what_is_refused_says_whose_business_it_is() {
        let error = |status: &str| json!({"error": {"status": status, "message": "synthetic"}});
        for (code, status, remedy) in [
            (400, "INVALID_ARGUMENT", BusRemedy::Nothing),
            (400, "FAILED_PRECONDITION", BusRemedy::Person),
            (401, "UNAUTHENTICATED", BusRemedy::Person),
            (403, "PERMISSION_DENIED", BusRemedy::Person),
            (404, "NOT_FOUND", BusRemedy::Person),
            (413, "", BusRemedy::Nothing),
            (429, "RESOURCE_EXHAUSTED", BusRemedy::Time(None)),
            (503, "UNAVAILABLE", BusRemedy::Time(None)),
        ] {
            let (outcome, asked) = published(code, error(status)).await;
            assert_eq!(outcome.unwrap_err().remedy, remedy, "{code}");
            assert_eq!(asked.lines().count(), 1, "{code}");
        }
        let (outcome, _) = published(200, json!({})).await;
        assert_eq!(outcome.unwrap_err().remedy, BusRemedy::Time(None));
        let (outcome, _) = published(403, error("PERMISSION_DENIED")).await;
        let told = outcome.unwrap_err().to_string();
        let grant = "gcloud pubsub topics add-iam-policy-binding alerts --project=demo-mart --member=serviceAccount:EMAIL --role=roles/pubsub.publisher";
        assert!(told.ends_with(grant), "{told}");
    }

    #[tokio::test]
    async fn other_names_are_refused() {
        for name in [
            "alerts",
            "projects/p/subscriptions/s",
            "projects/p/topics/a b",
        ] {
            let endpoint = Endpoint::parse("https://pubsub.googleapis.com").unwrap();
            let error = Topic::new(name, endpoint, None).err().unwrap().to_string();
            assert!(error.contains("projects/P/topics/T"), "{error}");
        }
    }
}
