//! The one connection that writes, and the appends that share its commits.
//!
//! A commit costs a sync of the disk, whatever is in it. Appends that arrive while one is under way
//! wait together and go into the next: one transaction, one sync, an answer for each.

use sqlx::AnyPool;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::Transaction;
use crate::store::PATIENCE;

/// Appends that go into one transaction.
const BATCH: usize = 256;
/// Appends that wait; more wait outside, where their deadlines end them.
const QUEUE: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Writer {
    exclusive: Exclusive,
    queue: mpsc::Sender<Append>,
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

/// Entries of one caller: all are written or none.
#[derive(Debug)]
struct Append {
    entries: Vec<Prepared>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Writer {
    /// Starts the task that writes; it ends with the last clone of the writer.
    pub(crate) fn start(pool: AnyPool, lock: Lock) -> Self {
        let (queue, appends) = mpsc::channel(QUEUE);
        let exclusive = Exclusive { pool, lock };
        tokio::spawn(write_batches(exclusive.clone(), appends));
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
    pub(crate) async fn append(&self, entries: Vec<Prepared>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let append = Append { entries, answer };
        self.queue
            .send(append)
            .await
            .map_err(|_| StoreError::Closed)?;
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

async fn write_batches(exclusive: Exclusive, mut appends: mpsc::Receiver<Append>) {
    let mut batch = Vec::with_capacity(BATCH);
    while appends.recv_many(&mut batch, BATCH).await > 0 {
        // Who has stopped waiting has no use for the record of an answer that was never given.
        batch.retain(|append| !append.answer.is_closed());
        write_batch(&exclusive, std::mem::take(&mut batch)).await;
    }
}

async fn write_batch(exclusive: &Exclusive, batch: Vec<Append>) {
    if batch.is_empty() {
        return;
    }
    let results = tokio::time::timeout(PATIENCE, try_batch(exclusive, &batch)).await;
    let results = results.unwrap_or(Err(StoreError::Silent(PATIENCE)));
    let results = results.unwrap_or_else(|error| {
        let failures = batch.iter().map(|_| Err(error.clone()));
        failures.collect()
    });
    for (append, result) in batch.into_iter().zip(results) {
        if append.answer.send(result).is_err() {
            tracing::debug!("an append was answered after its caller's deadline");
        }
    }
}

type BatchResults = Vec<Result<(), StoreError>>;

/// Writes the batch in one transaction. An append that contradicts the journal fails alone; what
/// the database fails at fails for all, because nothing of it was written.
async fn try_batch(exclusive: &Exclusive, batch: &[Append]) -> Result<BatchResults, StoreError> {
    let mut transaction = exclusive.begin().await?;
    let mut results = Vec::with_capacity(batch.len());
    for append in batch {
        match journal::append_in(&mut transaction, &append.entries).await {
            Err(conflict @ StoreError::Conflict(_)) => results.push(Err(conflict)),
            Err(error) => return Err(error),
            Ok(()) => results.push(Ok(())),
        }
    }
    transaction.commit().await?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, revocation_entry};

    fn append(id: &str, reason: &str) -> (Append, oneshot::Receiver<Result<(), StoreError>>) {
        let (answer, answered) = oneshot::channel();
        let entries = Prepared::all(vec![revocation_entry(id, reason)]).unwrap();
        (Append { entries, answer }, answered)
    }

    #[tokio::test]
    async fn in_one_batch_everyone_gets_their_own_answer() {
        let (store, _directory) = testing::store().await;
        let (first, first_answer) = append("01A", "x");
        let (contradiction, contradiction_answer) = append("01A", "other");
        let (last, last_answer) = append("01B", "x");
        let writer = store.writer().await.unwrap();
        write_batch(&writer.exclusive, vec![first, contradiction, last]).await;
        assert!(first_answer.await.unwrap().is_ok());
        assert!(matches!(
            contradiction_answer.await.unwrap(),
            Err(StoreError::Conflict(_))
        ));
        assert!(last_answer.await.unwrap().is_ok());
        assert_eq!(store.entries(0, 9).await.unwrap().len(), 2);
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
