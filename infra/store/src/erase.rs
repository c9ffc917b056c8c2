//! Forgetting a person. The record stays as it is and as it was signed: it holds commitments only, and
//! what they stand for is deleted.

use futures::TryStreamExt as _;
use jiff::Timestamp;
use postern_core::case::Case;
use postern_core::entry::{Erasure, Record};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::{Transaction, json, parse};
use crate::store::Store;

/// What stands where a person was named.
const ERASED: &str = "[erased]";

/// Who is to be forgotten, and on whose word.
#[derive(Debug, Clone)]
pub struct Forgotten {
    /// As the person is named, such as an e-mail address. Wherever it stands, whatever its case, the text
    /// goes.
    pub name: String,
    /// Who does it.
    pub by: String,
    /// Why, such as the number of the request. It is kept.
    pub reason: String,
}

/// Tables whose `body` is JSON that may name a person, and what their rows are found by.
const BODIES: [(&str, &str); 7] = [
    ("cases", "id"),
    ("findings", "id"),
    ("notifications", "id"),
    ("drills", "id"),
    ("expectations", "id"),
    ("revocations", "what"),
    ("occurrences", "name"),
];

/// Tables whose `raw` is bytes as they came.
const RAW: [(&str, &str); 3] = [
    ("seen_events", "event_key"),
    ("quarantine", "id"),
    ("parts", "uid"),
];

impl Store {
    /// Forgets a person, and records that somebody was forgotten.
    ///
    /// # Errors
    /// [`StoreError::StillNamed`] while an open case names the person: who may close it depends on who
    /// caused it. If the role of the store may not do that, or the database cannot be written; nothing
    /// is changed then.
    pub async fn forget(&self, who: &Forgotten, now: Timestamp) -> Result<Erasure, StoreError> {
        let name = Name::of(&who.name)?;
        let mut transaction = self.begin().await?;
        self.unhurried(&mut transaction).await?;
        refuse_if_open(&mut transaction, &name).await?;
        let texts = forget_texts(&mut transaction, &name).await?;
        let mut rows = forget_facts(&mut transaction, &name).await?;
        for table in BODIES {
            rows += rewrite(&mut transaction, table, &name).await?;
        }
        for table in RAW {
            rows += empty(&mut transaction, table, &name).await?;
        }
        let uses = "UPDATE break_glass_uses SET caller = $1 WHERE lower(caller) = $2";
        rows += sqlx::query(uses)
            .bind(ERASED)
            .bind(&name.lower)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
        let erasure = Erasure {
            by: who.by.clone(),
            reason: who.reason.clone(),
            texts,
            rows,
        };
        let entry = journal::entry(now, Record::Erasure(erasure.clone()));
        journal::append_in(&mut transaction, &[Prepared::new(entry)?]).await?;
        transaction.commit().await?;
        self.scrub().await?;
        Ok(erasure)
    }
}

/// A name as it stands in texts, and inside of JSON strings.
struct Name {
    lower: String,
    in_json: String,
}

impl Name {
    fn of(name: &str) -> Result<Self, StoreError> {
        let lower = name.trim().to_lowercase();
        // Less would go through everything.
        if lower.chars().count() < 3 {
            return Err(StoreError::NameTooShort);
        }
        let in_json = json("a name", &lower)?.trim_matches('"').to_owned();
        Ok(Self { lower, in_json })
    }

    /// The text without the name, if it stands in it.
    fn erased_from(&self, text: &str) -> Option<String> {
        let mut rest = text;
        let mut erased = String::new();
        while let Some((start, end)) = find(rest, &self.in_json) {
            erased.push_str(&rest[..start]);
            erased.push_str(ERASED);
            rest = &rest[end..];
        }
        if erased.is_empty() {
            return None;
        }
        erased.push_str(rest);
        Some(erased)
    }

    fn is_in(&self, text: &str) -> bool {
        find(text, &self.lower).is_some()
    }
}

