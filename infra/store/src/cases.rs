//! Cases as they are asked for and walked: filters, due times, justifications, drills, signings.

use jiff::Timestamp;
use postern_core::case::{Case, CaseState, Drill};
use postern_core::change::UsedJustification;
use postern_core::entry::{Record, Signing};
use postern_core::finding::Severity;
use postern_core::image::Digest;
use postern_core::ports::CaseFilter;
use serde::Serialize;
use sqlx::any::AnyArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

use crate::error::StoreError;
use crate::rows::{Transaction, json, micros, parse, text};
use crate::store::Store;

impl Store {
    pub(crate) async fn read_cases_like(
        &self,
        filter: &CaseFilter,
    ) -> Result<Vec<Case>, StoreError> {
        let (select, arguments) = select_like(filter)?;
        let bodies: Vec<String> = sqlx::query_scalar_with(AssertSqlSafe(select), arguments)
            .fetch_all(self.readers().await?)
            .await?;
        all("a case", &bodies)
    }

    pub(crate) async fn read_overdue(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Case>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM cases WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2",
        )
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(self.readers().await?)
        .await?;
        all("a case", &bodies)
    }

    pub(crate) async fn read_justified_elsewhere(
        &self,
        hash: &Digest,
        case_id: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let other = justified_elsewhere(&mut transaction, hash, case_id).await;
        transaction.rollback().await?;
        other
    }

    pub(crate) async fn read_drills(
        &self,
        target: &str,
        at: Timestamp,
    ) -> Result<Vec<Drill>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM drills WHERE target = $1 AND from_at <= $2 AND until >= $2
             ORDER BY id",
        )
        .bind(text(target))
        .bind(micros(at))
        .fetch_all(self.readers().await?)
        .await?;
        all("a drill", &bodies)
    }

    pub(crate) async fn read_signing(
        &self,
        occurrence: &str,
    ) -> Result<Option<Signing>, StoreError> {
        let id: Option<String> = sqlx::query_scalar(
            "SELECT s.entry_id FROM signings s JOIN entries e ON e.id = s.entry_id
             WHERE s.occurrence = $1 ORDER BY e.position LIMIT 1",
        )
        .bind(text(occurrence))
        .fetch_optional(self.readers().await?)
        .await?;
        let Some(id) = id else { return Ok(None) };
        let stored = self.entry(&id).await?;
        Ok(stored.and_then(|stored| match stored.entry.record {
            Record::Signing(signing) => Some(signing),
            _ => None,
        }))
    }
}

/// The statement that finds what a filter asks for. Only what it asks for is in it, so that the index
/// which fits is used.
fn select_like(filter: &CaseFilter) -> Result<(String, AnyArguments), StoreError> {
    let mut select = "SELECT body FROM cases WHERE 1 = 1".to_owned();
    let mut arguments = AnyArguments::default();
    let mut and = |condition: &str, value: Value<'_>| {
        let added = match value {
            Value::Text(value) => arguments.add(text(value)),
            Value::Number(value) => arguments.add(value),
        };
        let place = format!("${}", arguments.len());
        select.push_str(&condition.replace("$", &place));
        added.map_err(|error| StoreError::row("a filter", error))
    };
    if let Some(state) = &filter.state {
        and(" AND state = $", Value::Text(&word(state)?))?;
    }
    if let Some(category) = &filter.category {
        and(" AND category = $", Value::Text(&word(category)?))?;
    }
    if let Some(severity) = filter.severity {
        and(" AND severity >= $", Value::Number(rank(severity)))?;
    }
    if let Some(owner) = &filter.owner {
        and(" AND owner = $", Value::Text(owner))?;
    }
    if let Some(target) = &filter.target {
        and(" AND target = $", Value::Text(target))?;
    }
    if let Some(since) = filter.since {
        and(" AND opened_at >= $", Value::Number(micros(since)))?;
    }
    if let Some(before) = &filter.before {
        let condition = " AND (opened_at, id) < (SELECT opened_at, id FROM cases WHERE id = $)";
        and(condition, Value::Text(before))?;
    }
    let order = " ORDER BY opened_at DESC, id DESC LIMIT $";
    and(order, Value::Number(filter.limit.into()))?;
    Ok((select, arguments))
}

enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

/// The values of a case that have columns of their own.
pub(crate) struct Columns {
    pub(crate) state: String,
    pub(crate) category: String,
    pub(crate) severity: i64,
    pub(crate) due_at: Option<i64>,
}

impl Columns {
    pub(crate) fn of(case: &Case) -> Result<Self, StoreError> {
        let due = match case.state {
            CaseState::Closed => case.exception_until,
            _ => case.due_at,
        };
        Ok(Self {
            state: word(&case.state)?,
            category: word(&case.category)?,
            severity: rank(case.severity),
            due_at: due.map(micros),
        })
    }
}

/// Whether a text that was to justify one case only justifies another one already.
pub(crate) async fn is_used_up(
    transaction: &mut Transaction,
    used: &UsedJustification,
) -> Result<bool, StoreError> {
    Ok(used.once
        && justified_elsewhere(transaction, &used.hash, &used.case_id)
            .await?
            .is_some())
}

/// Writes what justifies a case.
pub(crate) async fn insert_justification(
    transaction: &mut Transaction,
    used: &UsedJustification,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO justifications (hash, case_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(used.hash.to_string())
    .bind(&used.case_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(crate) async fn insert_drill(
    transaction: &mut Transaction,
    drill: &Drill,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO drills (id, target, from_at, until, body) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&drill.id)
    .bind(text(&drill.target))
    .bind(micros(drill.from))
    .bind(micros(drill.until))
    .bind(json("a drill", drill)?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Makes a signing findable by its occurrence.
pub(crate) async fn index_signing(
    transaction: &mut Transaction,
    entry_id: &str,
    signing: &Signing,
) -> Result<(), StoreError> {
    let Some(occurrence) = &signing.occurrence else {
        return Ok(());
    };
    sqlx::query("INSERT INTO signings (occurrence, entry_id) VALUES ($1, $2)")
        .bind(text(occurrence))
        .bind(entry_id)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn justified_elsewhere(
    transaction: &mut Transaction,
    hash: &Digest,
    case_id: &str,
) -> Result<Option<String>, StoreError> {
    let other = sqlx::query_scalar(
        "SELECT case_id FROM justifications WHERE hash = $1 AND case_id <> $2
         ORDER BY case_id LIMIT 1",
    )
    .bind(hash.to_string())
    .bind(case_id)
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(other)
}

fn all<T: serde::de::DeserializeOwned>(
    what: &str,
    bodies: &[String],
) -> Result<Vec<T>, StoreError> {
    bodies.iter().map(|body| parse(what, body)).collect()
}

/// The word that stands for a value in JSON, without its quotes.
fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    Ok(json("a word", value)?.trim_matches('"').to_owned())
}

const fn rank(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

#[cfg(test)]
mod tests;
