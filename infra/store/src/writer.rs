//! The one connection that writes, and the writes that share its commits.
//!
//! A commit costs a sync of the disk, whatever is in it. Entries and changes that arrive while one is
//! under way wait together and go into the next: one transaction, one sync, an answer for each.

use postern_core::change::Change;
use postern_core::entry::Entry;
use postern_core::ports::Committed;
use sqlx::AnyPool;
use tokio::sync::{mpsc, oneshot};

use crate::audit;
use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::Transaction;
use crate::store::PATIENCE;

/// Writes that go into one transaction.
const BATCH: usize = 256;
/// Writes that wait; more wait outside, where their deadlines end them.
const QUEUE: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Writer {
    exclusive: Exclusive,
    queue: mpsc::Sender<Order>,
}

/// The one connection that writes, and how its transactions get to be alone in that.
#[derive(Debug, Clone)]
pub(crate) struct Exclusive {
    pool: AnyPool,
    lock: Lock,
}

/// How a transaction gets to be the only one that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// SQLite: it takes the write lock at its start.
    Immediate,
    /// PostgreSQL: it waits for an advisory lock, of this schema and of all processes, which ends with it.
    Advisory,
}

/// Any number will do; everybody has to use the same ("postern" as bytes).
const ADVISORY_LOCK: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended(current_schema(), 31647739056321134))";

/// What one caller wants written: all of it or nothing.
#[derive(Debug)]
enum Work {
    Entries(Vec<Prepared>),
    Change(Box<Change>, Vec<Prepared>),
}

#[derive(Debug)]
struct Order {
    work: Work,
    answer: oneshot::Sender<Result<Committed, StoreError>>,
}

impl Writer {
    /// Starts the task that writes; it ends with the last clone of the writer.
    pub(crate) fn start(pool: AnyPool, lock: Lock) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE);
        let exclusive = Exclusive { pool, lock };
        tokio::spawn(write_batches(exclusive.clone(), orders));
        Self { exclusive, queue }
    }

    pub(crate) const fn pool(&self) -> &AnyPool {
        &self.exclusive.pool
    }

    /// A transaction that holds the write lock from its start.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        self.exclusive.begin().await
    }

    /// Appends entries, all or none, with whatever else is waiting.
    pub(crate) async fn append(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let work = Work::Entries(Prepared::all(entries)?);
        self.write(work).await.map(|_| ())
    }

    /// Writes a change, all or nothing of it, with whatever else is waiting.
    pub(crate) async fn commit(&self, mut change: Change) -> Result<Committed, StoreError> {
        let entries = Prepared::all(std::mem::take(&mut change.entries))?;
        self.write(Work::Change(Box::new(change), entries)).await
    }

    async fn write(&self, work: Work) -> Result<Committed, StoreError> {
        let (answer, answered) = oneshot::channel();
        let order = Order { work, answer };
        let queued = self.queue.send(order).await;
        queued.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

impl Exclusive {
    async fn begin(&self) -> Result<Transaction, StoreError> {
        match self.lock {
            Lock::Immediate => Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?),
            Lock::Advisory => {
                let mut transaction = self.pool.begin().await?;
                let lock = sqlx::query(ADVISORY_LOCK);
                lock.execute(&mut *transaction).await?;
                Ok(transaction)
            }
        }
    }
}

async fn write_batches(exclusive: Exclusive, mut orders: mpsc::Receiver<Order>) {
    let mut batch = Vec::with_capacity(BATCH);
    while orders.recv_many(&mut batch, BATCH).await > 0 {
        // Who has stopped waiting has no use for the record of an answer that was never given.
        batch.retain(|order| !order.answer.is_closed());
        write_batch(&exclusive, std::mem::take(&mut batch)).await;
    }
}

async fn write_batch(exclusive: &Exclusive, batch: Vec<Order>) {
    if batch.is_empty() {
        return;
    }
    let results = tokio::time::timeout(PATIENCE, try_batch(exclusive, &batch)).await;
    let results = results.unwrap_or(Err(StoreError::Silent(PATIENCE)));
    let results = results.unwrap_or_else(|error| {
        let failures = batch.iter().map(|_| Err(error.clone()));
        failures.collect()
    });
    for (order, result) in batch.into_iter().zip(results) {
        if order.answer.send(result).is_err() {
            tracing::debug!("a write was answered after its caller's deadline");
        }
    }
}

