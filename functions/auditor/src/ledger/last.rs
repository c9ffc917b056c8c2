//! The checkpoint that was signed last.

use postern_core::ledger::SignedNote;
use postern_core::ledger::checkpoint::NoteError;
use postern_core::ports::{LedgerStore, Unavailable};

/// Why there is no checkpoint to go by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSigned {
    /// The store cannot be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// There is none.
    #[error("no checkpoint was signed yet")]
    Yet,
    /// What was signed last cannot be read.
    #[error("the checkpoint that was signed last cannot be read: {0}")]
    Damaged(NoteError),
}

impl NotSigned {
    /// What helps where nothing was signed yet.
    pub const REMEDY: &str = "postern ledger checkpoint --key KEY --data DIR";
}

/// The largest checkpoint that was signed.
///
/// # Errors
/// See [`NotSigned`].
pub async fn last_signed(store: &dyn LedgerStore) -> Result<SignedNote, NotSigned> {
    let note = store.last_checkpoint().await?.ok_or(NotSigned::Yet)?;
    SignedNote::parse(&note).map_err(NotSigned::Damaged)
}