/// Where a text, in lower case, stands in another, whatever its case there.
fn find(text: &str, lower: &str) -> Option<(usize, usize)> {
    text.char_indices().find_map(|(start, _)| {
        let mut wanted = lower.chars().peekable();
        for (at, char) in text[start..].char_indices() {
            if wanted.peek().is_none() {
                return Some((start, start + at));
            }
            for char in char.to_lowercase() {
                if wanted.next() != Some(char) {
                    return None;
                }
            }
        }
        wanted.peek().is_none().then_some((start, text.len()))
    })
}

async fn refuse_if_open(transaction: &mut Transaction, name: &Name) -> Result<(), StoreError> {
    let open: Vec<String> = sqlx::query_scalar("SELECT body FROM cases WHERE closed = 0")
        .fetch_all(&mut **transaction)
        .await?;
    for body in open {
        let case: Case = parse("a case", &body)?;
        if name.is_in(&body) {
            return Err(StoreError::StillNamed(case.id));
        }
    }
    Ok(())
}

async fn forget_texts(transaction: &mut Transaction, name: &Name) -> Result<u64, StoreError> {
    let mut found = Vec::new();
    let mut rows = sqlx::query_as::<_, (i64, String, String)>(
        "SELECT position, commitment, body FROM personal",
    )
    .fetch(&mut **transaction);
    while let Some((position, commitment, body)) = rows.try_next().await? {
        if name.is_in(&parse::<String>("a text about a person", &body)?) {
            found.push((position, commitment));
        }
    }
    drop(rows);
    for (position, commitment) in &found {
        sqlx::query("DELETE FROM personal WHERE position = $1 AND commitment = $2")
            .bind(position)
            .bind(commitment)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(found.len() as u64)
}

/// What events said of a person is only of use as long as it does.
async fn forget_facts(transaction: &mut Transaction, name: &Name) -> Result<u64, StoreError> {
    let mut found = Vec::new();
    let mut rows =
        sqlx::query_as::<_, (String, String, String)>("SELECT fact_key, source, body FROM facts")
            .fetch(&mut **transaction);
    while let Some((key, source, body)) = rows.try_next().await? {
        if name.is_in(&key) || name.is_in(&body) {
            found.push((key, source));
        }
    }
    drop(rows);
    for (key, source) in &found {
        sqlx::query("DELETE FROM facts WHERE fact_key = $1 AND source = $2")
            .bind(key)
            .bind(source)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(found.len() as u64)
}

/// Takes the name out of the JSON of a table.
async fn rewrite(
    transaction: &mut Transaction,
    (table, key): (&str, &str),
    name: &Name,
) -> Result<u64, StoreError> {
    let mut found = Vec::new();
    let select = format!("SELECT {key}, body FROM {table}");
    let mut rows =
        sqlx::query_as::<_, (String, String)>(AssertSqlSafe(select)).fetch(&mut **transaction);
    while let Some((id, body)) = rows.try_next().await? {
        if let Some(erased) = name.erased_from(&body) {
            found.push((id, erased));
        }
    }
    drop(rows);
    let update = format!("UPDATE {table} SET body = $2 WHERE {key} = $1");
    let update = AssertSqlSafe(update).into_sql_str();
    for (id, erased) in &found {
        sqlx::query(update.clone())
            .bind(id)
            .bind(erased)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(found.len() as u64)
}

/// Empties what came from outside and names the person; what is said of it elsewhere, such as its hash,
/// stays.
async fn empty(
    transaction: &mut Transaction,
    (table, key): (&str, &str),
    name: &Name,
) -> Result<u64, StoreError> {
    let mut found = Vec::new();
    let select = format!("SELECT {key}, raw FROM {table}");
    let mut rows =
        sqlx::query_as::<_, (String, Vec<u8>)>(AssertSqlSafe(select)).fetch(&mut **transaction);
    while let Some((id, raw)) = rows.try_next().await? {
        if name.is_in(&String::from_utf8_lossy(&raw)) {
            found.push(id);
        }
    }
    drop(rows);
    let update = format!("UPDATE {table} SET raw = $2 WHERE {key} = $1");
    let update = AssertSqlSafe(update).into_sql_str();
    for id in &found {
        sqlx::query(update.clone())
            .bind(id)
            .bind(&[][..])
            .execute(&mut **transaction)
            .await?;
    }
    Ok(found.len() as u64)
}

#[cfg(test)]
mod tests;
