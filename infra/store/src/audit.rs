//! The auditor's state: events seen, quarantine, findings and cases.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::case::{Case, CaseState, Drill};
use postern_core::change::{Change, Correlation, Quarantined, SeenEvent};
use postern_core::entry::Signing;
use postern_core::finding::Finding;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Memory, Questions};
use postern_core::ports::{AuditStore, CaseFilter, Committed, Part, Snapshot, Unavailable};

use crate::cases::{self, Columns};
use crate::error::StoreError;
use crate::journal;
use crate::memory;
use crate::outbox;
use crate::prepared::Prepared;
use crate::rows::{Transaction, json, micros, number, parse, text};
use crate::store::Store;

#[async_trait]
impl AuditStore for Store {
    async fn snapshot(
        &self,
        event_key: &str,
        correlation_keys: &[String],
    ) -> Result<Snapshot, Unavailable> {
        self.answer(self.read_snapshot(event_key, correlation_keys))
            .await
    }

    async fn recall(&self, questions: &Questions) -> Result<Memory, Unavailable> {
        self.answer(self.read_memory(questions)).await
    }

    async fn expectations(
        &self,
        due: Timestamp,
        limit: u32,
    ) -> Result<Vec<Expectation>, Unavailable> {
        self.answer(self.read_expectations(due, limit)).await
    }

    async fn last_heard(&self) -> Result<BTreeMap<String, Timestamp>, Unavailable> {
        self.answer(self.read_heard()).await
    }

    async fn keep_part(&self, part: Part) -> Result<Vec<Part>, Unavailable> {
        self.answer(self.write_part(&part)).await
    }

    async fn incomplete(&self, before: Timestamp) -> Result<Vec<Part>, Unavailable> {
        self.answer(self.read_incomplete(before)).await
    }

    async fn forget_parts(&self, uid: &str) -> Result<(), Unavailable> {
        self.answer(self.empty_parts(uid)).await
    }

    async fn commit(&self, change: Change) -> Result<Committed, Unavailable> {
        let committed = async { self.writer().await?.commit(change).await };
        self.answer(committed).await
    }

    async fn case(&self, id: &str) -> Result<Option<Case>, Unavailable> {
        self.answer(self.read_case(id)).await
    }

    async fn cases_like(&self, filter: &CaseFilter) -> Result<Vec<Case>, Unavailable> {
        self.answer(self.read_cases_like(filter)).await
    }

    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<Case>, Unavailable> {
        self.answer(self.read_overdue(now, limit)).await
    }

    async fn justified_elsewhere(
        &self,
        hash: &Digest,
        case_id: &str,
    ) -> Result<Option<String>, Unavailable> {
        self.answer(self.read_justified_elsewhere(hash, case_id))
            .await
    }

    async fn drills(&self, target: &str, at: Timestamp) -> Result<Vec<Drill>, Unavailable> {
        self.answer(self.read_drills(target, at)).await
    }

    async fn signing(&self, occurrence: &str) -> Result<Option<Signing>, Unavailable> {
        self.answer(self.read_signing(occurrence)).await
    }
}

impl Store {
    /// Everything is read in one transaction, so that it belongs together.
    async fn read_snapshot(
        &self,
        event_key: &str,
        correlation_keys: &[String],
    ) -> Result<Snapshot, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let mut snapshot = Snapshot {
            seen: seen(&mut transaction, event_key).await?,
            ..Snapshot::default()
        };
        for key in correlation_keys {
            if let Some(case) = open_case(&mut transaction, key).await? {
                snapshot.cases.insert(key.clone(), case);
            }
        }
        transaction.rollback().await?;
        Ok(snapshot)
    }

    async fn read_case(&self, id: &str) -> Result<Option<Case>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM cases WHERE id = $1")
            .bind(id)
            .fetch_optional(self.readers().await?)
            .await?;
        body.map(|body| parse("a case", &body)).transpose()
    }
}

/// Writes a change within a transaction. Everything is looked at before the first row is written: one that
/// was not [`Committed::Written`], or contradicts the journal, leaves the transaction as it was, and what
/// others write with it may be committed.
pub(crate) async fn write(
    transaction: &mut Transaction,
    change: &Change,
    entries: &[Prepared],
) -> Result<Committed, StoreError> {
    let standing = standing(transaction, change).await?;
    if standing != Committed::Written {
        return Ok(standing);
    }
    let missing = journal::missing(transaction, entries).await?;
    if let Some(event) = &change.seen {
        insert_seen(transaction, event).await?;
    }
    if let Some(quarantined) = &change.quarantine {
        insert_quarantined(transaction, quarantined).await?;
    }
    for case in &change.cases {
        write_case(transaction, case).await?;
    }
    for finding in &change.findings {
        insert_finding(transaction, finding).await?;
    }
    for correlation in &change.correlations {
        insert_correlation(transaction, correlation).await?;
    }
    memory::write(transaction, change).await?;
    for justification in &change.justifications {
        cases::insert_justification(transaction, justification).await?;
    }
    for drill in &change.drills {
        cases::insert_drill(transaction, drill).await?;
    }
    journal::insert(transaction, &missing).await?;
    for notification in &change.outbox {
        outbox::insert(transaction, notification).await?;
    }
    Ok(Committed::Written)
}

