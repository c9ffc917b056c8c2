//! What the gate had decided when something was deployed, and what was attested.

use jiff::Timestamp;
use postern_core::memory::{Decided, DecisionQuestion, Outcome, PastDecision};

use crate::error::StoreError;
use crate::rows::{Transaction, micros, text, timestamp};

/// The decisions that may hold for a deployment.
pub(super) async fn decided(
    transaction: &mut Transaction,
    asked: &DecisionQuestion,
) -> Result<Decided, StoreError> {
    // To the microsecond, as they are stored; of two at once the later id.
    let let_through = last(
        transaction,
        "SELECT entry_id, at, conformant FROM deployments
         WHERE digest = $1 AND target = $2 AND at <= $3 ORDER BY at DESC, entry_id DESC LIMIT 1",
        asked,
    );
    let let_through = let_through.await?;
    let denied = last(
        transaction,
        "SELECT entry_id, at, NULL FROM denials
         WHERE digest = $1 AND target = $2 AND at <= $3 ORDER BY at DESC, entry_id DESC LIMIT 1",
        asked,
    );
    let denied = denied.await?;
    let before = let_through.into_iter().chain(denied);
    Ok(Decided {
        before: before.max_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id))),
        let_through_after: soon_after(transaction, asked).await?,
    })
}

type Row = (String, i64, Option<i64>);

async fn last(
    transaction: &mut Transaction,
    select: &'static str,
    asked: &DecisionQuestion,
) -> Result<Option<PastDecision>, StoreError> {
    let row: Option<Row> = sqlx::query_as(select)
        .bind(asked.digest.to_string())
        .bind(text(&asked.target))
        .bind(micros(asked.at))
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(decision).transpose()
}

async fn soon_after(
    transaction: &mut Transaction,
    asked: &DecisionQuestion,
) -> Result<Option<PastDecision>, StoreError> {
    let until = asked.at.checked_add(Decided::TOLERANCE);
    let row: Option<Row> = sqlx::query_as(
        "SELECT entry_id, at, conformant FROM deployments
         WHERE digest = $1 AND target = $2 AND at > $3 AND at <= $4
         ORDER BY at, entry_id LIMIT 1",
    )
    .bind(asked.digest.to_string())
    .bind(text(&asked.target))
    .bind(micros(asked.at))
    .bind(micros(until.unwrap_or(Timestamp::MAX)))
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(decision).transpose()
}

fn decision((id, at, conformant): Row) -> Result<PastDecision, StoreError> {
    Ok(PastDecision {
        at: timestamp("a decision", at)?,
        id,
        outcome: match conformant {
            Some(0) => Outcome::LetThrough,
            Some(_) => Outcome::Conformant,
            None => Outcome::Denied,
        },
    })
}

/// Whether the gate ever decided for this target.
pub(super) async fn is_gated(
    transaction: &mut Transaction,
    target: &str,
) -> Result<bool, StoreError> {
    let known: Option<i64> = sqlx::query_scalar(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM deployments WHERE target = $1)
             OR EXISTS (SELECT 1 FROM denials WHERE target = $1)",
    )
    .bind(text(target))
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(known.is_some())
}

/// Whether an attestation carries a payload of this hash, which its length tells apart.
pub(super) async fn is_carried(
    transaction: &mut Transaction,
    payload: &str,
) -> Result<bool, StoreError> {
    let select = match payload.len() {
        64 => "SELECT 1 FROM occurrences WHERE payload_sha256 = $1 LIMIT 1",
        96 => "SELECT 1 FROM occurrences WHERE payload_sha384 = $1 LIMIT 1",
        128 => "SELECT 1 FROM occurrences WHERE payload_sha512 = $1 LIMIT 1",
        _ => return Ok(false),
    };
    let carried: Option<i64> = sqlx::query_scalar(select)
        .bind(payload)
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(carried.is_some())
}
