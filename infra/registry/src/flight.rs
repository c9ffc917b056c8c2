//! Fetches in flight are shared; their outcomes are not kept.

use std::hash::Hash;
use std::sync::Arc;

use moka::future::Cache;

/// Runs at most one fetch per key at a time and gives its outcome to everybody who asked meanwhile.
/// Whoever asks after that causes a new one. If the caller that runs the fetch is dropped, another
/// of the waiting ones runs it.
pub(crate) struct Flight<K, V> {
    running: Cache<K, Never>,
    outcome: std::marker::PhantomData<fn() -> V>,
}

/// What the cache would hold, were anything ever put there.
#[derive(Clone)]
enum Never {}

impl<K, V> Flight<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// With nothing in flight.
    pub(crate) fn new() -> Self {
        Self {
            running: Cache::new(0),
            outcome: std::marker::PhantomData,
        }
    }

    /// Joins the fetch for this key, or starts it.
    pub(crate) async fn join(&self, key: K, fetch: impl Future<Output = V>) -> Arc<V> {
        // The cache shares a failed initialisation with those who wait, and keeps nothing of it.
        let outcome = self
            .running
            .try_get_with(key, async { Err::<Never, V>(fetch.await) })
            .await;
        match outcome {
            Err(outcome) => outcome,
            Ok(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn those_who_ask_together_share_and_those_who_come_later_do_not() {
        let flight = Flight::<&str, u32>::new();
        let fetches = AtomicU32::new(0);
        let release = Notify::new();
        let fetch = || async {
            release.notified().await;
            fetches.fetch_add(1, Ordering::SeqCst)
        };
        let (first, second, ()) = tokio::join!(
            flight.join("tag", fetch()),
            flight.join("tag", fetch()),
            async { release.notify_one() },
        );
        assert_eq!((*first, *second), (0, 0));
        release.notify_one();
        assert_eq!(*flight.join("tag", fetch()).await, 1);
    }

    #[tokio::test]
    async fn a_dropped_caller_does_not_take_the_others_down() {
        let flight = Flight::<&str, u32>::new();
        let mut first = Box::pin(flight.join("tag", std::future::pending()));
        assert!(futures::poll!(&mut first).is_pending());
        let mut second = Box::pin(flight.join("tag", async { 7 }));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(*second.await, 7);
    }
}
