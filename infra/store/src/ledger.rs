//! The ledger: the tree over the journal's entries, and its checkpoints.
//!
//! Entries are written without it; the tree takes them in afterwards, in their order, and nobody waits
//! for that. It keeps complete subtrees only (`tree_nodes`), from which every root and proof is put
//! together in as many steps as it is high.

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::ledger::{Frontier, Hash, Node, Span, tree};
use postern_core::ports::{Head, Inclusion, Leaf, LedgerStore, Unavailable};

use crate::error::StoreError;
use crate::rows::{Transaction, micros};
use crate::store::{Store, TURN};

/// Entries that are taken in by one transaction.
const BATCH: i64 = 4096;

#[async_trait]
impl LedgerStore for Store {
    async fn grow(&self) -> Result<Head, Unavailable> {
        self.answer(self.grow_tree()).await
    }

    async fn head_of(&self, size: u64) -> Result<Option<Head>, Unavailable> {
        self.answer(self.read_head(size)).await
    }

    async fn prove(&self, id: &str, size: u64) -> Result<Option<Inclusion>, Unavailable> {
        self.answer(self.prove_entry(id, size)).await
    }

    async fn prove_place(&self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable> {
        self.answer(self.prove_spans(tree::inclusion(index, size), size))
            .await
    }

    async fn prove_growth(&self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable> {
        self.answer(self.prove_spans(tree::consistency(old, size), size))
            .await
    }

    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Leaf>, Unavailable> {
        self.answer(self.read_leaves(from, limit)).await
    }

    async fn last_checkpoint(&self) -> Result<Option<String>, Unavailable> {
        let read = async {
            let query =
                sqlx::query_scalar("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1");
            Ok(query.fetch_optional(self.readers().await?).await?)
        };
        self.answer(read).await
    }

    async fn keep_checkpoint(
        &self,
        size: u64,
        at: Timestamp,
        note: &str,
    ) -> Result<(), Unavailable> {
        let kept = async {
            let mut transaction = self.begin().await?;
            sqlx::query(
                "INSERT INTO checkpoints (size, at, note) VALUES ($1, $2, $3)
                 ON CONFLICT (size) DO NOTHING",
            )
            .bind(signed(size))
            .bind(micros(at))
            .bind(note)
            .execute(&mut *transaction)
            .await?;
            Ok(transaction.commit().await?)
        };
        self.answer(kept).await
    }
}

impl Store {
    async fn grow_tree(&self) -> Result<Head, StoreError> {
        let begun = Instant::now();
        loop {
            let mut transaction = self.begin().await?;
            let (frontier, taken) = take_in(&mut transaction).await?;
            transaction.commit().await?;
            if taken < BATCH || begun.elapsed() > TURN {
                return Ok(Head {
                    size: frontier.size(),
                    root: frontier.root(),
                });
            }
        }
    }

    async fn read_head(&self, size: u64) -> Result<Option<Head>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        if size > tree_size(&mut transaction).await? {
            return Ok(None);
        }
        let root = frontier(&mut transaction, size).await?.root();
        Ok(Some(Head { size, root }))
    }

    async fn prove_entry(&self, id: &str, size: u64) -> Result<Option<Inclusion>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let row: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT position, canonical FROM entries WHERE id = $1")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some((position, canonical)) = row else {
            return Ok(None);
        };
        let index = unsigned(position).saturating_sub(1);
        let Some(spans) = tree::inclusion(index, size) else {
            return Ok(None);
        };
        if size > tree_size(&mut transaction).await? {
            return Ok(None);
        }
        Ok(Some(Inclusion {
            index,
            canonical,
            proof: span_hashes(&mut transaction, &spans).await?,
        }))
    }

    async fn prove_spans(
        &self,
        spans: Option<Vec<Span>>,
        size: u64,
    ) -> Result<Option<Vec<Hash>>, StoreError> {
        let Some(spans) = spans else {
            return Ok(None);
        };
        let mut transaction = self.begin_reading().await?;
        if size > tree_size(&mut transaction).await? {
            return Ok(None);
        }
        Ok(Some(span_hashes(&mut transaction, &spans).await?))
    }

    async fn read_leaves(&self, from: u64, limit: u32) -> Result<Vec<Leaf>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT position, canonical, leaf_hash FROM entries
             WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .bind(signed(from))
        .bind(i64::from(limit))
        .fetch_all(self.readers().await?)
        .await?;
        let leaf = |(position, canonical, leaf): (i64, _, Vec<u8>)| {
            let hash = hash(position, &leaf)?;
            Ok(Leaf { canonical, hash })
        };
        rows.into_iter().map(leaf).collect()
    }
}

