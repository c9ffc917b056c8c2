//! Forgetting a person. The record stays as it is and as it was signed: it holds commitments only, and
//! what they stand for is deleted.

use futures::TryStreamExt as _;
use jiff::Timestamp;
use postern_core::case::Case;
use postern_core::entry::{Erasure, Record};
use sqlx::{Any, AssertSqlSafe, Decode, Encode, SqlSafeStr as _, Type};

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

/// Tables whose `body` is JSON that may name a person, out of which the name is taken, and what their rows
/// are found by.
const BODIES: [(&str, &str); 8] = [
    ("cases", "id"),
    ("findings", "id"),
    ("notifications", "id"),
    ("drills", "id"),
    ("expectations", "id"),
    ("revocations", "what"),
    ("occurrences", "name"),
    ("resources", "name"),
];

/// Tables whose `raw` is bytes as they came, which are emptied; what is said of them elsewhere, such as their
/// hash, stays.
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
        for (table, key) in BODIES {
            let erased = |body: &String| name.erased_from(body);
            rows += replace(&mut transaction, (table, key, "body"), erased).await?;
        }
        for (table, key) in RAW {
            let emptied = |raw: &Vec<u8>| name.is_in(&String::from_utf8_lossy(raw)).then(Vec::new);
            rows += replace(&mut transaction, (table, key, "raw"), emptied).await?;
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

/// Replaces what a column holds wherever there is a replacement for it; gives the number of rows.
async fn replace<V>(
    transaction: &mut Transaction,
    (table, key, column): (&str, &str, &str),
    replacement: impl Fn(&V) -> Option<V>,
) -> Result<u64, StoreError>
where
    V: for<'r> Decode<'r, Any> + for<'q> Encode<'q, Any> + Type<Any> + Clone + Send + Unpin,
{
    let mut found = Vec::new();
    let select = format!("SELECT {key}, {column} FROM {table}");
    let mut rows =
        sqlx::query_as::<_, (String, V)>(AssertSqlSafe(select)).fetch(&mut **transaction);
    while let Some((id, value)) = rows.try_next().await? {
        if let Some(value) = replacement(&value) {
            found.push((id, value));
        }
    }
    drop(rows);
    let update = format!("UPDATE {table} SET {column} = $2 WHERE {key} = $1");
    let update = AssertSqlSafe(update).into_sql_str();
    let count = found.len() as u64;
    for (id, value) in found {
        sqlx::query(update.clone())
            .bind(id)
            .bind(value)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
