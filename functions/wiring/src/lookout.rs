//! What nobody calls for: entries that the emergency door left in the spool, and those that another
//! process journalled without making a finding of them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use postern_core::entry::Entry;
use postern_core::ports::Unavailable;
use postern_host::auth::Identity;
use postern_host::config::Right;
use postern_host::problem::Problem;
use postern_store::{Spool, Store, StoreError};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;

use crate::Adapters;

/// Entries that are read at once.
const PAGE: u32 = 500;

/// An entry that may not have been looked at.
#[derive(Debug, Clone)]
pub enum Found {
    /// It waited in the spool, and is yet to go into the journal under its own id.
    Spooled(Entry),
    /// It is in the journal.
    Journalled(Entry),
}

/// How many entries one look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Looked {
    /// Taken from the spool into the journal.
    pub spooled: usize,
    /// New in the journal since the last look.
    pub looked: usize,
    /// Cases that time alone changed.
    pub overdue: usize,
}

type Answer<T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send>>;
type Take = dyn Fn(Found) -> Answer<()> + Send + Sync;
type Overdue = dyn Fn() -> Answer<usize> + Send + Sync;

/// Looks at spool and journal, and at what time alone makes due.
pub struct Lookout {
    store: Store,
    spool: Arc<Spool>,
    take: Box<Take>,
    overdue: Option<Box<Overdue>>,
    place: Mutex<Place>,
}

/// How far the journal was looked at.
#[derive(Default)]
struct Place {
    seen: i64,
    /// The damage that was reported last: it stays for as long as the row does.
    reported: Option<String>,
}

impl Lookout {
    /// A lookout that hands what it finds to `take`, which must be idempotent by id: what another
    /// process of the same store has looked at may come again, and so may spooled entries.
    pub fn new<F, T>(adapters: &Adapters, take: F) -> Self
    where
        F: Fn(Found) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Unavailable>> + Send + 'static,
    {
        Self {
            store: adapters.store.clone(),
            spool: Arc::clone(&adapters.spool),
            take: Box::new(move |found| Box::pin(take(found))),
            overdue: None,
            place: Mutex::default(),
        }
    }

    /// Also does what time alone makes due; `overdue` must be idempotent, and says how many cases it
    /// changed.
    #[must_use]
    pub fn with_overdue<F, T>(mut self, overdue: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<usize, Unavailable>> + Send + 'static,
    {
        self.overdue = Some(Box::new(move || Box::pin(overdue())));
        self
    }

    /// Looks every `interval`, for as long as it is polled.
    pub async fn run(&self, interval: Duration) -> Infallible {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.look().await {
                tracing::error!(%error, "spool and journal cannot be looked at");
            }
        }
    }

    /// Looks once. Idempotent; of two looks at once, one waits for the other.
    ///
    /// # Errors
    /// If spool or journal could not be read, or an entry not be taken. It stays where it is, and
    /// the next look finds it.
    pub async fn look(&self) -> Result<Looked, Unavailable> {
        let mut place = self.place.lock().await;
        // One is no reason to leave the other.
        let spooled = self.take_in_spool().await;
        let looked = self.look_at_journal(&mut place).await;
        let overdue = match &self.overdue {
            Some(overdue) => overdue().await,
            None => Ok(0),
        };
        Ok(Looked {
            spooled: spooled?,
            looked: looked?,
            overdue: overdue?,
        })
    }

    async fn take_in_spool(&self) -> Result<usize, Unavailable> {
        let take = async |entry| (self.take)(Found::Spooled(entry)).await;
        let drained = self.spool.drain(take).await;
        let drained = drained.map_err(|error| Unavailable::new("spool", error))?;
        let entries = drained.taken.len();
        if entries > 0 {
            tracing::info!(entries, "the spool was taken into the journal");
        }
        // What can never be taken in is no outage; it stays for a person to look at.
        let (permanent, passing): (Vec<_>, Vec<_>) = drained
            .failed
            .into_iter()
            .partition(|(_, error)| error.permanent);
        for (id, error) in permanent {
            tracing::error!(entry = id, %error, "a spooled entry cannot be taken in");
        }
        match passing.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(entries),
        }
    }

    async fn look_at_journal(&self, place: &mut Place) -> Result<usize, Unavailable> {
        let unavailable = |error: StoreError| Unavailable::new("journal", error);
        if place.seen == 0 {
            place.seen = self.store.looked().await.map_err(unavailable)?;
        }
        let mut looked = 0;
        let mut page = PAGE;
        loop {
            match self.store.entries(place.seen, page).await {
                Ok(entries) if entries.is_empty() => return Ok(looked),
                Ok(entries) => {
                    for stored in entries {
                        (self.take)(Found::Journalled(stored.entry)).await?;
                        place.seen = stored.position;
                        looked += 1;
                    }
                    let kept = self.store.keep_looked(place.seen).await;
                    kept.map_err(unavailable)?;
                }
                // One row of the page is damaged; which of them, only single ones tell.
                Err(StoreError::Row { .. }) if page > 1 => page = 1,
                Err(error @ StoreError::Row { .. }) => {
                    place.step_over(&error);
                    page = PAGE;
                }
                Err(error) => return Err(unavailable(error)),
            }
        }
    }
}

impl Place {
    /// The row may be further on, as there may be gaps; then it comes again, and is not news.
    fn step_over(&mut self, error: &StoreError) {
        self.seen += 1;
        let damage = error.to_string();
        if self.reported.as_ref() != Some(&damage) {
            tracing::error!(
                damage,
                "a journal entry cannot be looked at and is left out"
            );
            self.reported = Some(damage);
        }
    }
}

/// `POST /v1/tick` of a function that has nothing else to do between requests than to look; callers
/// need the right `ingest`. Idempotent.
pub fn tick_router(lookout: Arc<Lookout>) -> Router {
    Router::new()
        .route("/v1/tick", post(tick))
        .with_state(lookout)
}

async fn tick(
    State(lookout): State<Arc<Lookout>>,
    identity: Identity,
) -> Result<Json<Looked>, Problem> {
    identity.require(Right::Ingest)?;
    lookout.look().await.map(Json).map_err(outage)
}

/// What `POST /v1/tick` answers while something cannot be read or written.
pub fn outage(error: Unavailable) -> Problem {
    tracing::error!(%error, "what is due could not be done");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "STORE_UNAVAILABLE",
        error.to_string(),
    )
    .retry_after(5)
}

#[cfg(test)]
mod tests;
