//! Why the store cannot be opened, read or written.

use std::path::PathBuf;
use std::sync::Arc;

use postern_core::ports::Unavailable;

/// An error of the store, by cause. None of them means "there is none".
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not a database that this program knows.
    #[error("{0:?} is no store; write sqlite:PATH, such as sqlite:postern-data/postern.db")]
    Url(String),
    /// It was to be opened without being made.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// Its directory cannot be made.
    #[error("the directory {} cannot be made: {source}", .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// Its tables are those of another version of this program.
    #[error("the tables are not those of this version of postern: {0}")]
    Schema(Arc<sqlx::migrate::MigrateError>),
    /// Someone else holds the write lock.
    #[error("the database is locked by another process")]
    Locked,
    /// It can be read, but not written.
    #[error("the database can only be read")]
    ReadOnly,
    /// The file is not there, or may not be touched.
    #[error(
        "the database file cannot be opened; it and its directory must be readable and writable"
    )]
    Unopenable,
    /// The file is no database, or a damaged one.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// A row does not hold what was written there.
    #[error("{what} in the database is damaged: {reason}")]
    Row {
        /// Which row.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An id was used twice, for different things.
    #[error("entry {0} is in the journal already, with other content")]
    Conflict(String),
    /// An entry cannot be written as canonical JSON.
    #[error("entry {id} has no canonical form: {reason}")]
    Canonical {
        /// Which entry.
        id: String,
        /// Why.
        reason: String,
    },
    /// A case that the write builds on has moved on.
    #[error("the case has changed in the meantime; read it again")]
    Stale,
    /// There is no such delivery.
    #[error("there is no delivery of {notification} to {output}")]
    NoDelivery {
        /// The notification.
        notification: String,
        /// The output.
        output: String,
    },
    /// The alert was not given up anywhere that was asked about.
    #[error("there is no dead letter {0:?}")]
    NoDeadLetter(String),
    /// The store is being shut down.
    #[error("the store is closed")]
    Closed,
    /// Whatever else the database says.
    #[error(transparent)]
    Database(Arc<sqlx::Error>),
}

impl StoreError {
    pub(crate) fn row(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Row {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// Whether another process that makes the same tables at the same time may be the reason.
    pub(crate) fn is_race(&self) -> bool {
        match self {
            Self::Locked => true,
            Self::Database(error) => {
                matches!(code::of(error), Some(code::ERROR | code::CONSTRAINT))
            }
            _ => false,
        }
    }

    /// As the ports have it.
    pub(crate) fn unavailable(self, store: &str) -> Unavailable {
        match self {
            Self::Conflict(_) => Unavailable::permanent(store, self),
            _ => Unavailable::new(store, self),
        }
    }
}

/// Primary result codes of SQLite ("Result and Error Codes").
mod code {
    pub(super) const ERROR: i32 = 1;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;

    /// The primary code of an error, where it is one of the database.
    pub(super) fn of(error: &sqlx::Error) -> Option<i32> {
        let extended = error.as_database_error()?.code()?;
        extended.parse::<i32>().ok().map(|code| code & 0xff)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // The one connection that writes is waiting for the lock that others hold.
            sqlx::Error::PoolTimedOut => Self::Locked,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            sqlx::Error::Database(database) => match code::of(&error) {
                Some(code::BUSY | code::LOCKED) => Self::Locked,
                Some(code::READONLY) => Self::ReadOnly,
                Some(code::CANTOPEN) => Self::Unopenable,
                Some(code::CORRUPT | code::NOTADB) => Self::Damaged(database.message().to_owned()),
                _ => Self::Database(Arc::new(error)),
            },
            _ => Self::Database(Arc::new(error)),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Schema(Arc::new(other)),
        }
    }
}
