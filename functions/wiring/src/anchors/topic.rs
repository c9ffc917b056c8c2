//! A topic as anchor: signed checkpoints go to whoever subscribes, and they keep them.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::ports::{Anchor, BusMessage, BusRemedy, MessageBus, Unavailable};
use serde_json::json;

/// A topic that checkpoints are published to. What it did with earlier ones it does not tell, so that a
/// fork is found by who has kept them, not here.
pub(super) struct TopicAnchor {
    name: String,
    bus: Arc<dyn MessageBus>,
}

impl TopicAnchor {
    pub(super) fn new(name: String, bus: Arc<dyn MessageBus>) -> Self {
        Self { name, bus }
    }
}

#[async_trait]
impl Anchor for TopicAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable> {
        let published = self.bus.publish(&message(size, note)).await;
        match published {
            Ok(id) => Ok(format!("message {id}")),
            Err(refusal) if refusal.remedy == BusRemedy::Nothing => {
                Err(Unavailable::permanent(&self.name, refusal))
            }
            Err(refusal) => Err(Unavailable::new(&self.name, refusal)),
        }
    }
}

fn message(size: u64, note: &str) -> BusMessage {
    let origin = note.lines().next().unwrap_or_default();
    let body = json!({"apiVersion": "postern/v1", "kind": "LedgerCheckpoint", "origin": origin,
        "size": size, "note": note});
    BusMessage {
        id: format!("checkpoint-{size}"),
        group: "ledger-checkpoints".to_owned(),
        kind: "Postern Ledger Checkpoint",
        at: Timestamp::now(),
        body: body.to_string(),
        attributes: vec![
            ("kind", "LedgerCheckpoint".to_owned()),
            ("size", size.to_string()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use postern_core::ports::BusRefusal;

    use super::*;

    /// A bus that answers as it is told.
    struct Told(Mutex<Vec<BusMessage>>, Option<BusRemedy>);

    #[async_trait]
    impl MessageBus for Told {
        fn limit(&self) -> usize {
            256 * 1024
        }

        async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal> {
            self.0.lock().unwrap().push(message.clone());
            match self.1 {
                None => Ok("7".to_owned()),
                Some(remedy) => Err(BusRefusal {
                    remedy,
                    error: "synthetic".to_owned(),
                }),
            }
        }
    }

    #[tokio::test]
    async fn a_checkpoint_is_a_message_whole() {
        let bus = Arc::new(Told(Mutex::default(), None));
        let anchor = TopicAnchor::new("pubsub:synthetic".to_owned(), bus.clone());
        let note = "log.example/a\n3\nAAAA\n\n\u{2014} log.example/a sig\n";
        assert_eq!(anchor.publish(3, note).await, Ok("message 7".to_owned()));
        let message = bus.0.lock().unwrap().pop().unwrap();
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(
            (&body["note"], &body["origin"]),
            (&json!(note), &json!("log.example/a"))
        );
        assert_eq!(message.id, "checkpoint-3");
    }

    #[tokio::test]
    async fn a_topic_that_takes_nothing_is_an_outage() {
        for (remedy, permanent) in [
            (BusRemedy::Time(None), false),
            (BusRemedy::Person, false),
            (BusRemedy::Nothing, true),
        ] {
            let bus = Arc::new(Told(Mutex::default(), Some(remedy)));
            let anchor = TopicAnchor::new("sns:synthetic".to_owned(), bus);
            let error = anchor.publish(3, "note").await.unwrap_err();
            assert_eq!(error.permanent, permanent, "{remedy:?}");
        }
    }
}
