//! The journal: one append-only table.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::decision::Decision;
use postern_core::entry::{Entry, Record};
use postern_core::ledger::tree::leaf_hash;
use postern_core::personal::{is_same as is_same_opened, open};
use postern_core::ports::{Journal, Unavailable};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row as _};
use ulid::Ulid;

use crate::cases;
use crate::deployments;
use crate::error::StoreError;
use crate::personal::{self, Texts};
use crate::prepared::Prepared;
use crate::rows::{ROWS_AT_ONCE, Transaction, micros, places};
use crate::store::Store;

/// An entry as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place; later ones are larger. There may be gaps.
    pub position: i64,
    /// The entry.
    pub entry: Entry,
    /// Its canonical form (RFC 8785), in which commitments stand for what it says of people.
    pub canonical: Vec<u8>,
    /// SHA-256 over 0x00 and the canonical form (RFC 6962, section 2.1).
    pub leaf_hash: [u8; 32],
}

#[async_trait]
impl Journal for Store {
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Unavailable> {
        let appended = async { self.writer().await?.append(entries).await };
        self.answer(appended).await
    }
}

impl Store {
    /// One entry by its id.
    ///
    /// # Errors
    /// If the journal cannot be read, or the entry is not what was written.
    pub async fn entry(&self, id: &str) -> Result<Option<StoredEntry>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let row =
            sqlx::query("SELECT position, id, canonical, leaf_hash FROM entries WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let position = row.try_get(0)?;
        let texts = Texts::read(&mut transaction, position, position).await?;
        StoredEntry::read(&row, &texts)
    }

    /// At most `limit` entries after a position (0: from the start), in the order in which they
    /// were recorded. Those that were pruned are left out.
    ///
    /// # Errors
    /// If the journal cannot be read, or an entry is not what was written.
    pub async fn entries(&self, after: i64, limit: u32) -> Result<Vec<StoredEntry>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let rows = sqlx::query(
            "SELECT position, id, canonical, leaf_hash FROM entries
             WHERE position > $1 AND length(canonical) > 0 ORDER BY position LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
        let last = rows.last().map(|row| row.try_get(0)).transpose()?;
        let texts = Texts::read(&mut transaction, after, last.unwrap_or(after)).await?;
        let read = |row: &AnyRow| StoredEntry::read(row, &texts).transpose();
        rows.iter().filter_map(read).collect()
    }

    /// How far the journal was looked through ([`Store::keep_looked`]); 0 at first.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn looked(&self) -> Result<i64, StoreError> {
        let position = sqlx::query_scalar("SELECT position FROM looked WHERE \"only\" = 1")
            .fetch_one(self.readers().await?)
            .await?;
        Ok(position)
    }

    /// Keeps how far the journal was looked through, for the next process. It only goes forward.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn keep_looked(&self, position: i64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE looked SET position = $1 WHERE \"only\" = 1 AND position < $1")
            .bind(position)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// A decision of the gate, by its id.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn decision(&self, id: &str) -> Result<Option<Decision>, StoreError> {
        Ok(self
            .entry(id)
            .await?
            .and_then(|stored| match stored.entry.record {
                Record::Decision(decision) => Some(*decision),
                _ => None,
            }))
    }
}

impl StoredEntry {
    /// `None` if nothing but its hash was kept.
    fn read(row: &AnyRow, texts: &Texts) -> Result<Option<Self>, StoreError> {
        let (position, id, canonical, leaf): (i64, String, Vec<u8>, Vec<u8>) =
            FromRow::from_row(row)?;
        if canonical.is_empty() {
            return Ok(None);
        }
        let what = || format!("journal entry {id}");
        let leaf_hash = leaf_hash(&canonical);
        if leaf != leaf_hash {
            return Err(StoreError::row(
                what(),
                "its content does not match its hash",
            ));
        }
        let mut value: Value =
            serde_json::from_slice(&canonical).map_err(|error| StoreError::row(what(), error))?;
        open(&mut value, &|commitment| texts.of(position, commitment));
        let entry =
            serde_json::from_value(value).map_err(|error| StoreError::row(what(), error))?;
        Ok(Some(Self {
            position,
            entry,
            canonical,
            leaf_hash,
        }))
    }
}

/// A new entry of this time.
pub(crate) fn entry(at: Timestamp, record: Record) -> Entry {
    let id = Ulid::from_datetime(at.into()).to_string();
    Entry { id, at, record }
}

