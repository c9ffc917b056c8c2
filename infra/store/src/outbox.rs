//! The outbox: alerts that are still to be sent.

mod claims;
mod dead;
mod queues;

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::change::{Lane, Notification};
use postern_core::entry::{Delivery, Entry, Record};
use postern_core::image::shortened;
use postern_core::ports::{Attempted, Choose, DueDelivery, Outbox, Queue, Unavailable};
use sqlx::AssertSqlSafe;

pub use self::dead::{DeadLetter, DeadLetters};
use crate::error::StoreError;
use crate::journal;
use crate::prepared::Prepared;
use crate::rows::{ROWS_AT_ONCE, Transaction, json, micros, parse, places, text};
use crate::store::{Store, TURN};

type Outputs<'a> = &'a (dyn for<'n> Fn(&'n Notification) -> Vec<String> + Send + Sync);

#[async_trait]
impl Outbox for Store {
    async fn route(
        &self,
        outputs: &(dyn for<'a> Fn(&'a Notification) -> Vec<String> + Send + Sync),
    ) -> Result<(), Unavailable> {
        self.answer(self.route_all(outputs)).await
    }

    async fn claim_chosen(
        &self,
        output: &str,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<DueDelivery>, Unavailable> {
        self.answer(self.claim_due(output, lane, now, until, limit, choose))
            .await
    }

    async fn attempted(
        &self,
        notifications: &[&str],
        output: &str,
        outcome: Attempted,
        now: Timestamp,
    ) -> Result<(), Unavailable> {
        self.answer(self.record_attempt(notifications, output, &outcome, now))
            .await
    }

    async fn oldest_undelivered(&self) -> Result<Option<Timestamp>, Unavailable> {
        self.answer(self.read_oldest()).await
    }

    async fn queues(&self) -> Result<Vec<Queue>, Unavailable> {
        self.answer(self.read_queues()).await
    }
}

impl Store {
    async fn route_all(&self, outputs: Outputs<'_>) -> Result<(), StoreError> {
        let begun = Instant::now();
        while self.route_some(outputs).await? && begun.elapsed() < TURN {}
        Ok(())
    }

    /// Routes the oldest new notifications, urgent ones first; `true` if there may be more.
    async fn route_some(&self, outputs: Outputs<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let rows: Vec<(String, i64, String)> = sqlx::query_as(
            "SELECT id, lane, body FROM notifications WHERE routed = 0
             ORDER BY lane, at, id LIMIT $1",
        )
        .bind(ROWS_AT_ONCE as i64)
        .fetch_all(&mut *transaction)
        .await?;
        let (mut routed, mut deliveries) = (Vec::with_capacity(rows.len()), Vec::new());
        for (id, lane, body) in &rows {
            match parse::<Notification>("a notification", body) {
                Ok(notification) => {
                    let due = micros(notification.at);
                    let outputs = outputs(&notification).into_iter();
                    deliveries.extend(outputs.map(|output| (id, output, *lane, due)));
                    routed.push(id);
                }
                // It stays where it is, and is seen as never delivered; the others go on.
                Err(error) => tracing::error!(notification = %id, %error, "alert cannot be read"),
            }
        }
        insert_deliveries(&mut transaction, &deliveries).await?;
        mark_routed(&mut transaction, &routed).await?;
        transaction.commit().await?;
        Ok(!routed.is_empty() && rows.len() == ROWS_AT_ONCE)
    }

