//! Pub/Sub subscriptions that are pulled from (REST v1).

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_core::ports::{EventSubscription, Message, Unavailable};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_word};

/// Where Pub/Sub is.
pub const PUBSUB: &str = "https://pubsub.googleapis.com";

/// A pull that waits is answered by the server after a minute and a half at the latest.
const WAIT: Duration = Duration::from_secs(120);
const TIMEOUT: Duration = Duration::from_secs(30);

/// One subscription.
pub struct Subscription {
    name: String,
    api: Api,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    max_messages: u16,
    return_immediately: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pulled {
    #[serde(default)]
    received_messages: Vec<Received>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    ack_id: String,
    #[serde(default)]
    message: Body,
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acknowledge<'a> {
    ack_ids: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModifyDeadline<'a> {
    ack_ids: &'a [String],
    ack_deadline_seconds: u16,
}

/// The answer `{}`.
#[derive(Deserialize)]
struct Empty {}

impl Subscription {
    /// `projects/P/subscriptions/S` at an endpoint.
    ///
    /// # Errors
    /// If the name is none, or no client can be made.
    pub fn new(
        name: &str,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, SubscriptionError> {
        let parts: Vec<_> = name.split('/').collect();
        match parts[..] {
            ["projects", project, "subscriptions", id] if is_word(project) && is_word(id) => {}
            _ => return Err(ResourceError::new(name, "projects/P/subscriptions/S").into()),
        }
        Ok(Self {
            name: name.to_owned(),
            api: Api::new("Pub/Sub", endpoint, credentials)?,
        })
    }

    async fn post<B: Serialize + Sync, T: serde::de::DeserializeOwned>(
        &self,
        verb: &str,
        body: &B,
        timeout: Duration,
    ) -> Result<T, Unavailable> {
        let call = Call {
            method: Method::POST,
            path: &format!("/v1/{}:{verb}", self.name),
            query: &[],
            timeout,
            access: Access {
                service: "pubsub.googleapis.com",
                resource: &self.name,
                permission: "pubsub.subscriptions.consume",
                role: "roles/pubsub.subscriber",
            },
        };
        self.api.call(&call, Some(body)).await
    }
}

/// Why there is no such subscription to pull from.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] ResourceError),
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] Unavailable),
}

#[async_trait]
impl EventSubscription for Subscription {
    fn name(&self) -> &str {
        &self.name
    }

    /// A message whose data is no base64 comes as it stands: nobody can read it, and that is recorded.
    async fn pull(&self, limit: u16, wait: bool) -> Result<Vec<Message>, Unavailable> {
        let pull = Pull {
            max_messages: limit,
            return_immediately: !wait,
        };
        let timeout = if wait { WAIT } else { TIMEOUT };
        let pulled: Pulled = self.post("pull", &pull, timeout).await?;
        let message = |received: Received| {
            let data = received.message.data;
            Message {
                ack_id: received.ack_id,
                data: STANDARD.decode(&data).unwrap_or(data.into_bytes()),
            }
        };
        Ok(pulled.received_messages.into_iter().map(message).collect())
    }

    async fn acknowledge(&self, ack_ids: &[String]) -> Result<(), Unavailable> {
        let Empty {} = self
            .post("acknowledge", &Acknowledge { ack_ids }, TIMEOUT)
            .await?;
        Ok(())
    }

    async fn extend(&self, ack_ids: &[String], seconds: u16) -> Result<(), Unavailable> {
        let body = ModifyDeadline {
            ack_ids,
            ack_deadline_seconds: seconds,
        };
        let Empty {} = self.post("modifyAckDeadline", &body, TIMEOUT).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Recorder;
    use serde_json::json;

    const NAME: &str = "projects/demo-mart/subscriptions/audit";

    fn subscription(recorder: &Recorder) -> Subscription {
        Subscription::new(NAME, recorder.endpoint(), None).unwrap()
    }

    #[tokio::test]
    async fn messages_are_pulled_given_back_and_acknowledged() {
        let recorder = Recorder::start(|path, _| match path {
            "/v1/projects/demo-mart/subscriptions/audit:pull" => json!({"receivedMessages": [
                {"ackId": "a1", "message": {"data": "eyJhIjoxfQ==", "messageId": "1"}, "deliveryAttempt": 2},
                {"ackId": "a2", "message": {"data": "not base64", "attributes": {}}},
                {"ackId": "a3"},
            ]}),
            _ => json!({}),
        })
        .await;
        let subscription = subscription(&recorder);
        let message = |ack_id: &str, data: &str| Message {
            ack_id: ack_id.to_owned(),
            data: data.into(),
        };
        assert_eq!(
            subscription.pull(100, true).await.unwrap(),
            [
                message("a1", r#"{"a":1}"#),
                message("a2", "not base64"),
                message("a3", "")
            ]
        );
        subscription.acknowledge(&["a1".to_owned()]).await.unwrap();
        subscription.extend(&["a2".to_owned()], 0).await.unwrap();
        insta::assert_snapshot!(recorder.asked(), @r#"
        POST /v1/projects/demo-mart/subscriptions/audit:pull {"maxMessages":100,"returnImmediately":false}
        POST /v1/projects/demo-mart/subscriptions/audit:acknowledge {"ackIds":["a1"]}
        POST /v1/projects/demo-mart/subscriptions/audit:modifyAckDeadline {"ackDeadlineSeconds":0,"ackIds":["a2"]}
        "#);
    }

    #[tokio::test]
    async fn an_empty_queue_is_no_error() {
        let recorder = Recorder::start(|_, _| json!({})).await;
        assert_eq!(subscription(&recorder).pull(1, false).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn other_names_are_refused() {
        for name in [
            "audit",
            "projects/p/topics/t",
            "projects/p/subscriptions/a b",
            "projects/p/subscriptions/",
        ] {
            let endpoint = Endpoint::parse(PUBSUB).unwrap();
            let error = Subscription::new(name, endpoint, None)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains("projects/P/subscriptions/S"), "{error}");
        }
    }
}
