//! Fetches entries from the subscriptions that nobody delivers.
//!
//! A message is acknowledged after it is written, readable or not. What could not be written for an
//! outage is given back at once and comes again. So messages may come twice and nothing is lost: to
//! drop a [`Puller`] at any moment is as good as a crash, and a crash is good.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use postern_core::ports::{EventSubscription, Message, Unavailable};
use serde::Serialize;

use crate::auditor::{Auditor, Received};
use crate::parse::Form;

/// Messages that are pulled at once.
const BATCH: u16 = 100;
/// Batches that one [`Puller::round`] takes at most.
const ROUND: usize = 10;
/// Messages of a batch that are worked on at once; they share commits.
const AT_ONCE: usize = 16;
/// While a batch is worked on, its messages are asked for so often …
const EXTEND_EVERY: Duration = Duration::from_secs(4);
/// … for so many seconds more. The shortest deadline of a subscription is ten seconds.
const EXTENSION: u16 = 30;
/// The pauses after an outage grow between these.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What was done with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pulled {
    /// Written, and acknowledged.
    pub pulled: usize,
    /// Given back, for an outage.
    pub given_back: usize,
}

/// Pulls from one subscription into the auditor.
pub struct Puller {
    subscription: Arc<dyn EventSubscription>,
    auditor: Arc<Auditor>,
    route: String,
    extend_every: Duration,
    first_pause: Duration,
}

impl Puller {
    /// A puller of this subscription.
    pub fn new(subscription: Arc<dyn EventSubscription>, auditor: Arc<Auditor>) -> Self {
        Self {
            route: format!("pubsub:{}", subscription.name()),
            subscription,
            auditor,
            extend_every: EXTEND_EVERY,
            first_pause: FIRST_PAUSE,
        }
    }

    /// Pulls until `stop` is done. What is being worked on then is finished first.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut pause = None;
        loop {
            let messages = tokio::select! {
                () = &mut stop => return,
                pulled = self.after(pause) => pulled,
            };
            let outcome = match messages {
                Ok(messages) => self.take(messages).await.1,
                Err(error) => Err(error),
            };
            pause = match outcome {
                Ok(()) => None,
                Err(error) => {
                    let subscription = self.subscription.name();
                    tracing::error!(%error, subscription, "entries cannot be pulled or written");
                    Some(pause.map_or(self.first_pause, |pause| (pause * 2).min(LONGEST_PAUSE)))
                }
            };
        }
    }

    /// Pulls what is there, for a caller who waits: at most a thousand messages.
    ///
    /// # Errors
    /// If they cannot be pulled or written. What was written before is acknowledged.
    pub async fn round(&self) -> Result<Pulled, Unavailable> {
        let mut sum = Pulled::default();
        for _ in 0..ROUND {
            let messages = self.subscription.pull(BATCH, false).await?;
            if messages.is_empty() {
                break;
            }
            let (pulled, outcome) = self.take(messages).await;
            sum.pulled += pulled.pulled;
            sum.given_back += pulled.given_back;
            outcome?;
        }
        Ok(sum)
    }

    async fn after(&self, pause: Option<Duration>) -> Result<Vec<Message>, Unavailable> {
        if let Some(pause) = pause {
            // Half of it is chance, so that what failed together does not come back together.
            tokio::time::sleep(pause.mul_f64(1.0 - rand::random::<f64>() / 2.0)).await;
        }
        self.subscription.pull(BATCH, true).await
    }

    /// Takes a batch in: what became of it, and why not all of it was written.
    async fn take(&self, messages: Vec<Message>) -> (Pulled, Result<(), Unavailable>) {
        if messages.is_empty() {
            return (Pulled::default(), Ok(()));
        }
        let all: Vec<_> = messages.iter().map(|m| m.ack_id.clone()).collect();
        let (written, unwritten, error) = tokio::select! {
            done = self.write(messages) => done,
            never = self.keep(&all) => match never {},
        };
        let pulled = Pulled {
            pulled: written.len(),
            given_back: unwritten.len(),
        };
        self.answer(&written, &unwritten).await;
        (pulled, error.map_or(Ok(()), Err))
    }

    /// Writes messages: which are written, which are not, and why.
    async fn write(
        &self,
        messages: Vec<Message>,
    ) -> (Vec<String>, Vec<String>, Option<Unavailable>) {
        let receive = |message: Message| async move {
            let received = self
                .auditor
                .receive(&message.data, &self.route, Form::LogEntry)
                .await;
            (message.ack_id, received)
        };
        let mut received = stream::iter(messages)
            .map(receive)
            .buffer_unordered(AT_ONCE);
        let (mut written, mut unwritten, mut outage) = (Vec::new(), Vec::new(), None);
        while let Some((ack_id, received)) = received.next().await {
            match received {
                Ok(received) => {
                    count(received);
                    written.push(ack_id);
                }
                Err(error) => {
                    unwritten.push(ack_id);
                    outage = Some(error);
                }
            }
        }
        (written, unwritten, outage)
    }

    /// Keeps messages ours for as long as it is polled. If that fails they come again, and are known.
    async fn keep(&self, ack_ids: &[String]) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(self.extend_every).await;
            if let Err(error) = self.subscription.extend(ack_ids, EXTENSION).await {
                tracing::warn!(%error, "the deadline of messages could not be extended");
            }
        }
    }

    /// Neither answer is needed: without it the messages come again.
    async fn answer(&self, written: &[String], unwritten: &[String]) {
        if !written.is_empty()
            && let Err(error) = self.subscription.acknowledge(written).await
        {
            tracing::warn!(%error, "messages could not be acknowledged and will come again");
        }
        if !unwritten.is_empty()
            && let Err(error) = self.subscription.extend(unwritten, 0).await
        {
            tracing::warn!(%error, "messages could not be given back and will come again");
        }
    }
}

fn count(received: Received) {
    metrics::counter!("postern_audit_pulled_total", "outcome" => received.as_str()).increment(1);
}

#[cfg(test)]
mod tests;
