//! With a subscription in memory.

use std::sync::Mutex;

use async_trait::async_trait;
use tokio::sync::Notify;

use super::*;
use crate::auditor::Believed;
use crate::testing::{MemoryStore, catalogue, entry};

/// A queue that gives its messages until they are acknowledged, and remembers what it was told.
#[derive(Default)]
struct Queue {
    messages: Mutex<Vec<Message>>,
    told: Mutex<Vec<String>>,
    /// So many pulls fail.
    down: Mutex<usize>,
    extended: Arc<Notify>,
    empty: Notify,
}

impl Queue {
    fn with(data: &[&str]) -> Arc<Self> {
        let queue = Self::default();
        let message = |(n, data): (usize, &&str)| Message {
            ack_id: format!("m{n}"),
            data: data.as_bytes().to_vec(),
        };
        *queue.messages.lock().unwrap() = data.iter().enumerate().map(message).collect();
        Arc::new(queue)
    }

    fn tell(&self, what: &str, ids: &[String]) {
        let mut ids = ids.to_vec();
        ids.sort();
        self.told
            .lock()
            .unwrap()
            .push(format!("{what} {}", ids.join(" ")));
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl EventSubscription for Queue {
    fn name(&self) -> &str {
        "projects/demo-mart/subscriptions/audit"
    }

    async fn pull(&self, limit: u16, wait: bool) -> Result<Vec<Message>, Unavailable> {
        {
            let mut down = self.down.lock().unwrap();
            if *down > 0 {
                *down -= 1;
                return Err(Unavailable::new("queue", "is down"));
            }
        }
        let messages = self.messages.lock().unwrap().clone();
        if messages.is_empty() && wait {
            self.empty.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(messages.into_iter().take(limit.into()).collect())
    }

    async fn acknowledge(&self, ack_ids: &[String]) -> Result<(), Unavailable> {
        self.tell("acknowledged", ack_ids);
        self.messages
            .lock()
            .unwrap()
            .retain(|m| !ack_ids.contains(&m.ack_id));
        Ok(())
    }

    async fn extend(&self, ack_ids: &[String], seconds: u16) -> Result<(), Unavailable> {
        if seconds == 0 {
            self.tell("given back", ack_ids);
        } else {
            self.tell("extended", ack_ids);
            self.extended.notify_one();
        }
        Ok(())
    }
}

fn puller(queue: &Arc<Queue>, store: &Arc<MemoryStore>) -> Puller {
    let auditor = Auditor::new(store.clone(), catalogue(), Believed::default());
    let puller = Puller::new(queue.clone(), Arc::new(auditor));
    Puller {
        first_pause: Duration::from_millis(1),
        ..puller
    }
}

#[tokio::test]
async fn what_is_written_is_acknowledged_readable_or_not() {
    let good = entry("cloud-run-break-glass").to_string();
    let queue = Queue::with(&[&good, "rubbish", &good]);
    let store = Arc::new(MemoryStore::default());
    let pulled = puller(&queue, &store).round().await.unwrap();
    assert_eq!((pulled.pulled, pulled.given_back), (3, 0));
    assert_eq!(queue.told(), ["acknowledged m0 m1 m2"]);
    store.with(|state| {
        assert_eq!(state.quarantined, [b"rubbish"]);
        assert_eq!(state.cases.len(), 2, "one of the entry, one of the rubbish");
    });
}

#[tokio::test]
async fn what_is_not_written_is_given_back_and_never_acknowledged() {
    let queue = Queue::with(&[&entry("cloud-run-break-glass").to_string()]);
    let store = Arc::new(MemoryStore::default());
    store.with(|state| state.outage = true);
    assert!(puller(&queue, &store).round().await.is_err());
    assert_eq!(queue.told(), ["given back m0"]);
    store.with(|state| state.outage = false);
    assert_eq!(puller(&queue, &store).round().await.unwrap().pulled, 1);
    assert_eq!(queue.told()[1..], ["acknowledged m0"]);
}

#[tokio::test]
async fn deadlines_are_extended_while_a_batch_is_worked_on() {
    let queue = Queue::with(&[&entry("cloud-run-break-glass").to_string()]);
    let store = Arc::new(MemoryStore::default());
    // The store answers when the deadline was extended, and not before.
    *store.held.lock().unwrap() = Some(queue.extended.clone());
    let puller = Puller {
        extend_every: Duration::from_millis(1),
        ..puller(&queue, &store)
    };
    puller.round().await.unwrap();
    assert_eq!(queue.told()[0], "extended m0");
    assert_eq!(queue.told().last().unwrap(), "acknowledged m0");
}

#[tokio::test]
async fn outages_end_and_a_stop_is_heeded() {
    let queue = Queue::with(&["rubbish"]);
    *queue.down.lock().unwrap() = 3;
    let store = Arc::new(MemoryStore::default());
    // It ends when the queue is asked again after everything was taken.
    puller(&queue, &store).run(queue.empty.notified()).await;
    assert_eq!(queue.told(), ["acknowledged m0"]);
}
