//! How far logs were compared with what was delivered.

use async_trait::async_trait;
use postern_core::ports::{Progress, ReconcileProgress, Unavailable};

use crate::error::StoreError;
use crate::rows::{micros, text, timestamp};
use crate::store::Store;

#[async_trait]
impl ReconcileProgress for Store {
    async fn progress(&self, resource: &str) -> Result<Option<Progress>, Unavailable> {
        self.answer(self.read_progress(resource)).await
    }

    async fn advance(&self, resource: &str, progress: Progress) -> Result<(), Unavailable> {
        self.answer(self.write_progress(resource, progress)).await
    }
}

impl Store {
    async fn read_progress(&self, resource: &str) -> Result<Option<Progress>, StoreError> {
        let row: Option<(i64, i64)> = sqlx::query_as(
            "SELECT watched_from, complete_through FROM reconciled WHERE resource = $1",
        )
        .bind(text(resource))
        .fetch_optional(self.readers().await?)
        .await?;
        let time = |micros| timestamp("the progress of reconciliation", micros);
        let progress = |(watched_from, complete_through)| {
            Ok(Progress {
                watched_from: time(watched_from)?,
                complete_through: time(complete_through)?,
            })
        };
        row.map(progress).transpose()
    }

    async fn write_progress(&self, resource: &str, progress: Progress) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "INSERT INTO reconciled (resource, watched_from, complete_through) VALUES ($1, $2, $3)
             ON CONFLICT (resource) DO UPDATE
             SET complete_through = excluded.complete_through
             WHERE excluded.complete_through > reconciled.complete_through",
        )
        .bind(text(resource))
        .bind(micros(progress.watched_from))
        .bind(micros(progress.complete_through))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn progress(watched_from: &str, complete_through: &str) -> Progress {
        Progress {
            watched_from: watched_from.parse().unwrap(),
            complete_through: complete_through.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn progress_goes_forward_only_and_keeps_when_it_began() {
        let (store, _directory) = testing::store().await;
        let resource = "projects/demo-mart";
        assert_eq!(store.progress(resource).await, Ok(None));
        let first = progress("2026-02-01T00:00:00Z", "2026-01-03T00:00:00.000001Z");
        store.advance(resource, first).await.unwrap();
        let later = progress("2026-02-09T00:00:00Z", "2026-01-04T00:00:00Z");
        store.advance(resource, later).await.unwrap();
        let expected = progress("2026-02-01T00:00:00Z", "2026-01-04T00:00:00Z");
        assert_eq!(store.progress(resource).await, Ok(Some(expected)));
        store.advance(resource, first).await.unwrap();
        assert_eq!(store.progress(resource).await, Ok(Some(expected)));
        assert_eq!(store.progress("projects/acme-shop").await, Ok(None));
    }
}
