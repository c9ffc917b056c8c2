//! Why bytes are no entry.

use super::ENTRY_LIMIT;

/// Why bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Too large to be one.
    #[error("it has {0} bytes; an entry has at most {ENTRY_LIMIT}")]
    TooLarge(usize),
    /// No JSON, or not of the form of a `LogEntry`.
    #[error("it is no LogEntry: {0}")]
    NotAnEntry(String),
    /// No JSON, or not of the form of a CloudTrail record.
    #[error("it is no CloudTrail record: {0}")]
    NotARecord(String),
    /// A field that every entry has is not there.
    #[error("the entry has no {0}")]
    Missing(&'static str),
    /// The time cannot be read.
    #[error("{0:?} is no RFC 3339 timestamp")]
    Time(String),
    /// The log's name is not of the form `projects/P/logs/L` (or of another owner's).
    #[error("{0:?} is not the name of a log")]
    LogName(String),
    /// An audit log holds nothing but `AuditLog` payloads.
    #[error("an entry of {log:?} holds {found:?} and not an AuditLog")]
    NotAnAuditLog {
        /// The log.
        log: String,
        /// The payload's type.
        found: String,
    },
    /// The log of continuous validation holds nothing but `ContinuousValidationEvent` payloads.
    #[error("an entry of {0:?} holds no ContinuousValidationEvent")]
    NotAValidation(String),
    /// A field of a CloudTrail record has a form that it never has.
    #[error("a CloudTrail record cannot have the {field} {value:?}")]
    Field {
        /// The member's name.
        field: &'static str,
        /// What it holds.
        value: String,
    },
    /// The log belongs to a project that nobody expects entries of.
    #[error("nobody expects entries of project {0:?}")]
    UnexpectedProject(String),
    /// An envelope that holds no entry.
    #[error("{0}")]
    Envelope(String),
    /// A part of an entry that was split, whose other parts did not come.
    #[error("only {have} of the {total} parts of the split entry {uid:?} are there")]
    Incomplete {
        /// Google's id of what was split.
        uid: String,
        /// So many parts are there.
        have: usize,
        /// So many there are.
        total: usize,
    },
    /// Parts that do not make one entry.
    #[error("the parts of the split entry {uid:?} do not fit together: {reason}")]
    Split {
        /// Google's id of what was split.
        uid: String,
        /// Why.
        reason: &'static str,
    },
}
