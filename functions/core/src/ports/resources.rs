//! The resources of the trust chain, as a store keeps them: policies, attestors, notes, occurrences, keys
//! and who may do what with them.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::Unavailable;
use crate::attestor::NoteName;
use crate::entry::Entry;

/// A resource as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its full name, such as `projects/P/attestors/A`.
    pub name: String,
    /// How often it was written, from 1. It grows for as long as the name is there.
    pub revision: u64,
    /// When it was made. A resource that is deleted and made again has another one.
    pub created: Timestamp,
    /// When it was written last.
    pub updated: Timestamp,
    /// Its fields.
    pub body: Value,
}

/// A resource as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceWrite {
    /// Its full name.
    pub name: String,
    /// What it is listed with, such as `projects/P/attestors`.
    pub collection: String,
    /// The revision that this was made from; 0: it is not there.
    pub expected: u64,
    /// Its fields; `None` deletes it.
    pub body: Option<Value>,
}

/// An occurrence as it is to be; its `name`, `noteName` and `resourceUri` are among its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OccurrenceWrite {
    /// Its full name.
    pub name: String,
    /// The note that it is attached to.
    pub note: NoteName,
    /// Its fields; `None` deletes it.
    pub body: Option<Value>,
}

/// Which occurrences are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OccurrencesOf {
    /// Those that a project keeps.
    Project(String),
    /// Those on a note, of whatever project.
    Note(NoteName),
}

/// Whether a write took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrote {
    /// It did, with its entry in the journal.
    Written,
    /// Nothing was written: a resource is not at the revision that was expected.
    Stale,
    /// Nothing was written: this occurrence says the same, of the same image, by the same keys.
    SameAs(String),
}

/// Where the trust chain is kept. Every write stands in the journal, or did not happen.
#[async_trait]
pub trait ResourceStore: Send + Sync {
    /// A resource by its name.
    async fn resource(&self, name: &str) -> Result<Option<Resource>, Unavailable>;

    /// At most `limit` resources of a collection behind a name, in the order of their names.
    async fn resources(
        &self,
        collection: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Resource>, Unavailable>;

    /// Writes resources at a time, all or none.
    async fn write_resources(
        &self,
        writes: Vec<ResourceWrite>,
        at: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable>;

    /// The fields of an occurrence.
    async fn occurrence(&self, name: &str) -> Result<Option<Value>, Unavailable>;

    /// At most `limit` occurrences behind a name, with their names and in the order of these.
    async fn occurrences(
        &self,
        of: &OccurrencesOf,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Value)>, Unavailable>;

    /// Writes occurrences at a time, all or none.
    async fn write_occurrences(
        &self,
        writes: Vec<OccurrenceWrite>,
        at: Timestamp,
        entry: Entry,
    ) -> Result<Wrote, Unavailable>;
}
