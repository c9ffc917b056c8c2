//! What Postern keeps: the journal, the revocation list, cases and their alerts, and attestations,
//! in one SQLite database behind the ports of [`postern_core`]; and the sources and the spool that
//! are plain files.
//!
//! One connection writes, in transactions that take the write lock at their start; a few others
//! read. What a write returns from is on the disk: the log is written ahead (WAL) and synced at
//! every commit.
//!
//! SQL stands beside the function that uses it and keeps to what PostgreSQL understands as well,
//! numbered parameters included. Migrations and [`Options`] are where the two will differ.

mod attestations;
mod audit;
mod cases;
mod deployments;
mod error;
pub mod files;
mod journal;
mod ledger;
mod memory;
mod outbox;
mod prepared;
mod reconciled;
mod revocations;
mod rows;
pub mod spool;
mod store;
mod writer;

#[cfg(test)]
mod testing;

pub use deployments::Deployment;
pub use error::StoreError;
pub use journal::StoredEntry;
pub use outbox::{DeadLetter, DeadLetters};
pub use spool::Spool;
pub use store::{Options, Store};
