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

/// Rows that one statement writes or asks for: databases bound the values of one.
pub(crate) const ROWS_AT_ONCE: usize = 500;

/// The places of so many rows of so many values in a statement, such as `($1, $2), ($3, $4)`.
pub(crate) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns)
            .map(|column| format!("${}", row * columns + column))
            .collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use postern_core::change::{Change, Correlation, SeenEvent};
    use postern_core::image::Digest;
    use postern_core::ports::{AuditStore as _, CaseFilter};

    use crate::testing;

    #[test]
    fn places_are_numbered_row_by_row() {
        assert_eq!(super::places(2, 3), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(super::places(1, 1), "($1)");
    }

    #[tokio::test]
    async fn text_with_a_nul_is_kept_and_found_by_it() {
        let (store, _directory) = testing::store().await;
        let mut case = testing::case("C1", 1);
        case.target = Some("cloud-run:demo\0mart".to_owned());
        let change = Change {
            seen: Some(SeenEvent {
                key: "a\0b".to_owned(),
                content: Digest::of(b"x"),
                received_at: testing::now(),
                raw: b"\0".to_vec(),
            }),
            correlations: vec![Correlation {
                key: "k\0".to_owned(),
                case_id: "C1".to_owned(),
            }],
            cases: vec![case.clone()],
            ..Change::default()
        };
        store.commit(change).await.unwrap();
        let keys = ["k\0".to_owned()];
        let snapshot = store.snapshot("a\0b", &keys).await.unwrap();
        assert_eq!(snapshot.seen, Some(Digest::of(b"x")));
        assert_eq!(snapshot.cases.get("k\0"), Some(&case));
        let filter = CaseFilter {
            target: case.target.clone(),
            limit: 9,
            ..CaseFilter::default()
        };
        assert_eq!(store.cases_like(&filter).await.unwrap(), [case]);
    }
}
