//! What Postern keeps: the journal, the revocation list, cases and their alerts, and attestations,
//! in one database, of SQLite or PostgreSQL, behind the ports of [`postern_core`]; and the sources and
//! the spool that are plain files.
//!
//! One connection writes, in transactions that take the write lock at their start; a few others
//! read. What a write returns from is on the disk.
//!
//! SQL stands beside the function that uses it and is the same for both. `store/sqlite.rs`,
//! `store/postgres.rs` and the migrations are where the two differ.

mod attestations;
mod audit;
mod cases;
mod copy;
mod deployments;
mod erase;
mod error;
pub mod files;
mod journal;
mod ledger;
mod memory;
mod outbox;
mod personal;
mod prepared;
mod prune;
mod reconciled;
mod resources;
mod revocations;
mod rows;
pub mod spool;
mod store;
mod trust;
mod writer;

#[cfg(test)]
mod testing;

pub use copy::Copied;
pub use deployments::Deployment;
pub use erase::Forgotten;
pub use error::StoreError;
pub use journal::StoredEntry;
pub use outbox::{DeadLetter, DeadLetters};
pub use prune::Retention;
pub use spool::Spool;
pub use store::{Options, Store};
