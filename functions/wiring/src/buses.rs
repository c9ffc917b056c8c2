//! The outputs that are topics, queues and buses of a cloud, as a configuration lists them.

use std::sync::Arc;

use postern_core::ports::{Buses, MessageBus};
use postern_host::config::{Config, Output, OutputKind};
use postern_host::environment::Environment;

use crate::WiringError;

/// A client for each of these outputs that is one. Nothing is asked of a cloud before there is an alert.
///
/// # Errors
/// If a name or the endpoint is none, there is no identity to ask with, or this build has no client.
pub async fn buses(
    outputs: &[Output],
    config: &Config,
    environment: &dyn Environment,
) -> Result<Buses, WiringError> {
    let mut buses = Buses::new();
    let mut aws = aws::Connection::new(config, environment);
    for output in outputs {
        let made = match &output.kind {
            OutputKind::Sns { topic, .. } => aws.sns(topic).await,
            OutputKind::Sqs { queue, region, .. } => aws.sqs(queue, region.as_deref()).await,
            OutputKind::EventBridge { bus, region, .. } => {
                aws.event_bridge(bus, region.as_deref()).await
            }
            OutputKind::PubSub { topic, .. } => gcp::topic(topic, config, environment),
            _ => continue,
        };
        let name = &output.name;
        let made =
            made.map_err(|error| WiringError::mistake(format_args!("output {name}: {error}")));
        buses.insert(name.clone(), made?);
    }
    Ok(buses)
}