/// Appends entries within a transaction. All are looked at before the first is written, so that
/// after a conflict the transaction may go on without them.
pub(crate) async fn append_in(
    transaction: &mut Transaction,
    entries: &[Prepared],
) -> Result<(), StoreError> {
    let missing = missing(transaction, entries).await?;
    insert(transaction, &missing).await
}

/// The entries that are not in the journal yet, in their order.
///
/// # Errors
/// [`StoreError::Conflict`] if one of them is there with other content.
pub(crate) async fn missing<'a>(
    transaction: &mut Transaction,
    entries: &'a [Prepared],
) -> Result<Vec<&'a Prepared>, StoreError> {
    let mut missing = Vec::with_capacity(entries.len());
    for some in entries.chunks(ROWS_AT_ONCE) {
        let stored = stored(transaction, some).await?;
        for prepared in some {
            let entry = &prepared.entry;
            match stored.get(&entry.id) {
                None => missing.push(prepared),
                Some((position, canonical)) => {
                    if !is_same(transaction, *position, canonical, entry).await? {
                        return Err(StoreError::Conflict(entry.id.clone()));
                    }
                }
            }
        }
    }
    Ok(missing)
}

/// Those of the entries that stand in the journal, with their places and canonical forms.
async fn stored(
    transaction: &mut Transaction,
    entries: &[Prepared],
) -> Result<HashMap<String, (i64, Vec<u8>)>, StoreError> {
    let select = format!(
        "SELECT id, position, canonical FROM entries WHERE id IN {}",
        places(1, entries.len())
    );
    let mut query = sqlx::query_as(AssertSqlSafe(select));
    for prepared in entries {
        query = query.bind(&prepared.entry.id);
    }
    let rows: Vec<(String, i64, Vec<u8>)> = query.fetch_all(&mut **transaction).await?;
    let by_id = |(id, position, canonical)| (id, (position, canonical));
    Ok(rows.into_iter().map(by_id).collect())
}

/// Whether what is stored is this entry. Salts differ every time, so its hash does not tell; and of what
/// was pruned nothing is left to compare.
async fn is_same(
    transaction: &mut Transaction,
    position: i64,
    canonical: &[u8],
    entry: &Entry,
) -> Result<bool, StoreError> {
    if canonical.is_empty() {
        return Ok(true);
    }
    let what = || format!("journal entry {}", entry.id);
    let stored: Value =
        serde_json::from_slice(canonical).map_err(|error| StoreError::row(what(), error))?;
    let given = serde_json::to_value(entry).map_err(|error| StoreError::row(what(), error))?;
    let texts = Texts::read(transaction, position, position).await?;
    let text_of = |commitment: &str| texts.of(position, commitment);
    Ok(is_same_opened(&stored, &given, &text_of))
}