/// What a change would be if it were written now: stale if anything that it was made from is no longer so.
async fn standing(transaction: &mut Transaction, change: &Change) -> Result<Committed, StoreError> {
    if let Some(event) = &change.seen {
        match seen(transaction, &event.key).await? {
            None => {}
            Some(content) if content == event.content => return Ok(Committed::AlreadySeen),
            Some(_) => return Ok(Committed::SeenWithOtherContent),
        }
    }
    for (key, case_id) in &change.read {
        if open_case_id(transaction, key).await? != *case_id {
            return Ok(Committed::Stale);
        }
    }
    for case in &change.cases {
        if revision(transaction, &case.id).await? + 1 != case.revision {
            return Ok(Committed::Stale);
        }
    }
    for justification in &change.justifications {
        if cases::is_used_up(transaction, justification).await? {
            return Ok(Committed::Stale);
        }
    }
    if !memory::is_current(transaction, change).await? {
        return Ok(Committed::Stale);
    }
    Ok(Committed::Written)
}

async fn seen(
    transaction: &mut Transaction,
    event_key: &str,
) -> Result<Option<Digest>, StoreError> {
    let content: Option<String> =
        sqlx::query_scalar("SELECT content FROM seen_events WHERE event_key = $1")
            .bind(text(event_key))
            .fetch_optional(&mut **transaction)
            .await?;
    content
        .map(|content| content.parse())
        .transpose()
        .map_err(|error| StoreError::row("an event", error))
}

async fn insert_seen(transaction: &mut Transaction, event: &SeenEvent) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO seen_events (event_key, content, received_at, raw) VALUES ($1, $2, $3, $4)",
    )
    .bind(text(&event.key))
    .bind(event.content.to_string())
    .bind(micros(event.received_at))
    .bind(&event.raw)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn insert_quarantined(
    transaction: &mut Transaction,
    quarantined: &Quarantined,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO quarantine (id, received_at, route, reason, raw) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(&quarantined.id)
    .bind(micros(quarantined.received_at))
    .bind(text(&quarantined.route))
    .bind(text(&quarantined.reason))
    .bind(&quarantined.raw)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The revision at which a case stands; 0 if it is not there.
async fn revision(transaction: &mut Transaction, case_id: &str) -> Result<u64, StoreError> {
    let revision: Option<i64> = sqlx::query_scalar("SELECT revision FROM cases WHERE id = $1")
        .bind(case_id)
        .fetch_optional(&mut **transaction)
        .await?;
    number("a case", revision.unwrap_or_default())
}

/// Writes a case that is new, or one revision above what is there.
async fn write_case(transaction: &mut Transaction, case: &Case) -> Result<(), StoreError> {
    let what = || format!("case {}", case.id);
    let revision = i64::try_from(case.revision).map_err(|error| StoreError::row(what(), error))?;
    let statement = if revision == 1 {
        "INSERT INTO cases (id, revision, closed, opened_at, body, state, category, severity,
                            owner, target, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    } else {
        "UPDATE cases SET revision = $2, closed = $3, opened_at = $4, body = $5, state = $6,
                          category = $7, severity = $8, owner = $9, target = $10, due_at = $11
         WHERE id = $1"
    };
    let columns = Columns::of(case)?;
    sqlx::query(statement)
        .bind(&case.id)
        .bind(revision)
        .bind(i64::from(case.state == CaseState::Closed))
        .bind(micros(case.opened_at))
        .bind(json("a case", case)?)
        .bind(columns.state)
        .bind(columns.category)
        .bind(columns.severity)
        .bind(case.owner.as_deref().map(text))
        .bind(case.target.as_deref().map(text))
        .bind(columns.due_at)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The same event gives the same finding again: the first one stays.
async fn insert_finding(
    transaction: &mut Transaction,
    finding: &Finding,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO findings (id, case_id, at, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(&finding.id)
    .bind(&finding.case_id)
    .bind(micros(finding.at))
    .bind(json("a finding", finding)?)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn insert_correlation(
    transaction: &mut Transaction,
    correlation: &Correlation,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO correlations (correlation_key, case_id) VALUES ($1, $2)
         ON CONFLICT DO NOTHING",
    )
    .bind(text(&correlation.key))
    .bind(&correlation.case_id)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The latest case of a key that is not closed.
async fn open_case(transaction: &mut Transaction, key: &str) -> Result<Option<Case>, StoreError> {
    let body: Option<String> = sqlx::query_scalar(
        "SELECT c.body FROM correlations k JOIN cases c ON c.id = k.case_id
         WHERE k.correlation_key = $1 AND c.closed = 0
         ORDER BY c.opened_at DESC, c.id DESC LIMIT 1",
    )
    .bind(text(key))
    .fetch_optional(&mut **transaction)
    .await?;
    body.map(|body| parse("a case", &body)).transpose()
}

/// The id of what [`open_case`] shows.
async fn open_case_id(
    transaction: &mut Transaction,
    key: &str,
) -> Result<Option<String>, StoreError> {
    let id = sqlx::query_scalar(
        "SELECT c.id FROM correlations k JOIN cases c ON c.id = k.case_id
         WHERE k.correlation_key = $1 AND c.closed = 0
         ORDER BY c.opened_at DESC, c.id DESC LIMIT 1",
    )
    .bind(text(key))
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(id)
}

#[cfg(test)]
mod tests;