/// A client for one topic of Amazon SNS.
///
/// # Errors
/// As [`buses`].
pub(crate) async fn sns_topic(
    arn: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn MessageBus>, WiringError> {
    aws::Connection::new(config, environment).sns(arn).await
}

/// A client for one topic of Google Pub/Sub.
///
/// # Errors
/// As [`buses`].
pub(crate) fn pubsub_topic(
    name: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn MessageBus>, WiringError> {
    gcp::topic(name, config, environment)
}

#[cfg(feature = "aws")]
mod aws {
    use std::sync::Arc;

    use postern_aws::{EventBus, Queue, Session, Topic};
    use postern_core::ports::MessageBus;
    use postern_host::config::Config;
    use postern_host::environment::Environment;

    use crate::WiringError;

    /// One session for all, made when it is needed.
    pub(super) struct Connection<'a> {
        session: Option<Session>,
        config: &'a Config,
        environment: &'a dyn Environment,
    }

    type Made = Result<Arc<dyn MessageBus>, WiringError>;

    impl<'a> Connection<'a> {
        pub(super) fn new(config: &'a Config, environment: &'a dyn Environment) -> Self {
            Self {
                session: None,
                config,
                environment,
            }
        }

        pub(super) async fn sns(&mut self, topic: &str) -> Made {
            let topic = Topic::new(self.session().await?, topic);
            Ok(Arc::new(topic.map_err(WiringError::mistake)?))
        }

        pub(super) async fn sqs(&mut self, queue: &str, region: Option<&str>) -> Made {
            let queue = Queue::new(self.session().await?, queue, region);
            Ok(Arc::new(queue.map_err(WiringError::mistake)?))
        }

        pub(super) async fn event_bridge(&mut self, bus: &str, region: Option<&str>) -> Made {
            let bus = EventBus::new(self.session().await?, bus, region);
            Ok(Arc::new(bus.map_err(WiringError::mistake)?))
        }

        async fn session(&mut self) -> Result<&Session, WiringError> {
            let session = match self.session.take() {
                Some(session) => session,
                None => crate::aws::session(self.config, self.environment).await?,
            };
            Ok(self.session.insert(session))
        }
    }
}

#[cfg(not(feature = "aws"))]
mod aws {
    use std::sync::Arc;

    use postern_core::ports::MessageBus;
    use postern_host::config::Config;
    use postern_host::environment::Environment;

    use crate::WiringError;

    pub(super) struct Connection;

    type Made = Result<Arc<dyn MessageBus>, WiringError>;

    impl Connection {
        pub(super) fn new(_: &Config, _: &dyn Environment) -> Self {
            Self
        }

        pub(super) async fn sns(&mut self, _: &str) -> Made {
            Err(WiringError::not_built("an output of type sns", "aws"))
        }

        pub(super) async fn sqs(&mut self, _: &str, _: Option<&str>) -> Made {
            Err(WiringError::not_built("an output of type sqs", "aws"))
        }

        pub(super) async fn event_bridge(&mut self, _: &str, _: Option<&str>) -> Made {
            Err(WiringError::not_built(
                "an output of type eventbridge",
                "aws",
            ))
        }
    }
}

#[cfg(feature = "gcp")]
mod gcp {
    use std::sync::Arc;

    use postern_core::ports::MessageBus;
    use postern_gcp::Topic;
    use postern_host::config::Config;
    use postern_host::environment::Environment;

    use crate::WiringError;
    use crate::fetched::built::pubsub;

    pub(super) fn topic(
        name: &str,
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Arc<dyn MessageBus>, WiringError> {
        let (endpoint, credentials) = pubsub(config, environment)?;
        let topic = Topic::new(name, endpoint, credentials);
        Ok(Arc::new(topic.map_err(WiringError::mistake)?))
    }
}

#[cfg(not(feature = "gcp"))]
mod gcp {
    use std::sync::Arc;

    use postern_core::ports::MessageBus;
    use postern_host::config::Config;
    use postern_host::environment::Environment;

    use crate::WiringError;

    pub(super) fn topic(
        _: &str,
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Arc<dyn MessageBus>, WiringError> {
        Err(WiringError::not_built("an output of type pubsub", "gcp"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    async fn made(output: serde_json::Value) -> Result<Buses, WiringError> {
        let output = serde_json::from_value(output).unwrap();
        let environment = [("PUBSUB_EMULATOR_HOST", "127.0.0.1:8085")];
        let environment: BTreeMap<_, _> = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        buses(&[output], &Config::default(), &environment).await
    }

    #[tokio::test]
    async fn outputs_of_other_kinds_need_none() {
        let output = serde_json::json!({"name": "out", "type": "stdout"});
        assert!(made(output).await.unwrap().is_empty());
    }

    #[cfg(feature = "gcp")]
    #[tokio::test]
    async fn a_topic_is_called_by_the_name_of_its_output() {
        let topic = "projects/demo-mart/topics/alerts";
        let output = serde_json::json!({"name": "out", "type": "pubsub", "topic": topic});
        assert!(made(output).await.unwrap().contains_key("out"));
    }

    #[cfg(not(any(feature = "aws", feature = "gcp")))]
    #[tokio::test]
    async fn what_is_not_built_is_named() {
        let mut messages = Vec::new();
        for output in [
            serde_json::json!({"name": "a", "type": "sns", "topic": "arn:aws:sns:eu-west-1:111122223333:a"}),
            serde_json::json!({"name": "b", "type": "sqs", "queue": "https://sqs.eu-west-1.amazonaws.com/111122223333/b"}),
            serde_json::json!({"name": "c", "type": "eventbridge", "bus": "alerts"}),
            serde_json::json!({"name": "d", "type": "pubsub", "topic": "projects/demo-mart/topics/d"}),
        ] {
            messages.push(made(output).await.err().unwrap().to_string());
        }
        for (message, (name, kind, feature)) in messages.iter().zip([
            ("a", "sns", "aws"),
            ("b", "sqs", "aws"),
            ("c", "eventbridge", "aws"),
            ("d", "pubsub", "gcp"),
        ]) {
            let start = format!(
                "output {name}: an output of type {kind} needs the cargo feature `{feature}`"
            );
            assert!(message.starts_with(&start), "{message}");
        }
    }
}
