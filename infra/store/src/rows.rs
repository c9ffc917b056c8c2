//! How values stand in rows.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// A transaction of the connection that writes, or of one that reads.
pub(crate) type Transaction = sqlx::Transaction<'static, sqlx::Sqlite>;

/// Microseconds since 1970: what times are compared and sorted by.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time that [`micros`] was made of, without its nanoseconds.
pub(crate) fn timestamp(what: &str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::row(what, error))
}

/// A value as JSON.
pub(crate) fn json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::row(what, error))
}

/// The value that JSON in a row stands for.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::row(what, error))
}
