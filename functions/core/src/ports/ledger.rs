//! The ledger's tree, as a store keeps it.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Unavailable;
use crate::ledger::Hash;

/// A tree, by its size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many entries it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// An entry in its place, with what proves that it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Its place, from 0.
    pub index: u64,
    /// Its canonical form (RFC 8785).
    pub canonical: Vec<u8>,
    /// The hashes, from the leaf to the root (RFC 6962, section 2.1.1).
    pub proof: Vec<Hash>,
}

/// An entry as a leaf of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its canonical form (RFC 8785); empty where nothing but its hash was kept.
    pub canonical: Vec<u8>,
    /// Its hash.
    pub hash: Hash,
}

/// The tree over the entries of the journal, and the checkpoints that were signed of it.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Takes into the tree what the journal holds by now, and gives the tree. Of very much it leaves some for
    /// the next call.
    async fn grow(&self) -> Result<Head, Unavailable>;

    /// The tree as it was with `size` entries; `None` if it never had as many.
    async fn head_of(&self, size: u64) -> Result<Option<Head>, Unavailable>;

    /// An entry by its id, in the tree with `size` entries; `None` if it is not in that.
    async fn prove(&self, id: &str, size: u64) -> Result<Option<Inclusion>, Unavailable>;

    /// The hashes that prove what stands at `index`, in the tree with `size` entries; `None` if that
    /// has no such place, or there never were as many.
    async fn prove_place(&self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable>;

    /// The hashes that prove that the tree with `size` entries begins with the one with `old`
    /// (RFC 6962, section 2.1.2); `None` if it never had as many, or is smaller.
    async fn prove_growth(&self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, Unavailable>;

    /// At most `limit` entries from a place on.
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Leaf>, Unavailable>;

    /// The largest signed checkpoint: a note.
    async fn last_checkpoint(&self) -> Result<Option<String>, Unavailable>;

    /// Keeps a signed checkpoint of a tree with `size` entries. Of one size the first is kept.
    async fn keep_checkpoint(
        &self,
        size: u64,
        at: Timestamp,
        note: &str,
    ) -> Result<(), Unavailable>;
}
