//! The maths of the ledger: the journal's entries as the leaves of a Merkle tree, whose root says all
//! of them at once.
//!
//! Sources: RFC 6962, section 2.1 (tree hash, proofs); C2SP `tlog-checkpoint` and `signed-note`.

pub mod checkpoint;
pub mod tree;

pub use self::checkpoint::{Checkpoint, SignedNote};
pub use self::tree::{Frontier, Hash, Node, Span};
