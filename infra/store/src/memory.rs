//! What the auditor remembers: facts, decisions by digest and target, expectations, silence, parts.

mod decisions;

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::change::Change;
use postern_core::memory::{Expectation, Fact, FactQuestion, Memory, Questions};
use postern_core::ports::Part;

use crate::error::StoreError;
use crate::rows::{Transaction, json, micros, number, parse, text, timestamp};
use crate::store::Store;

/// The latest facts that one question is ever answered with.
const FACTS_OF_QUESTION: u32 = 256;

impl Store {
    /// Everything is read in one transaction, so that it belongs together.
    pub(crate) async fn read_memory(&self, questions: &Questions) -> Result<Memory, StoreError> {
        let mut transaction = self.begin_reading().await?;
        let mut memory = Memory::default();
        for asked in &questions.facts {
            let facts = facts(&mut transaction, asked).await?;
            let known = memory.facts.entry(asked.key.clone()).or_default();
            known.extend(facts);
            known.sort_by(|a, b| (a.at, &a.source).cmp(&(b.at, &b.source)));
            known.dedup_by(|a, b| a.source == b.source);
            if !memory.marks.contains_key(&asked.key) {
                let mark = mark(&mut transaction, &asked.key).await?;
                memory.marks.insert(asked.key.clone(), mark);
            }
        }
        for asked in &questions.decisions {
            if decisions::is_gated(&mut transaction, &asked.target).await? {
                memory.gated.insert(asked.target.clone());
            }
            let decided = decisions::decided(&mut transaction, asked).await?;
            memory.decisions.insert(asked.clone(), decided);
        }
        for payload in &questions.payloads {
            if decisions::is_carried(&mut transaction, payload).await? {
                memory.attested.insert(payload.clone());
            }
        }
        transaction.rollback().await?;
        Ok(memory)
    }

    pub(crate) async fn read_expectations(
        &self,
        due: Timestamp,
        limit: u32,
    ) -> Result<Vec<Expectation>, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body FROM expectations WHERE settled = 0 AND due_at <= $1
             ORDER BY due_at, id LIMIT $2",
        )
        .bind(micros(due))
        .bind(i64::from(limit))
        .fetch_all(self.readers().await?)
        .await?;
        let expectation = |body: &String| parse("an expectation", body);
        bodies.iter().map(expectation).collect()
    }

    pub(crate) async fn read_heard(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT project, at FROM heard")
            .fetch_all(self.readers().await?)
            .await?;
        let heard = |(project, at)| Ok((project, timestamp("when something was heard", at)?));
        rows.into_iter().map(heard).collect()
    }

    pub(crate) async fn write_part(&self, part: &Part) -> Result<Vec<Part>, StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO parts (uid, place, total, received_at, raw) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(text(&part.uid))
        .bind(i64::from(part.index))
        .bind(i64::from(part.total))
        .bind(micros(part.received_at))
        .bind(&part.raw)
        .execute(&mut *transaction)
        .await?;
        let rows: Vec<PartRow> = sqlx::query_as(
            "SELECT uid, place, total, received_at, raw FROM parts WHERE uid = $1 ORDER BY place",
        )
        .bind(text(&part.uid))
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        rows.into_iter().map(part_of).collect()
    }

    /// One part, the earliest, of each entry of which the first part arrived before that time.
    pub(crate) async fn read_incomplete(&self, before: Timestamp) -> Result<Vec<Part>, StoreError> {
        let rows: Vec<PartRow> = sqlx::query_as(
            "SELECT p.uid, p.place, p.total, p.received_at, p.raw FROM parts p
             WHERE p.received_at < $1 AND length(p.raw) > 0 AND p.place =
                 (SELECT MIN(q.place) FROM parts q WHERE q.uid = p.uid)
             ORDER BY p.received_at LIMIT 100",
        )
        .bind(micros(before))
        .fetch_all(self.readers().await?)
        .await?;
        rows.into_iter().map(part_of).collect()
    }

    pub(crate) async fn empty_parts(&self, uid: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE parts SET raw = $2 WHERE uid = $1")
            .bind(text(uid))
            .bind(&[][..])
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

type PartRow = (String, i64, i64, i64, Vec<u8>);

fn part_of((uid, index, total, received_at, raw): PartRow) -> Result<Part, StoreError> {
    Ok(Part {
        received_at: timestamp("a part of an entry", received_at)?,
        index: number("a part of an entry", index)?,
        total: number("a part of an entry", total)?,
        uid,
        raw,
    })
}

/// Whether no key has facts that the change was not made from.
pub(crate) async fn is_current(
    transaction: &mut Transaction,
    change: &Change,
) -> Result<bool, StoreError> {
    for (key, known) in &change.remembered {
        if mark(transaction, key).await? != *known {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes what a change says for later ones.
pub(crate) async fn write(
    transaction: &mut Transaction,
    change: &Change,
) -> Result<(), StoreError> {
    for fact in &change.facts {
        sqlx::query(
            "INSERT INTO facts (fact_key, source, at, body) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(text(&fact.key))
        .bind(text(&fact.source))
        .bind(micros(fact.at))
        .bind(json("a fact", &(fact.at, &fact.said))?)
        .execute(&mut **transaction)
        .await?;
    }
    // First, so that a change can put off what it settles.
    for id in &change.settled {
        sqlx::query("UPDATE expectations SET settled = 1 WHERE id = $1")
            .bind(id)
            .execute(&mut **transaction)
            .await?;
    }
    for expectation in &change.expectations {
        sqlx::query(
            "INSERT INTO expectations (id, due_at, body) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE
                 SET due_at = excluded.due_at, body = excluded.body, settled = 0
                 WHERE expectations.settled = 1",
        )
        .bind(&expectation.id)
        .bind(micros(expectation.due_at))
        .bind(json("an expectation", expectation)?)
        .execute(&mut **transaction)
        .await?;
    }
    if let Some((project, at)) = &change.heard {
        sqlx::query(
            "INSERT INTO heard (project, at) VALUES ($1, $2)
             ON CONFLICT (project) DO UPDATE SET at = excluded.at
             WHERE excluded.at > heard.at",
        )
        .bind(text(project))
        .bind(micros(*at))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

async fn facts(
    transaction: &mut Transaction,
    asked: &FactQuestion,
) -> Result<Vec<Fact>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT source, body FROM facts WHERE fact_key = $1 AND at BETWEEN $2 AND $3
         ORDER BY at DESC, source LIMIT $4",
    )
    .bind(text(&asked.key))
    .bind(asked.from.map_or(i64::MIN, micros))
    .bind(asked.until.map_or(i64::MAX, micros))
    .bind(i64::from(FACTS_OF_QUESTION))
    .fetch_all(&mut **transaction)
    .await?;
    let fact = |(source, body): (String, String)| {
        let (at, said) = parse("a fact", &body)?;
        Ok(Fact {
            key: asked.key.clone(),
            source,
            at,
            said,
        })
    };
    rows.into_iter().map(fact).collect()
}

/// The row of the fact that was written last. Facts are never changed or deleted, so it is greater
/// after every further one, however many there are.
async fn mark(transaction: &mut Transaction, key: &str) -> Result<i64, StoreError> {
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(rowid) FROM facts WHERE fact_key = $1")
        .bind(text(key))
        .fetch_one(&mut **transaction)
        .await?;
    Ok(last.unwrap_or_default())
}

#[cfg(test)]
mod tests;