/// Writes entries that [`missing`] named, behind all others.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    entries: &[&Prepared],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let last: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM entries")
        .fetch_one(&mut **transaction)
        .await?;
    let placed: Vec<(i64, &Prepared)> = (last + 1..).zip(entries.iter().copied()).collect();
    for some in placed.chunks(ROWS_AT_ONCE) {
        insert_rows(transaction, some).await?;
    }
    personal::write(transaction, &placed).await?;
    for prepared in entries {
        let entry = &prepared.entry;
        match &entry.record {
            Record::Decision(decision) => {
                deployments::index(transaction, &entry.id, decision).await?;
            }
            Record::Signing(signing) => {
                cases::index_signing(transaction, &entry.id, signing).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn insert_rows(
    transaction: &mut Transaction,
    placed: &[(i64, &Prepared)],
) -> Result<(), StoreError> {
    let insert = format!(
        "INSERT INTO entries (position, id, at, kind, canonical, leaf_hash) VALUES {}",
        places(placed.len(), 6)
    );
    let mut query = sqlx::query(AssertSqlSafe(insert));
    for (position, prepared) in placed {
        query = query
            .bind(*position)
            .bind(&prepared.entry.id)
            .bind(micros(prepared.entry.at))
            .bind(prepared.entry.record.kind())
            .bind(&prepared.canonical)
            .bind(&prepared.leaf_hash[..]);
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, decision_entry, revocation_entry};

    #[tokio::test]
    async fn appending_twice_changes_nothing() {
        let (store, _directory) = testing::store().await;
        let entries = vec![revocation_entry("01A", "x"), decision_entry("01B")];
        store.append(entries.clone()).await.unwrap();
        store.append(entries.clone()).await.unwrap();
        let stored = store.entries(0, 10).await.unwrap();
        let read: Vec<&Entry> = stored.iter().map(|stored| &stored.entry).collect();
        assert_eq!(read, entries.iter().collect::<Vec<_>>());
        assert_eq!(
            store.entries(stored[0].position, 10).await.unwrap(),
            stored[1..]
        );
        assert_eq!(store.entries(0, 1).await.unwrap(), stored[..1]);
    }

    #[tokio::test]
    async fn how_far_it_was_looked_through_only_goes_forward() {
        let (store, _directory) = testing::store().await;
        assert_eq!(store.looked().await.unwrap(), 0);
        for position in [7, 3] {
            store.keep_looked(position).await.unwrap();
        }
        assert_eq!(store.looked().await.unwrap(), 7);
    }

    #[tokio::test]
    async fn an_id_with_other_content_is_an_error_and_nothing_is_written() {
        let (store, _directory) = testing::store().await;
        store
            .append(vec![revocation_entry("01A", "x")])
            .await
            .unwrap();
        let error = store
            .append(vec![
                revocation_entry("01B", "y"),
                revocation_entry("01A", "other"),
            ])
            .await
            .unwrap_err();
        assert_eq!(
            error.message,
            "entry 01A is in the journal already, with other content"
        );
        assert_eq!(store.entry("01B").await.unwrap(), None);
        let kept = store.entry("01A").await.unwrap().unwrap();
        assert_eq!(kept.entry, revocation_entry("01A", "x"));
    }

    #[tokio::test]
    async fn a_decision_is_found_by_its_id() {
        let (store, _directory) = testing::store().await;
        let entry = decision_entry("01D");
        store
            .append(vec![entry.clone(), revocation_entry("01R", "x")])
            .await
            .unwrap();
        let found = store.decision("01D").await.unwrap().unwrap();
        assert_eq!(entry.record, Record::Decision(Box::new(found)));
        assert_eq!(store.decision("01R").await.unwrap(), None);
        assert_eq!(store.decision("01X").await.unwrap(), None);
    }

    #[tokio::test]
    async fn nothing_in_the_journal_is_changed_or_deleted() {
        let (store, _directory) = testing::sqlite().await;
        store
            .append(vec![revocation_entry("01A", "x")])
            .await
            .unwrap();
        let before = store.entries(0, 10).await.unwrap();
        for statement in [
            "UPDATE entries SET kind = 'DECISION'",
            "DELETE FROM entries",
            "INSERT OR REPLACE INTO entries SELECT position, id, 0, kind, canonical, leaf_hash FROM entries",
            "INSERT OR REPLACE INTO entries SELECT position, 'other', at, kind, canonical, leaf_hash FROM entries",
        ] {
            let pool = store.writer().await.unwrap().pool();
            let error = sqlx::query(statement).execute(pool).await.unwrap_err();
            assert!(
                error.to_string().contains("append-only"),
                "{statement}: {error}"
            );
        }
        assert_eq!(store.entries(0, 10).await.unwrap(), before);
    }

    #[tokio::test]
    async fn an_entry_that_was_changed_by_force_is_not_believed() {
        let (store, _directory) = testing::store().await;
        store
            .append(vec![revocation_entry("01A", "x")])
            .await
            .unwrap();
        testing::disarm(&store).await;
        let canonical = Prepared::new(revocation_entry("01A", "y"))
            .unwrap()
            .canonical;
        sqlx::query("UPDATE entries SET canonical = $1")
            .bind(canonical)
            .execute(store.writer().await.unwrap().pool())
            .await
            .unwrap();
        let error = store.entry("01A").await.unwrap_err().to_string();
        assert_eq!(
            error,
            "journal entry 01A in the database is damaged: its content does not match its hash"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn concurrent_appends_are_all_there() {
        let (store, _directory) = testing::store().await;
        let appends = (0..200).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                // Every tenth contradicts what its neighbour wrote or will write: one of the two fails.
                let (id, reason) = if n % 10 == 0 {
                    (n + 1, "other")
                } else {
                    (n, "x")
                };
                store
                    .append(vec![revocation_entry(&format!("01-{id:03}"), reason)])
                    .await
            })
        });
        let mut failed = 0;
        for append in appends.collect::<Vec<_>>() {
            failed += usize::from(append.await.unwrap().is_err());
        }
        assert_eq!(failed, 20, "one of each contradiction, and nobody else");
        assert_eq!(store.entries(0, 1000).await.unwrap().len(), 180);
    }
}
