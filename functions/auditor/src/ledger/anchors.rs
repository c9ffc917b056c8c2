//! Has signed checkpoints kept where whoever could change the ledger cannot change them.
//!
//! Which anchor took what is known to this process only: after a start the newest is published again,
//! which changes nothing where it is already.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use postern_core::ports::{Anchor, Unavailable};

/// No anchor is waited for longer: the tick has other things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// The anchors of a ledger.
#[derive(Default)]
pub struct Anchors(Vec<One>);

struct One {
    anchor: Arc<dyn Anchor>,
    taken: Mutex<Taken>,
}

/// What an anchor took last.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    size: u64,
    /// When; or when there was first something to take.
    at: Option<Timestamp>,
}

impl Anchors {
    /// All of these.
    pub fn new(anchors: Vec<Arc<dyn Anchor>>) -> Self {
        let one = |anchor| One {
            anchor,
            taken: Mutex::default(),
        };
        Self(anchors.into_iter().map(one).collect())
    }

    /// Publishes a checkpoint to every anchor that has not taken it yet. What fails is logged and
    /// measured, and tried again by the next call.
    pub async fn publish(&self, size: u64, note: &str, now: Timestamp) {
        let all = self.0.iter().map(|one| one.publish(size, note, now));
        join_all(all).await;
    }
}

impl One {
    async fn publish(&self, size: u64, note: &str, now: Timestamp) {
        let mut taken = self.taken();
        if taken.at.is_none() {
            taken.at = Some(now);
        }
        let name = self.anchor.name();
        if taken.size < size {
            match self.published(size, note).await {
                Ok(place) => {
                    tracing::info!(anchor = name, size, place, "a checkpoint is anchored");
                    taken = Taken {
                        size,
                        at: Some(now),
                    };
                }
                Err(error) => {
                    tracing::error!(anchor = name, size, %error, "a checkpoint is not anchored");
                }
            }
        }
        self.measure(taken, size, now);
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = taken;
    }

    async fn published(&self, size: u64, note: &str) -> Result<String, Unavailable> {
        let publish = self.anchor.publish(size, note);
        match tokio::time::timeout(PATIENCE, publish).await {
            Ok(published) => published,
            Err(_) => Err(Unavailable::new(
                self.anchor.name(),
                "it did not answer in time",
            )),
        }
    }

    fn taken(&self) -> Taken {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a metric is a float, and no ledger has 2^53 entries"
    )]
    fn measure(&self, taken: Taken, size: u64, now: Timestamp) {
        let name = || self.anchor.name().to_owned();
        let age = taken.at.map_or(0, |at| now.as_second() - at.as_second());
        metrics::gauge!("postern_ledger_anchor_age_seconds", "anchor" => name()).set(age as f64);
        metrics::gauge!("postern_ledger_anchor_lag_entries", "anchor" => name())
            .set(size.saturating_sub(taken.size) as f64);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    #[derive(Default)]
    struct Fragile {
        down: Mutex<bool>,
        notes: Mutex<Vec<(u64, String)>>,
    }

    #[async_trait]
    impl Anchor for Fragile {
        fn name(&self) -> &str {
            "fragile"
        }

        async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable> {
            if *self.down.lock().unwrap() {
                return Err(Unavailable::new("fragile", "synthetic outage"));
            }
            self.notes.lock().unwrap().push((size, note.to_owned()));
            Ok(format!("fragile:{size}"))
        }
    }

    #[tokio::test]
    async fn what_an_anchor_did_not_take_is_published_again_and_what_it_took_is_not() {
        let (steady, fragile) = (Arc::new(Fragile::default()), Arc::new(Fragile::default()));
        let anchors = Anchors::new(vec![fragile.clone(), steady.clone()]);
        let sizes = |anchor: &Fragile| {
            let notes = anchor.notes.lock().unwrap();
            notes.iter().map(|(size, _)| *size).collect::<Vec<_>>()
        };
        let publish = async |size: u64| {
            let now = Timestamp::from_second(1_772_000_000).unwrap();
            anchors.publish(size, "note", now).await;
        };
        *fragile.down.lock().unwrap() = true;
        publish(3).await;
        publish(3).await;
        *fragile.down.lock().unwrap() = false;
        publish(3).await;
        publish(3).await;
        publish(5).await;
        assert_eq!(sizes(&fragile), [3, 5]);
        assert_eq!(sizes(&steady), [3, 5]);
    }
}