type BatchResults = Vec<Result<Committed, StoreError>>;

/// Writes the batch in one transaction, each upon what those before it wrote. What is stale or
/// contradicts the journal fails alone; what the database fails at fails for all, because nothing of it
/// was written.
async fn try_batch(exclusive: &Exclusive, batch: &[Order]) -> Result<BatchResults, StoreError> {
    let mut transaction = exclusive.begin().await?;
    let mut results = Vec::with_capacity(batch.len());
    for order in batch {
        match write(&mut transaction, &order.work).await {
            Err(conflict @ StoreError::Conflict(_)) => results.push(Err(conflict)),
            Err(error) => return Err(error),
            Ok(committed) => results.push(Ok(committed)),
        }
    }
    if results
        .iter()
        .any(|result| matches!(result, Ok(Committed::Written)))
    {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(results)
}

async fn write(transaction: &mut Transaction, work: &Work) -> Result<Committed, StoreError> {
    match work {
        Work::Entries(entries) => {
            journal::append_in(transaction, entries).await?;
            Ok(Committed::Written)
        }
        Work::Change(change, entries) => audit::write(transaction, change, entries).await,
    }
}

#[cfg(test)]
mod tests {
    use postern_core::ports::AuditStore as _;

    use super::*;
    use crate::testing::{self, revocation_entry};

    type Answer = oneshot::Receiver<Result<Committed, StoreError>>;

    fn order(work: Work) -> (Order, Answer) {
        let (answer, answered) = oneshot::channel();
        (Order { work, answer }, answered)
    }

    fn append(id: &str, reason: &str) -> (Order, Answer) {
        let entries = Prepared::all(vec![revocation_entry(id, reason)]).unwrap();
        order(Work::Entries(entries))
    }

    /// A change with this entry that makes a case.
    fn opening(case: &str, entry: &str, reason: &str) -> (Order, Answer) {
        let change = Change {
            cases: vec![testing::case(case, 1)],
            ..Change::default()
        };
        let entries = Prepared::all(vec![revocation_entry(entry, reason)]).unwrap();
        order(Work::Change(Box::new(change), entries))
    }

    #[tokio::test]
    async fn in_one_batch_everyone_gets_their_own_answer() {
        let (store, _directory) = testing::store().await;
        let (orders, answers): (Vec<_>, Vec<_>) = [
            append("01A", "x"),
            append("01A", "other"),
            opening("C1", "01B", "x"),
            opening("C1", "01C", "x"),
            opening("C2", "01A", "other"),
            opening("C3", "01A", "x"),
            append("01D", "x"),
        ]
        .into_iter()
        .unzip();
        let writer = store.writer().await.unwrap();
        write_batch(&writer.exclusive, orders).await;
        let mut said = Vec::new();
        for answer in answers {
            let answer = answer.await.unwrap();
            said.push(answer.map_err(|error| matches!(error, StoreError::Conflict(_))));
        }
        let (written, stale, conflict) = (Ok(Committed::Written), Ok(Committed::Stale), Err(true));
        assert_eq!(
            said,
            [
                written, conflict, written, stale, conflict, written, written
            ]
        );
        let entries = store.entries(0, 9).await.unwrap();
        let ids: Vec<&str> = entries.iter().map(|stored| &*stored.entry.id).collect();
        assert_eq!(ids, ["01A", "01B", "01D"]);
        let mut cases = Vec::new();
        for id in ["C1", "C2", "C3"] {
            cases.push(store.case(id).await.unwrap().is_some());
        }
        assert_eq!(
            cases,
            [true, false, true],
            "what failed left nothing behind"
        );
    }

    #[tokio::test]
    async fn what_the_database_fails_at_is_an_error_for_everyone() {
        let (store, _directory) = testing::sqlite().await;
        let writer = store.writer().await.unwrap();
        sqlx::query(
            "CREATE TRIGGER fails BEFORE INSERT ON entries WHEN NEW.id = '01B'
             BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .execute(writer.pool())
        .await
        .unwrap();
        let (first, first_answer) = append("01A", "x");
        let (last, last_answer) = append("01B", "x");
        write_batch(&writer.exclusive, vec![first, last]).await;
        assert!(first_answer.await.unwrap().is_err());
        assert!(last_answer.await.unwrap().is_err());
        assert_eq!(store.entries(0, 9).await.unwrap(), []);
    }
}
