//! Topics, queues and buses: whatever takes alerts as messages by an API of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// Somebody who takes messages, such as a topic.
#[async_trait]
pub trait MessageBus: Send + Sync {
    /// The largest message that it takes, in bytes: body, and names and values of attributes.
    fn limit(&self) -> usize;

    /// Publishes one message. What is answered is the bus's own id of it; only then it is confirmed.
    async fn publish(&self, message: &BusMessage) -> Result<String, BusRefusal>;
}

/// The buses of a configuration, by the names of its outputs.
pub type Buses = BTreeMap<String, Arc<dyn MessageBus>>;

/// A message, in words that every bus has some notion of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusMessage {
    /// The same for the same message however often it is sent: receivers know it again by that.
    pub id: String,
    /// Messages of one group stay in their order, where the bus keeps one.
    pub group: String,
    /// What it tells, such as `Postern Case Opened`.
    pub kind: &'static str,
    /// When it was written.
    pub at: Timestamp,
    /// JSON, in UTF-8, and without the characters that XML has no place for.
    pub body: String,
    /// What can be filtered by without reading the body. No value is empty or has more than 1024 bytes.
    pub attributes: Vec<(&'static str, String)>,
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct BusRefusal {
    /// What it takes to get the message there.
    pub remedy: BusRemedy,
    /// What happened.
    pub error: String,
}

/// What it takes to get a message there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusRemedy {
    /// Time: an outage, or too much at once. Not before the bus asked for, if it did.
    Time(Option<SignedDuration>),
    /// A person: a permission is missing, or the topic itself. The message is as good as it was.
    Person,
    /// Nothing: the message itself is at fault.
    Nothing,
}
