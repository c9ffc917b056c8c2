//! How values stand in rows.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// A transaction of the connection that writes, or of one that reads.
pub(crate) type Transaction = sqlx::Transaction<'static, sqlx::Any>;

/// Microseconds since 1970: what times are compared and sorted by.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time that [`micros`] was made of, without its nanoseconds.
pub(crate) fn timestamp(what: &str, micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|error| StoreError::row(what, error))
}

/// A number that is no larger and never negative where it was written.
pub(crate) fn number<T: TryFrom<i64>>(what: &str, value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::row(what, format!("{value} is out of range")))
}

/// A text from outside as a column holds it and is asked for it: PostgreSQL takes no NUL in one, so it
/// stands there as the symbol for it. (In JSON it is escaped.)
pub(crate) fn text(value: &str) -> String {
    value.replace('\0', "\u{2400}")
}

/// A value as JSON.
pub(crate) fn json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::row(what, error))
}

/// The value that JSON in a row stands for.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, body: &str) -> Result<T, StoreError> {
    serde_json::from_str(body).map_err(|error| StoreError::row(what, error))
}
