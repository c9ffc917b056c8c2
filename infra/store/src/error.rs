//! Why the store cannot be opened, read or written.

use std::path::PathBuf;
use std::sync::Arc;

use postern_core::ports::Unavailable;

/// An error of the store, by cause. None of them means "there is none".
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not a database that this program knows.
    #[error(
        "{0:?} is no store; write sqlite:PATH, such as sqlite:postern-data/postern.db, or \
         postgres://USER@HOST/DATABASE"
    )]
    Url(String),
    /// The URL of a server of PostgreSQL says something that means nothing.
    #[error("the URL of the PostgreSQL server cannot be used: {0}")]
    Server(String),
    /// A server elsewhere was to be spoken to without TLS.
    #[error(
        "the PostgreSQL server {0} is not on this machine: add ?sslmode=verify-full to its URL (and \
         sslrootcert=FILE, if its certificate is by an authority of its own)"
    )]
    Plaintext(String),
    /// Something is there already that a copy would have to be written over.
    #[error("{0} is not empty, and nothing is written over")]
    Occupied(String),
    /// A person is still needed by name.
    #[error(
        "case {0} names this person and is open: who may close it depends on who caused it, so close it \
         first"
    )]
    StillNamed(String),
    /// A name that would be found in everything.
    #[error("a name of less than three letters is found everywhere: write the whole of it")]
    NameTooShort,
    /// Nothing may be let go that no checkpoint holds.
    #[error("no checkpoint was signed yet, and only what was signed is let go")]
    Unsigned,
    /// SQLite knows no roles.
    #[error("only PostgreSQL has roles; a file of SQLite belongs to whoever may write it")]
    NoRoles,
    /// The role that the URL names may not do that.
    #[error("the database refuses this to its user: {0}")]
    Forbidden(String),
    /// Nothing came back in time.
    #[error("the database has not answered within {} s", .0.as_secs())]
    Silent(std::time::Duration),
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
    /// Nothing more can be written where it is.
    #[error("nothing can be written beside {}: {source}", .path.display())]
    NoRoom {
        /// The database.
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
    /// Those that are open are all busy, which may be with waiting for a lock, or none can be made.
    #[error("no connection to the database was free, or could be made, in time")]
    NoConnection,
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
            Self::Locked | Self::NoConnection => true,
            Self::Database(error) => matches!(
                sqlite::code(error),
                Some(sqlite::ERROR | sqlite::CONSTRAINT)
            ),
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::NoConnection,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Closed,
            sqlx::Error::Database(database) => {
                let message = database.message();
                let known = sqlite::cause(sqlite::code(&error), message);
                let known = known.or_else(|| postgres::cause(&error, message));
                known.unwrap_or_else(|| Self::Database(Arc::new(error)))
            }
            _ => Self::Database(Arc::new(error)),
        }
    }
}

/// Primary result codes of SQLite ("Result and Error Codes").
mod sqlite {
    use sqlx::sqlite::SqliteError;

    use super::StoreError;

    pub(super) const ERROR: i32 = 1;
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READONLY: i32 = 8;
    const CORRUPT: i32 = 11;
    const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    const NOTADB: i32 = 26;

    /// The primary code of an error, where it is one of SQLite.
    pub(super) fn code(error: &sqlx::Error) -> Option<i32> {
        let error = error.as_database_error()?;
        error.try_downcast_ref::<SqliteError>()?;
        let extended = error.code()?.parse::<i32>().ok()?;
        Some(extended & 0xff)
    }

    pub(super) fn cause(code: Option<i32>, message: &str) -> Option<StoreError> {
        match code? {
            BUSY | LOCKED => Some(StoreError::Locked),
            READONLY => Some(StoreError::ReadOnly),
            CANTOPEN => Some(StoreError::Unopenable),
            CORRUPT | NOTADB => Some(StoreError::Damaged(message.to_owned())),
            _ => None,
        }
    }
}

/// SQLSTATE codes of PostgreSQL (its appendix "PostgreSQL Error Codes").
mod postgres {
    use sqlx::postgres::PgDatabaseError;

    use super::StoreError;

    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const QUERY_CANCELED: &str = "57014";
    const READ_ONLY: &str = "25006";
    const INSUFFICIENT_PRIVILEGE: &str = "42501";

    pub(super) fn cause(error: &sqlx::Error, message: &str) -> Option<StoreError> {
        let error = error.as_database_error()?;
        match error.try_downcast_ref::<PgDatabaseError>()?.code() {
            LOCK_NOT_AVAILABLE | QUERY_CANCELED => Some(StoreError::Locked),
            READ_ONLY => Some(StoreError::ReadOnly),
            INSUFFICIENT_PRIVILEGE => Some(StoreError::Forbidden(message.to_owned())),
            _ => None,
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
