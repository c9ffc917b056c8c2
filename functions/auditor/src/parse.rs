//! Entries of audit logs as JSON → [`AuditEvent`]: Cloud Logging's `LogEntry`, CloudTrail's records.
//!
//! Every form has a borrowed view that is read in one pass over the bytes, checked, and asked for its
//! `Head`; only an entry that some detection concerns becomes an owned event.

pub(crate) mod cloud_logging;
pub(crate) mod cloud_trail;
mod entry;
mod log_name;
pub mod split;
mod text;
mod unreadable;

use postern_core::event::{AuditEvent, Stream};
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(crate) use self::cloud_trail::Record;
pub(crate) use self::entry::LogEntry;
pub use self::unreadable::Unreadable;

/// The largest entry that is read, in bytes. Cloud Logging's own limit is 256 KiB, CloudTrail's 256 KB
/// (1 MB for one event).
pub const ENTRY_LIMIT: usize = 1024 * 1024;

/// What an entry looks like: by its source, and by which kind of route it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As Cloud Logging exports it.
    LogEntry,
    /// As Eventarc delivers it (`google.cloud.audit.log.v1.written`): the payload's type is implied.
    LogEntryData,
    /// A record of CloudTrail, without an envelope.
    CloudTrail,
}

impl Form {
    /// The form of bytes that stand for one entry without an envelope. What is no JSON, or neither
    /// form, is a `LogEntry` that cannot be read.
    pub fn of(bytes: &[u8]) -> Self {
        match serde_json::from_slice::<Marks>(bytes) {
            Ok(Marks {
                log_name: None,
                event_version: Some(_),
            }) => Self::CloudTrail,
            _ => Self::LogEntry,
        }
    }
}

/// The members that only one form has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marks {
    log_name: Option<IgnoredAny>,
    event_version: Option<IgnoredAny>,
}

/// What detections are chosen by, without looking into what was asked and answered. The same for
/// every source, and cheap: an entry whose head concerns no detection is read no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    /// The log that it stood in.
    pub(crate) stream: Stream,
    /// The service that was called; empty where the entry names none.
    pub(crate) service: &'a str,
    /// The method as the log names it, so with the API date that some of AWS's names end in.
    pub(crate) method: &'a str,
    /// Whether the caller used an exported key: [`postern_core::finding::Actor::key_name`].
    pub(crate) has_key: bool,
}

impl<'a> Head<'a> {
    /// That of an event.
    pub(crate) fn of(event: &'a AuditEvent) -> Self {
        Self {
            stream: event.stream,
            service: &event.service,
            method: &event.method,
            has_key: event.actor.key_name.is_some(),
        }
    }
}

/// Reads one entry.
///
/// # Errors
/// If the bytes are no entry, only a part of one ([`split`]), or one that cannot be believed.
pub fn event(bytes: &[u8], form: Form) -> Result<AuditEvent, Unreadable> {
    if form == Form::CloudTrail {
        let record = cloud_trail::record(bytes)?;
        return cloud_trail::typed(&record, &cloud_trail::identity(&record)?);
    }
    let entry = cloud_logging::log_entry(bytes)?;
    if let Some(part) = split::part_of(&entry) {
        return Err(Unreadable::Incomplete {
            uid: part.uid,
            have: 1,
            total: part.total,
        });
    }
    cloud_logging::typed(&entry, &cloud_logging::identity(&entry, form)?)
}
