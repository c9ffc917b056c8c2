//! Writing exports, see [`form`](super::form).

use std::io::{self, Write};

use postern_core::entry::Entry;
use postern_core::ledger::{Checkpoint, SignedNote};
use postern_core::ports::{Leaf, LedgerStore, Unavailable};

use super::broken::Broken;
use super::form::{Growth, Header, Line, NotWritten, Selection, read, write};

/// Entries that are read at a time.
const PAGE: u32 = 1000;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotExported {
    /// The store cannot be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// What is there does not add up.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The checkpoint has no entry of that id.
    #[error("the checkpoint has no entry {0:?}")]
    NoEntry(String),
    /// Only its hash was kept.
    #[error("of the entry {0:?} nothing but the hash was kept: what it said was pruned")]
    Pruned(String),
    /// A growth from more than there is.
    #[error("the checkpoint has {size} entries, and cannot begin with {from}")]
    Smaller {
        /// Asked for.
        from: u64,
        /// There.
        size: u64,
    },
}

impl From<NotWritten> for NotExported {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::Broken(broken) => Self::Broken(broken),
            NotWritten::Write(error) => Self::Write(error),
        }
    }
}

/// Writes an export of the ledger as the checkpoint has it, with the proofs that it begins with the
/// ledgers of these sizes. Gives back how many entries it holds.
///
/// # Errors
/// If the ledger cannot be read or the export not be written, or the checkpoint is of another ledger,
/// has no such entry or is smaller than one of the sizes. Nothing is written of these last two.
pub async fn export(
    store: &dyn LedgerStore,
    note: &SignedNote,
    selection: &Selection,
    from: &[u64],
    to: &mut (dyn Write + Send),
) -> Result<u64, NotExported> {
    let checkpoint = Checkpoint::parse(&note.text).map_err(Broken::Note)?;
    let size = checkpoint.size;
    let mut steps = Vec::new();
    for from in from {
        steps.push(growth(store, *from, size).await?);
    }
    let header = Header::new(note, selection, steps);
    if let Some(id) = &selection.entry {
        let found = store.prove(id, size).await?;
        let found = found.ok_or_else(|| NotExported::NoEntry(id.clone()))?;
        if found.canonical.is_empty() {
            return Err(NotExported::Pruned(id.clone()));
        }
        write(to, &header)?;
        Line::write(to, found.index, Some(&found.proof), &found.canonical)?;
        to.flush()?;
        return Ok(1);
    }
    write(to, &header)?;
    let count = match selection.nothing {
        true => 0,
        false => entries(store, size, selection, to).await?,
    };
    to.flush()?;
    Ok(count)
}

async fn entries(
    store: &dyn LedgerStore,
    size: u64,
    selection: &Selection,
    to: &mut (dyn Write + Send),
) -> Result<u64, NotExported> {
    let mut count = 0;
    let mut index = 0;
    while index < size {
        let page = store.leaves(index, PAGE).await?;
        if page.is_empty() {
            return Err(Broken::Shorter { size, have: index }.into());
        }
        for (at, leaf) in (index..size).zip(&page) {
            let canonical = &leaf.canonical;
            if selection.is_everything() {
                write_leaf(to, at, leaf)?;
                count += 1;
            } else if canonical.is_empty() {
                // Nobody knows any more what it was about.
            } else if selection.holds(&read::<Entry>(at, canonical)?) {
                let proof = store.prove_place(at, size).await?;
                let proof = proof.ok_or(Broken::Shorter { size, have: at })?;
                Line::write(to, at, Some(&proof), canonical)?;
                count += 1;
            }
        }
        index += page.len() as u64;
    }
    Ok(count)
}

/// Proves that the ledger of `size` entries begins with the one of `from`.
async fn growth(store: &dyn LedgerStore, from: u64, size: u64) -> Result<Growth, NotExported> {
    let proof = store.prove_growth(from, size).await?;
    let proof = proof.ok_or(NotExported::Smaller { from, size })?;
    Ok(Growth::new(from, &proof))
}

/// Writes entries from a place on, as lines of an export, without a checkpoint and proofs.
///
/// # Errors
/// If the ledger cannot be read, or the lines not be written.
pub async fn export_page(
    store: &dyn LedgerStore,
    from: u64,
    limit: u32,
    to: &mut (dyn Write + Send),
) -> Result<(), NotExported> {
    let page = store.leaves(from, limit).await?;
    for (index, leaf) in (from..).zip(&page) {
        write_leaf(to, index, leaf)?;
    }
    Ok(())
}

fn write_leaf(to: &mut (dyn Write + Send), index: u64, leaf: &Leaf) -> Result<(), NotWritten> {
    match leaf.canonical.is_empty() {
        true => Line::write_hash(to, index, &leaf.hash),
        false => Line::write(to, index, None, &leaf.canonical),
    }
}