    async fn record_attempt(
        &self,
        notifications: &[&str],
        output: &str,
        outcome: &Attempted,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let (state, due_at, error) = match outcome {
            Attempted::Delivered => ("DELIVERED", now, None),
            Attempted::Again { at, error } => ("PENDING", *at, Some(shortened(error))),
            Attempted::Dead { error } => ("DEAD", now, Some(shortened(error))),
        };
        let mut confirmed = Vec::new();
        for notification in notifications {
            let (before, body) = delivery(&mut transaction, notification, output).await?;
            if before == "DELIVERED" {
                continue;
            }
            sqlx::query(
                "UPDATE deliveries
                 SET state = $3, due_at = $4, last_error = $5, attempts = attempts + 1
                 WHERE notification_id = $1 AND output = $2",
            )
            .bind(notification)
            .bind(output)
            .bind(state)
            .bind(micros(due_at))
            .bind(error.as_deref().map(text))
            .execute(&mut *transaction)
            .await?;
            if *outcome == Attempted::Delivered {
                let entry = confirmation(parse("a notification", &body)?, output, now);
                confirmed.push(Prepared::new(entry)?);
            }
        }
        if !confirmed.is_empty() {
            journal::append_in(&mut transaction, &confirmed).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Puts an alert into the outbox; one that is there already stays as it is. What an urgent one has to
/// wait for is urgent as well.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    notification: &Notification,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO notifications (id, at, lane, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(&notification.id)
    .bind(micros(notification.at))
    .bind(rank(notification.lane()))
    .bind(json("a notification", notification)?)
    .execute(&mut **transaction)
    .await?;
    match notification.lane() {
        Lane::Urgent => hurry(transaction, &notification.case.id).await,
        Lane::Normal => Ok(()),
    }
}

/// Makes all alerts of a case urgent that still wait.
async fn hurry(transaction: &mut Transaction, case: &str) -> Result<(), StoreError> {
    for hurry in [
        "UPDATE notifications SET lane = 0
         WHERE routed = 0 AND lane > 0 AND id >= $1 AND id < $2",
        "UPDATE deliveries SET lane = 0
         WHERE state = 'PENDING' AND lane > 0 AND notification_id >= $1 AND notification_id < $2",
    ] {
        sqlx::query(hurry)
            .bind(format!("{case}-"))
            .bind(format!("{case}-:"))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// How a lane stands in rows: what goes first is less.
const fn rank(lane: Lane) -> i64 {
    match lane {
        Lane::Urgent => 0,
        Lane::Normal => 1,
    }
}

/// Writes that alerts are to be sent: alert, output, lane and time. What is there already stays.
async fn insert_deliveries(
    transaction: &mut Transaction,
    deliveries: &[(&String, String, i64, i64)],
) -> Result<(), StoreError> {
    for some in deliveries.chunks(ROWS_AT_ONCE) {
        let insert = format!(
            "INSERT INTO deliveries (notification_id, output, lane, due_at) VALUES {}
             ON CONFLICT DO NOTHING",
            places(some.len(), 4)
        );
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for (id, output, lane, due) in some {
            query = query.bind(*id).bind(output).bind(*lane).bind(*due);
        }
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn mark_routed(transaction: &mut Transaction, ids: &[&String]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let update = format!(
        "UPDATE notifications SET routed = 1 WHERE id IN {}",
        places(1, ids.len())
    );
    let mut query = sqlx::query(AssertSqlSafe(update));
    for id in ids {
        query = query.bind(*id);
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// The state of a delivery, and the notification's JSON.
async fn delivery(
    transaction: &mut Transaction,
    notification: &str,
    output: &str,
) -> Result<(String, String), StoreError> {
    let row = sqlx::query_as(
        "SELECT d.state, n.body FROM deliveries d JOIN notifications n ON n.id = d.notification_id
         WHERE d.notification_id = $1 AND d.output = $2",
    )
    .bind(notification)
    .bind(output)
    .fetch_optional(&mut **transaction)
    .await?;
    row.ok_or_else(|| StoreError::NoDelivery {
        notification: notification.to_owned(),
        output: output.to_owned(),
    })
}

fn confirmation(confirmed: Notification, output: &str, now: Timestamp) -> Entry {
    let delivery = Delivery {
        notification: confirmed.id,
        case_id: confirmed.case.id,
        output: output.to_owned(),
    };
    journal::entry(now, Record::Delivery(delivery))
}

#[cfg(test)]
mod tests;
