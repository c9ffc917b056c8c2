//! Everything that the auditor fetches by itself: subscriptions that it pulls from, and logs that it
//! reads back.

use std::sync::Arc;

use jiff::Timestamp;
use postern_core::ports::{EventSubscription, LogReader, ReconcileProgress, Unavailable};
use postern_host::config;
use serde::Serialize;

use crate::auditor::Auditor;
use crate::pull::{Pulled, Puller};
use crate::reconcile::{Reconciled, Reconciler, Schedule};

/// What is fetched, as a configuration says.
#[derive(Default)]
pub struct Sources {
    pullers: Vec<Puller>,
    schedule: Option<Schedule>,
}

/// What one tick fetched; what is not configured is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Fetched {
    /// From subscriptions.
    #[serde(flatten)]
    pub pulled: Option<Pulled>,
    /// From logs.
    #[serde(flatten)]
    pub reconciled: Option<Reconciled>,
}

impl Sources {
    /// Fetches from these subscriptions, and compares by this schedule.
    pub fn new(
        auditor: &Arc<Auditor>,
        subscriptions: Vec<Arc<dyn EventSubscription>>,
        reader: Option<Arc<dyn LogReader>>,
        progress: Arc<dyn ReconcileProgress>,
        config: &config::Audit,
    ) -> Self {
        let puller = |subscription| Puller::new(subscription, Arc::clone(auditor));
        let schedule = |reader| {
            let reconciler = Reconciler::new(Arc::clone(auditor), reader);
            Schedule::new(reconciler, progress, &config.reconcile)
        };
        Self {
            pullers: subscriptions.into_iter().map(puller).collect(),
            schedule: reader.map(schedule),
        }
    }

    /// Fetches for as long as some work takes, and finishes what was pulled by then.
    pub async fn run_beside<T>(&self, work: impl Future<Output = T>) -> T {
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let work = async {
            let done = work.await;
            drop(end);
            done
        };
        let fetch = self.run(async { drop(ended.await) });
        futures::join!(work, fetch).0
    }

    async fn run(&self, stop: impl Future<Output = ()>) {
        let (ending, ended) = tokio::sync::watch::channel(false);
        let stopped = || {
            let mut ended = ended.clone();
            // The sender is gone only when nobody waits any more.
            async move { drop(ended.wait_for(|ended| *ended).await) }
        };
        let pull = futures::future::join_all(self.pullers.iter().map(|p| p.run(stopped())));
        let compare = async {
            let Some(schedule) = &self.schedule else {
                return;
            };
            // What was compared is written down, so that this may end anywhere.
            tokio::select! {
                () = stopped() => {}
                never = schedule.run() => match never {},
            }
        };
        let end = async {
            stop.await;
            let _ = ending.send(true);
        };
        futures::join!(pull, compare, end);
    }

    /// Fetches once, and not for long: for whoever has a processor only while it answers.
    ///
    /// # Errors
    /// The first outage; everything else is fetched all the same.
    pub async fn tick(&self, now: Timestamp) -> Result<Fetched, Unavailable> {
        let mut failure = None;
        let mut pulled = (!self.pullers.is_empty()).then(Pulled::default);
        for puller in &self.pullers {
            match (puller.round().await, &mut pulled) {
                (Ok(round), Some(sum)) => {
                    sum.pulled += round.pulled;
                    sum.given_back += round.given_back;
                }
                (Ok(_), None) => {}
                (Err(error), _) => failure = failure.or(Some(error)),
            }
        }
        let mut reconciled = None;
        if let Some(schedule) = &self.schedule {
            match schedule.step(now).await {
                Ok(step) => reconciled = Some(step),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Fetched { pulled, reconciled }), Err)
    }
}
