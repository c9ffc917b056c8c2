//! Letting go of what is older than it has to be kept. Of an entry its hash stays in the tree, so every
//! checkpoint and proof holds as before; that it was there can be proven, and what it said cannot.

use jiff::Timestamp;
use postern_core::entry::{Pruning, Record};

use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::{Transaction, micros};
use crate::store::Store;

/// What is to be let go, and on whose word.
#[derive(Debug, Clone)]
pub struct Retention {
    /// What is older.
    pub before: Timestamp,
    /// Who does it.
    pub by: String,
    /// Whether nothing is changed, and only counted.
    pub dry_run: bool,
}

/// Entries of which nothing but the hash is kept: those that are signed and old. What a case says of them stays
/// in the case.
const ENTRIES: &str =
    "UPDATE entries SET canonical = $3 WHERE position <= $1 AND at < $2 AND length(canonical) > 0";
const TEXTS: &str = "DELETE FROM personal WHERE position IN (SELECT position FROM entries WHERE length(canonical) = 0)";

/// The rest, in an order in which nothing refers to what is gone. `$1` is the time.
const ROWS: [&str; 13] = [
    "UPDATE seen_events SET raw = $2 WHERE received_at < $1 AND length(raw) > 0",
    "UPDATE quarantine SET raw = $2 WHERE received_at < $1 AND length(raw) > 0",
    "DELETE FROM parts WHERE received_at < $1",
    "DELETE FROM facts WHERE at < $1",
    "DELETE FROM expectations WHERE settled = 1 AND due_at < $1",
    "DELETE FROM deliveries WHERE state <> 'PENDING' AND notification_id IN
         (SELECT id FROM notifications WHERE at < $1)",
    "DELETE FROM notifications WHERE at < $1 AND routed = 1 AND NOT EXISTS
         (SELECT 1 FROM deliveries d WHERE d.notification_id = notifications.id)",
    "DELETE FROM correlations WHERE case_id IN (SELECT id FROM cases WHERE closed = 1 AND opened_at < $1
         AND (due_at IS NULL OR due_at < $1))",
    "DELETE FROM justifications WHERE case_id IN (SELECT id FROM cases WHERE closed = 1 AND opened_at < $1
         AND (due_at IS NULL OR due_at < $1))",
    "DELETE FROM findings WHERE at < $1 AND (case_id IS NULL OR case_id IN (SELECT id FROM cases
         WHERE closed = 1 AND opened_at < $1 AND (due_at IS NULL OR due_at < $1)))",
    "DELETE FROM cases WHERE closed = 1 AND opened_at < $1 AND (due_at IS NULL OR due_at < $1)
         AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.case_id = cases.id)",
    "DELETE FROM drills WHERE until < $1",
    "DELETE FROM break_glass_uses WHERE at < $1",
];

impl Store {
    /// Lets go of what is older than a time: of signed entries, the content; of events, the bytes as they
    /// came; alerts that were delivered or given up; and closed cases with their findings. Open cases,
    /// pending alerts and entries that are not signed stay. Records what was done.
    ///
    /// # Errors
    /// [`StoreError::Unsigned`] if no checkpoint was signed yet. If the role of the store may not do that,
    /// or the database cannot be written; nothing is changed then.
    pub async fn prune(&self, what: &Retention, now: Timestamp) -> Result<Pruning, StoreError> {
        let mut transaction = self.begin().await?;
        self.unhurried(&mut transaction).await?;
        let signed: Option<i64> = sqlx::query_scalar("SELECT MAX(size) FROM checkpoints")
            .fetch_one(&mut *transaction)
            .await?;
        let signed = signed.ok_or(StoreError::Unsigned)?;
        let before = micros(what.before);
        self.unguard(&mut transaction).await?;
        let entries = sqlx::query(ENTRIES)
            .bind(signed)
            .bind(before)
            .bind(&[][..])
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        self.guard(&mut transaction).await?;
        let mut rows = sqlx::query(TEXTS)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        for statement in ROWS {
            rows += let_go(&mut transaction, statement, before).await?;
        }
        let pruning = Pruning {
            by: what.by.clone(),
            before: what.before,
            checkpoint_size: signed.try_into().unwrap_or_default(),
            entries,
            rows,
        };
        if what.dry_run {
            transaction.rollback().await?;
            return Ok(pruning);
        }
        let entry = journal::entry(now, Record::Pruning(pruning.clone()));
        journal::append_in(&mut transaction, &[Prepared::new(entry)?]).await?;
        transaction.commit().await?;
        self.scrub().await?;
        Ok(pruning)
    }
}

async fn let_go(
    transaction: &mut Transaction,
    statement: &'static str,
    before: i64,
) -> Result<u64, StoreError> {
    let query = sqlx::query(statement).bind(before);
    let query = match statement.contains("$2") {
        true => query.bind(&[][..]),
        false => query,
    };
    Ok(query.execute(&mut **transaction).await?.rows_affected())
}

#[cfg(test)]
mod tests;