/// Takes the next entries into the tree; says how many there were.
async fn take_in(transaction: &mut Transaction) -> Result<(Frontier, i64), StoreError> {
    let size = tree_size(transaction).await?;
    let mut frontier = frontier(transaction, size).await?;
    let leaves: Vec<(i64, Vec<u8>)> = sqlx::query_as(
        "SELECT position, leaf_hash FROM entries WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .bind(signed(size))
    .bind(BATCH)
    .fetch_all(&mut **transaction)
    .await?;
    for (position, leaf) in &leaves {
        let index = frontier.size();
        if unsigned(*position) != index + 1 {
            let what = format!("the ledger: entry {}", index + 1);
            return Err(StoreError::row(what, "it is missing"));
        }
        for (node, hash) in frontier.push(hash(*position, leaf)?) {
            sqlx::query("INSERT INTO tree_nodes (level, place, hash) VALUES ($1, $2, $3)")
                .bind(i64::from(node.level))
                .bind(signed(node.index))
                .bind(&hash[..])
                .execute(&mut **transaction)
                .await?;
        }
    }
    sqlx::query("UPDATE tree SET size = $1 WHERE \"only\" = 1")
        .bind(signed(frontier.size()))
        .execute(&mut **transaction)
        .await?;
    Ok((frontier, i64::try_from(leaves.len()).unwrap_or(BATCH)))
}

async fn tree_size(transaction: &mut Transaction) -> Result<u64, StoreError> {
    let size: i64 = sqlx::query_scalar("SELECT size FROM tree WHERE \"only\" = 1")
        .fetch_one(&mut **transaction)
        .await?;
    Ok(unsigned(size))
}

/// The root of the tree of so many entries, by its subtrees.
pub(crate) async fn root_of(transaction: &mut Transaction, size: i64) -> Result<Hash, StoreError> {
    Ok(frontier(transaction, unsigned(size)).await?.root())
}

async fn frontier(transaction: &mut Transaction, size: u64) -> Result<Frontier, StoreError> {
    let peaks = node_hashes(transaction, &Frontier::nodes(size)).await?;
    Frontier::new(size, peaks).ok_or_else(|| StoreError::row("the ledger", "its size is no number"))
}

async fn span_hashes(
    transaction: &mut Transaction,
    spans: &[Span],
) -> Result<Vec<Hash>, StoreError> {
    let mut hashes = Vec::with_capacity(spans.len());
    for span in spans {
        let nodes = node_hashes(transaction, &span.nodes()).await?;
        let hash = span.hash(&nodes);
        hashes.push(hash.ok_or_else(|| StoreError::row("the ledger", "a subtree is empty"))?);
    }
    Ok(hashes)
}

async fn node_hashes(
    transaction: &mut Transaction,
    nodes: &[Node],
) -> Result<Vec<Hash>, StoreError> {
    let mut hashes = Vec::with_capacity(nodes.len());
    for node in nodes {
        let place = signed(node.index);
        let query = match node.level {
            0 => sqlx::query_scalar("SELECT leaf_hash FROM entries WHERE position = $1 + 1")
                .bind(place),
            level => {
                sqlx::query_scalar("SELECT hash FROM tree_nodes WHERE place = $1 AND level = $2")
                    .bind(place)
                    .bind(i64::from(level))
            }
        };
        let found: Option<Vec<u8>> = query.fetch_optional(&mut **transaction).await?;
        let missing = || {
            let what = format!(
                "the ledger: subtree {} of height {}",
                node.index, node.level
            );
            StoreError::row(what, "it is missing")
        };
        hashes.push(hash(place, &found.ok_or_else(missing)?)?);
    }
    Ok(hashes)
}

fn hash(place: i64, bytes: &[u8]) -> Result<Hash, StoreError> {
    let what = || format!("the ledger: the hash at {place}");
    bytes
        .try_into()
        .map_err(|_| StoreError::row(what(), "it is no SHA-256"))
}

/// Sizes and places are never negative, and never larger than a position.
fn unsigned(number: i64) -> u64 {
    number.try_into().unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, now, revocation_entry};
    use postern_core::ports::Journal as _;

    async fn filled(count: usize) -> (Store, tempfile::TempDir) {
        let (store, directory) = testing::store().await;
        let entries = (0..count).map(|n| revocation_entry(&format!("01-{n:05}"), "x"));
        store.append(entries.collect()).await.unwrap();
        (store, directory)
    }

    #[tokio::test]
    async fn every_entry_is_proven_and_every_tree_begins_with_the_one_before() {
        let (store, _directory) = filled(11).await;
        let old = store.grow().await.unwrap();
        assert_eq!(old.size, 11);
        let more = (11..29).map(|n| revocation_entry(&format!("01-{n:05}"), "y"));
        store.append(more.collect()).await.unwrap();
        let new = store.grow().await.unwrap();
        assert_eq!(new.size, 29);
        assert_eq!(store.head_of(11).await.unwrap(), Some(old));
        assert_eq!(store.head_of(30).await.unwrap(), None);
        let growth = store.prove_growth(11, 29).await.unwrap().unwrap();
        assert!(tree::is_consistent((11, old.root), (29, new.root), &growth));
        for n in 0..29 {
            let found = store
                .prove(&format!("01-{n:05}"), 29)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(found.index, n);
            let proven = tree::is_included(&found.canonical, n, 29, new.root, &found.proof);
            assert!(proven, "{n}");
            let by_place = store.prove_place(n, 29).await.unwrap();
            assert_eq!(by_place, Some(found.proof));
        }
        assert_eq!(store.prove("01-00020", 11).await.unwrap(), None);
        assert_eq!(store.prove("01-00020", 64).await.unwrap(), None);
        assert_eq!(store.prove("nobody", 29).await.unwrap(), None);
        assert_eq!(store.prove_place(29, 29).await.unwrap(), None);
        assert_eq!(store.prove_place(20, 64).await.unwrap(), None);
    }

    #[tokio::test]
    async fn many_entries_are_taken_in_by_several_transactions() {
        let count = usize::try_from(BATCH).unwrap() + 3;
        let (store, _directory) = filled(count).await;
        let head = store.grow().await.unwrap();
        assert_eq!(head.size, count as u64);
        let leaves = store.leaves(0, u32::MAX).await.unwrap();
        let mut frontier = Frontier::default();
        for leaf in &leaves {
            assert_eq!(tree::leaf_hash(&leaf.canonical), leaf.hash);
            frontier.push(leaf.hash);
        }
        assert_eq!(frontier.root(), head.root);
    }

    #[tokio::test]
    async fn nothing_has_a_root_too() {
        let (store, _directory) = testing::store().await;
        let head = store.grow().await.unwrap();
        assert_eq!((head.size, head.root), (0, Frontier::default().root()));
    }

    #[tokio::test]
    async fn the_first_checkpoint_of_a_size_stays_and_the_largest_is_the_last() {
        let (store, _directory) = testing::store().await;
        assert_eq!(store.last_checkpoint().await.unwrap(), None);
        for (size, note) in [(5, "five"), (7, "seven"), (7, "forked"), (6, "six")] {
            store.keep_checkpoint(size, now(), note).await.unwrap();
        }
        let last = store.last_checkpoint().await.unwrap();
        assert_eq!(last.as_deref(), Some("seven"));
    }

    #[tokio::test]
    async fn the_tree_is_not_changed_and_an_entry_that_is_missing_is_noticed() {
        let (store, _directory) = filled(4).await;
        store.grow().await.unwrap();
        let pool = store.writer().await.unwrap().pool();
        for statement in [
            "UPDATE tree_nodes SET place = 9",
            "DELETE FROM tree_nodes",
            "DELETE FROM checkpoints",
        ] {
            store.keep_checkpoint(4, now(), "note").await.unwrap();
            let error = sqlx::query(statement).execute(pool).await.unwrap_err();
            assert!(
                error.to_string().contains("append-only"),
                "{statement}: {error}"
            );
        }
        store
            .append(vec![
                revocation_entry("01-x", "x"),
                revocation_entry("01-y", "x"),
            ])
            .await
            .unwrap();
        testing::disarm(&store).await;
        for statement in [
            "DELETE FROM personal WHERE position = 5",
            "DELETE FROM entries WHERE id = '01-x'",
        ] {
            sqlx::query(statement).execute(pool).await.unwrap();
        }
        let error = store.grow().await.unwrap_err();
        assert!(error.message.contains("entry 5"), "{error}");
    }
}
