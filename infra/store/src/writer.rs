//! The one connection that writes, and the appends that share its commits.
//!
//! A commit costs a sync of the disk, whatever is in it. Appends that arrive while one is under way
//! wait together and go into the next: one transaction, one sync, an answer for each.

use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::Transaction;

/// Appends that go into one transaction.
const BATCH: usize = 256;
/// Appends that wait; more wait outside, where their deadlines end them.
const QUEUE: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pool: SqlitePool,
    queue: mpsc::Sender<Append>,
}

/// Entries of one caller: all are written or none.
#[derive(Debug)]
struct Append {
    entries: Vec<Prepared>,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Writer {
    /// Starts the task that writes; it ends with the last clone of the writer.
    pub(crate) fn start(pool: SqlitePool) -> Self {
        let (queue, appends) = mpsc::channel(QUEUE);
        tokio::spawn(write_batches(pool.clone(), appends));
        Self { pool, queue }
    }

    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A transaction that holds the write lock from its start.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
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

async fn write_batches(pool: SqlitePool, mut appends: mpsc::Receiver<Append>) {
    let mut batch = Vec::with_capacity(BATCH);
    while appends.recv_many(&mut batch, BATCH).await > 0 {
        // Who has stopped waiting has no use for the record of an answer that was never given.
        batch.retain(|append| !append.answer.is_closed());
        write_batch(&pool, std::mem::take(&mut batch)).await;
    }
}

async fn write_batch(pool: &SqlitePool, batch: Vec<Append>) {
    if batch.is_empty() {
        return;
    }
    let results = try_batch(pool, &batch).await.unwrap_or_else(|error| {
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
async fn try_batch(pool: &SqlitePool, batch: &[Append]) -> Result<BatchResults, StoreError> {
    let mut transaction: Transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
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
        let pool = store.writer().await.unwrap().pool();
        write_batch(pool, vec![first, contradiction, last]).await;
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
        let (store, _directory) = testing::store().await;
        let pool = store.writer().await.unwrap().pool();
        sqlx::query(
            "CREATE TRIGGER fails BEFORE INSERT ON entries WHEN NEW.id = '01B'
             BEGIN SELECT RAISE(ABORT, 'disk full'); END",
        )
        .execute(pool)
        .await
        .unwrap();
        let (first, first_answer) = append("01A", "x");
        let (last, last_answer) = append("01B", "x");
        write_batch(pool, vec![first, last]).await;
        assert!(first_answer.await.unwrap().is_err());
        assert!(last_answer.await.unwrap().is_err());
        assert_eq!(store.entries(0, 9).await.unwrap(), []);
    }
}
