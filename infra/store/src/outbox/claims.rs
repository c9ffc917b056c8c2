//! Deliveries that somebody takes on, so that nobody else does meanwhile.

use jiff::Timestamp;
use postern_core::change::Lane;
use postern_core::image::shortened;
use postern_core::ports::{Choose, DueDelivery};

use super::rank;
use crate::error::StoreError;
use crate::rows::{Transaction, micros, number, parse, timestamp};
use crate::store::Store;

impl Store {
    /// A claim is no attempt: what was claimed and never sent, because the process ended, counts for
    /// nothing. Of a case only the oldest alert is claimed, in whichever lane it waits or is sent: an
    /// older one that came after a newer one would tell what is no longer so. (An alert's id is its
    /// case's, a hyphen and the revision; a colon sorts right after the digits.)
    pub(super) async fn claim_due(
        &self,
        output: &str,
        lane: Lane,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
        choose: Choose<'_>,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        let mut transaction = self.begin().await?;
        let rows: Vec<(String, i64, i64, String)> = sqlx::query_as(
            "SELECT d.notification_id, d.attempts, d.due_at, n.body
             FROM deliveries d JOIN notifications n ON n.id = d.notification_id
             WHERE d.output = $1 AND d.state = 'PENDING' AND d.lane = $2 AND d.due_at <= $3
                 AND NOT EXISTS (
                     SELECT 1 FROM deliveries o
                     WHERE o.notification_id >= rtrim(d.notification_id, '0123456789')
                         AND o.notification_id < rtrim(d.notification_id, '0123456789') || ':'
                         AND o.output = d.output AND o.state = 'PENDING'
                         AND (length(o.notification_id) < length(d.notification_id)
                             OR length(o.notification_id) = length(d.notification_id)
                                 AND o.notification_id < d.notification_id))
             ORDER BY d.due_at, d.notification_id LIMIT $4",
        )
        .bind(output)
        .bind(rank(lane))
        .bind(micros(now))
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
        let mut due = Vec::with_capacity(rows.len());
        for (id, attempts, due_at, body) in rows {
            match parse("a notification", &body) {
                Ok(notification) => due.push(DueDelivery {
                    notification,
                    output: output.to_owned(),
                    attempts: number("a delivery", attempts)?,
                    due: timestamp("a delivery", due_at)?,
                }),
                Err(error) => {
                    tracing::error!(notification = %id, output, %error, "alert cannot be read and is given up");
                    give_up(&mut transaction, &id, output, &error).await?;
                }
            }
        }
        let claimed = choose(due);
        for delivery in &claimed {
            sqlx::query(
                "UPDATE deliveries SET due_at = $3 WHERE notification_id = $1 AND output = $2",
            )
            .bind(&delivery.notification.id)
            .bind(output)
            .bind(micros(until))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(claimed)
    }
}

/// Makes a dead letter of what was never sent.
async fn give_up(
    transaction: &mut Transaction,
    notification: &str,
    output: &str,
    error: &StoreError,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET state = 'DEAD', last_error = $3
         WHERE notification_id = $1 AND output = $2",
    )
    .bind(notification)
    .bind(output)
    .bind(shortened(&error.to_string()))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
