//! What waits in the outbox.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::ports::Queue;

use crate::error::StoreError;
use crate::rows::{number, timestamp};
use crate::store::Store;

impl Store {
    pub(super) async fn read_oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(at) FROM (
                 SELECT MIN(at) AS at FROM notifications WHERE routed = 0
                 UNION ALL
                 SELECT MIN(n.at) FROM deliveries d JOIN notifications n ON n.id = d.notification_id
                 WHERE d.state = 'PENDING') AS undelivered",
        )
        .fetch_one(self.readers().await?)
        .await?;
        oldest.map(|at| timestamp("a notification", at)).transpose()
    }

    pub(super) async fn read_queues(&self) -> Result<Vec<Queue>, StoreError> {
        let readers = self.readers().await?;
        let pending: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT d.output, COUNT(*), MIN(n.at)
             FROM deliveries d JOIN notifications n ON n.id = d.notification_id
             WHERE d.state = 'PENDING' GROUP BY d.output",
        )
        .fetch_all(readers)
        .await?;
        let dead: Vec<(String, i64)> = sqlx::query_as(
            "SELECT output, COUNT(*) FROM deliveries WHERE state = 'DEAD' GROUP BY output",
        )
        .fetch_all(readers)
        .await?;
        let mut queues: BTreeMap<String, Queue> = BTreeMap::new();
        for (output, count, oldest) in pending {
            let queue = of(&mut queues, output);
            queue.pending = number("the outbox", count)?;
            queue.oldest = Some(timestamp("a notification", oldest)?);
        }
        for (output, count) in dead {
            of(&mut queues, output).dead = number("the outbox", count)?;
        }
        Ok(queues.into_values().collect())
    }
}

fn of(queues: &mut BTreeMap<String, Queue>, output: String) -> &mut Queue {
    queues.entry(output.clone()).or_insert(Queue {
        output,
        pending: 0,
        dead: 0,
        oldest: None,
    })
}
