//! What the auditor remembers: facts, decisions by digest and target, expectations, silence, parts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::change::Change;
use postern_core::image::Digest;
use postern_core::memory::{Decided, Expectation, Fact, Memory, Questions};
use postern_core::ports::Part;

use crate::error::StoreError;
use crate::rows::{Transaction, json, micros, parse, timestamp};
use crate::store::Store;

/// The latest facts of one key that are ever looked at.
const FACTS_OF_KEY: u32 = 64;

impl Store {
    /// Everything is read in one transaction, so that it belongs together.
    pub(crate) async fn read_memory(&self, questions: &Questions) -> Result<Memory, StoreError> {
        let mut transaction = self.readers().await?.begin().await?;
        let mut memory = Memory::default();
        for key in &questions.facts {
            let facts = facts(&mut transaction, key).await?;
            memory.facts.insert(key.clone(), facts);
        }
        for (digest, target) in &questions.decisions {
            let decided = decided(&mut transaction, digest, target).await?;
            if is_gated(&mut transaction, target).await? {
                memory.gated.insert(target.clone());
            }
            memory.decisions.insert((*digest, target.clone()), decided);
        }
        for payload in &questions.payloads {
            let carried: Option<i64> =
                sqlx::query_scalar("SELECT 1 FROM occurrences WHERE payload_sha256 = $1 LIMIT 1")
                    .bind(payload)
                    .fetch_optional(&mut *transaction)
                    .await?;
            if carried.is_some() {
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
        .bind(limit)
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
        .bind(&part.uid)
        .bind(part.index)
        .bind(part.total)
        .bind(micros(part.received_at))
        .bind(&part.raw)
        .execute(&mut *transaction)
        .await?;
        let rows: Vec<PartRow> = sqlx::query_as(
            "SELECT uid, place, total, received_at, raw FROM parts WHERE uid = $1 ORDER BY place",
        )
        .bind(&part.uid)
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
        sqlx::query("UPDATE parts SET raw = x'' WHERE uid = $1")
            .bind(uid)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

type PartRow = (String, u32, u32, i64, Vec<u8>);

fn part_of((uid, index, total, received_at, raw): PartRow) -> Result<Part, StoreError> {
    Ok(Part {
        received_at: timestamp("a part of an entry", received_at)?,
        uid,
        index,
        total,
        raw,
    })
}

/// Whether every key still shows as many facts as the change was made from.
pub(crate) async fn is_current(
    transaction: &mut Transaction,
    change: &Change,
) -> Result<bool, StoreError> {
    for (key, known) in &change.remembered {
        if facts(transaction, key).await?.len() != *known {
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
        .bind(&fact.key)
        .bind(&fact.source)
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
             ON CONFLICT (project) DO UPDATE SET at = MAX(at, excluded.at)",
        )
        .bind(project)
        .bind(micros(*at))
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

async fn facts(transaction: &mut Transaction, key: &str) -> Result<Vec<Fact>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT source, body FROM facts WHERE fact_key = $1 ORDER BY at DESC, source LIMIT $2",
    )
    .bind(key)
    .bind(FACTS_OF_KEY)
    .fetch_all(&mut **transaction)
    .await?;
    let fact = |(source, body): (String, String)| {
        let (at, said) = parse("a fact", &body)?;
        Ok(Fact {
            key: key.to_owned(),
            source,
            at,
            said,
        })
    };
    rows.into_iter().rev().map(fact).collect()
}

async fn decided(
    transaction: &mut Transaction,
    digest: &Digest,
    target: &str,
) -> Result<Decided, StoreError> {
    let mut last = async |table: &str| {
        // The table's name is one of two constants.
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT entry_id FROM {table} WHERE digest = $1 AND target = $2
             ORDER BY at DESC, entry_id DESC LIMIT 1"
        )))
        .bind(digest.to_string())
        .bind(target)
        .fetch_optional(&mut **transaction)
        .await
    };
    Ok(Decided {
        allowed: last("deployments").await?,
        denied: last("denials").await?,
    })
}

/// Whether the gate ever decided for this target.
async fn is_gated(transaction: &mut Transaction, target: &str) -> Result<bool, StoreError> {
    let known: Option<i64> = sqlx::query_scalar(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM deployments WHERE target = $1)
             OR EXISTS (SELECT 1 FROM denials WHERE target = $1)",
    )
    .bind(target)
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(known.is_some())
}

#[cfg(test)]
mod tests;
