//! Compares what is due, one window after the other, and remembers how far it went.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern_core::ports::{Progress, ReconcileProgress, Unavailable};
use serde::Serialize;
use tokio::sync::Mutex;

use super::plan::{Plan, due};
use super::{Reconciler, Request, filter};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(60);
/// The pause after a failure: permissions and quotas are mended by people.
const AFTER_FAILURE: Duration = Duration::from_secs(300);
const EVERY: SignedDuration = SignedDuration::from_hours(1);
const HISTORY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Which resources are compared, and when.
pub struct Schedule {
    reconciler: Reconciler,
    progress: Arc<dyn ReconcileProgress>,
    resources: Vec<String>,
    every: SignedDuration,
    history: SignedDuration,
    /// Of two steps at once, one waits for the other.
    step: Mutex<()>,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reconciled {
    /// Entries that were compared.
    pub compared: u64,
    /// Those that had never arrived.
    pub missing: u64,
    /// Whether anything was due: then more may be.
    #[serde(skip)]
    pub worked: bool,
}

impl Schedule {
    /// The schedule of a configuration.
    pub fn new(
        reconciler: Reconciler,
        progress: Arc<dyn ReconcileProgress>,
        config: &postern_host::config::Reconcile,
    ) -> Self {
        Self {
            reconciler,
            progress,
            resources: config.resources.clone(),
            every: config.every.unwrap_or(EVERY),
            history: config.history.unwrap_or(HISTORY),
            step: Mutex::default(),
        }
    }

    /// Compares what is due for as long as it is polled.
    pub async fn run(&self) -> Infallible {
        loop {
            match self.step(Timestamp::now()).await {
                Ok(Reconciled { worked: true, .. }) => {}
                Ok(_) => tokio::time::sleep(LOOK).await,
                Err(error) => {
                    tracing::error!(%error, "a log cannot be compared with what was delivered");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Compares one window, at most a day, of every resource of which one is due. Idempotent.
    ///
    /// # Errors
    /// The first outage; the other resources are compared all the same.
    pub async fn step(&self, now: Timestamp) -> Result<Reconciled, Unavailable> {
        let _alone = self.step.lock().await;
        let mut sum = Reconciled::default();
        let mut failure = None;
        for resource in &self.resources {
            if let Err(error) = self.resource(resource, now, &mut sum).await {
                failure = failure.or(Some(error));
            }
        }
        failure.map_or(Ok(sum), Err)
    }

    async fn resource(
        &self,
        resource: &str,
        now: Timestamp,
        sum: &mut Reconciled,
    ) -> Result<(), Unavailable> {
        let known = self.progress.progress(resource).await?;
        let Some((progress, span)) = due(known, self.every, self.history, now) else {
            return Ok(());
        };
        // Before anything else: should this fail, it is still known since when deliveries count.
        self.progress.advance(resource, progress).await?;
        let request = Request {
            resource: resource.to_owned(),
            filter: filter(None),
            plan: Plan {
                span,
                notes: Vec::new(),
            },
            watched_from: progress.watched_from,
            dry_run: false,
        };
        let outcome = self.reconciler.run(&request, &mut |_| {}).await;
        let report = outcome.report;
        let reached = Progress {
            complete_through: report.complete_through,
            ..progress
        };
        self.progress.advance(resource, reached).await?;
        sum.worked = true;
        sum.compared += report.entries;
        sum.missing += report.missing;
        for gap in &report.gaps {
            tracing::warn!(resource, "{gap}");
        }
        metrics::counter!("postern_audit_missing_total", "resource" => resource.to_owned())
            .increment(report.missing);
        // Seconds since 1970; what should be watched is how old it is.
        #[expect(clippy::cast_precision_loss, reason = "exact for thousands of years")]
        metrics::gauge!("postern_audit_reconciled_through", "resource" => resource.to_owned())
            .set(report.complete_through.as_second() as f64);
        outcome.failure.map_or(Ok(()), Err)
    }
}
