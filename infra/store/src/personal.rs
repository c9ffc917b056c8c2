//! What entries say of people: kept beside the journal, which holds only commitments to it.

use std::collections::HashMap;

use postern_core::personal::Sealed;
use sqlx::AssertSqlSafe;

use crate::error::StoreError;
use crate::prepared::Prepared;
use crate::rows::{ROWS_AT_ONCE, Transaction, json, parse, places};
use crate::store::Store;

/// Texts by the position of their entry and their commitment.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashMap<(i64, String), String>);

impl Texts {
    /// The texts of the entries from one position to another, both included.
    pub(crate) async fn read(
        transaction: &mut Transaction,
        from: i64,
        to: i64,
    ) -> Result<Self, StoreError> {
        let rows: Vec<(i64, String, String)> = sqlx::query_as(
            "SELECT position, commitment, body FROM personal WHERE position BETWEEN $1 AND $2",
        )
        .bind(from)
        .bind(to)
        .fetch_all(&mut **transaction)
        .await?;
        let mut texts = HashMap::with_capacity(rows.len());
        for (position, commitment, body) in rows {
            let text = parse("a text about a person", &body)?;
            texts.insert((position, commitment), text);
        }
        Ok(Self(texts))
    }

    /// The text that a commitment in an entry stands for; `None` if it was erased, or is none.
    pub(crate) fn of(&self, position: i64, commitment: &str) -> Option<String> {
        self.0.get(&(position, commitment.to_owned())).cloned()
    }
}

impl Store {
    /// What stands behind the commitments of the entry at this place of the tree, from 0. What was erased
    /// is not among it.
    ///
    /// # Errors
    /// If the store cannot be read, or what it holds is not what was written.
    pub async fn disclosed(&self, index: u64) -> Result<Vec<Sealed>, StoreError> {
        let position = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
        let rows: Vec<(String, Vec<u8>, String)> = sqlx::query_as(
            "SELECT commitment, salt, body FROM personal WHERE position = $1 ORDER BY commitment",
        )
        .bind(position)
        .fetch_all(self.readers().await?)
        .await?;
        let sealed = |(commitment, salt, body): (String, Vec<u8>, String)| {
            let salt = salt.try_into();
            let wrong = |_| StoreError::row("a text about a person", "its salt is none");
            Ok(Sealed {
                commitment,
                salt: salt.map_err(wrong)?,
                text: parse("a text about a person", &body)?,
            })
        };
        rows.into_iter().map(sealed).collect()
    }
}

/// Writes what was sealed of entries at their positions.
pub(crate) async fn write(
    transaction: &mut Transaction,
    placed: &[(i64, &Prepared)],
) -> Result<(), StoreError> {
    let mut all: Vec<(i64, &Sealed)> = Vec::new();
    for (position, prepared) in placed {
        all.extend(prepared.sealed.iter().map(|sealed| (*position, sealed)));
    }
    for some in all.chunks(ROWS_AT_ONCE) {
        let insert = format!(
            "INSERT INTO personal (position, commitment, salt, body) VALUES {}",
            places(some.len(), 4)
        );
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for (position, one) in some {
            query = query
                .bind(*position)
                .bind(&one.commitment)
                .bind(&one.salt[..])
                .bind(json("a text about a person", &one.text)?);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}
