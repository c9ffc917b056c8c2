//! What is wrong with a ledger or an export of it.

use postern_core::ledger::checkpoint::NoteError;

/// The first thing that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The first line says nothing that this version knows.
    #[error("the first line is not that of an export of postern/v1: {0}")]
    Header(String),
    /// The checkpoint cannot be read.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// It names a key that did not sign it.
    #[error("the checkpoint of {0:?} has no valid signature of the key that it names")]
    Signature(String),
    /// Somebody signed it whose public key was not brought: it may be an old key's, or anybody's.
    #[error(
        "the checkpoint of {size} entries of {origin:?} is signed by {}, so it proves nothing",
        key_name(*key)
    )]
    UnknownKey {
        /// Whose.
        origin: String,
        /// Of how many entries.
        size: u64,
        /// What it names; nothing if nobody signed under that name.
        key: Option<[u8; 4]>,
    },
    /// A line is no entry.
    #[error("line {line} holds no entry: {reason}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// An entry is not what was recorded.
    #[error("entry {index} cannot be read: {reason}")]
    Entry {
        /// Its place.
        index: u64,
        /// Why.
        reason: String,
    },
    /// Written in another way than it is hashed: something may be hidden in it.
    #[error("entry {0} is not in its canonical form (RFC 8785)")]
    NotCanonical(u64),
    /// An entry is missing, twice there, or out of order.
    #[error(
        "entry {expected} should come here, and {found} does: one is missing, twice there or misplaced"
    )]
    Order {
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// There are fewer entries than were signed, or more.
    #[error("{size} entries were signed, and {have} are there")]
    Shorter {
        /// Signed.
        size: u64,
        /// There.
        have: u64,
    },
    /// The entries are not those that were signed.
    #[error("the {0} entries do not add up to the root that was signed: one was changed")]
    Root(u64),
    /// A proof does not lead to the root.
    #[error("entry {0} was changed, or is not proven to stand in what was signed")]
    Proof(u64),
    /// The ledger does not begin with a checkpoint that somebody kept.
    #[error(
        "the ledger does not begin with the {0} entries of the checkpoint that was kept: its past was \
         changed or replaced"
    )]
    Earlier(u64),
    /// A text that was disclosed is not what stands behind its commitment.
    #[error("line {line} of the texts: {reason}")]
    Text {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// A checkpoint that was kept has more entries than there are.
    #[error(
        "a checkpoint of {kept} entries was kept, and this one has {size}: it is older, or the record was cut"
    )]
    Cut {
        /// Kept.
        kept: u64,
        /// Here.
        size: u64,
    },
    /// A checkpoint that was kept is of another ledger.
    #[error("a checkpoint that was kept is of the ledger {kept:?}, and this one of {here:?}")]
    Elsewhere {
        /// Kept.
        kept: String,
        /// Here.
        here: String,
    },
    /// A proof that the ledger begins with an earlier one does not lead to both roots.
    #[error(
        "that the ledger begins with the {0} entries that were kept is not proven: the proof is wrong"
    )]
    Growth(u64),
    /// Two proofs, or two kept checkpoints, of one size contradict each other.
    #[error(
        "two checkpoints of {0} entries were kept and signed that contradict each other: the ledger was forked"
    )]
    Forked(u64),
}

/// What a note calls the key, in hex; or that it names none.
pub(super) fn key_name(key: Option<[u8; 4]>) -> String {
    match key {
        Some(id) => format!(
            "a key that was not brought (id {:08x})",
            u32::from_be_bytes(id)
        ),
        None => "nobody of that name".to_owned(),
    }
}
