//! Dead letters: alerts that were given up, and how they are sent again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postern_core::change::Notification;

use crate::error::StoreError;
use crate::rows::{micros, number, parse, timestamp};
use crate::store::Store;

/// An alert that an output will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The alert's id.
    pub id: String,
    /// When the alert was written.
    pub at: Timestamp,
    /// The alert; `None` where what the database holds cannot be read.
    pub notification: Option<Notification>,
    /// The output.
    pub output: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What happened last, shortened.
    pub error: String,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetters {
    /// Of these alerts; `None` of all.
    pub ids: Option<BTreeSet<String>>,
    /// At this output; `None` at all.
    pub output: Option<String>,
}

type Row = (String, i64, String, String, i64, Option<String>);

impl Store {
    /// At most `limit` alerts that will never be taken by their output, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn dead_letters(
        &self,
        output: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT n.id, n.at, n.body, d.output, d.attempts, d.last_error
             FROM deliveries d JOIN notifications n ON n.id = d.notification_id
             WHERE d.state = 'DEAD' AND ($1 IS NULL OR d.output = $1)
             ORDER BY n.at, n.id, d.output LIMIT $2",
        )
        .bind(output)
        .bind(i64::from(limit))
        .fetch_all(self.readers().await?)
        .await?;
        rows.into_iter().map(letter).collect()
    }

    /// Makes dead letters due now, as if they had never been tried, and returns how many.
    ///
    /// # Errors
    /// [`StoreError::NoDeadLetter`] if an alert that is named has none: then nothing is changed. If
    /// the database cannot be written.
    pub async fn replay(&self, which: &DeadLetters, now: Timestamp) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let named: Vec<Option<&str>> = match &which.ids {
            Some(ids) => ids.iter().map(|id| Some(id.as_str())).collect(),
            None => vec![None],
        };
        let mut replayed = 0;
        for id in named {
            let changed = sqlx::query(
                "UPDATE deliveries SET state = 'PENDING', due_at = $1, attempts = 0
                 WHERE state = 'DEAD' AND ($2 IS NULL OR notification_id = $2)
                     AND ($3 IS NULL OR output = $3)",
            )
            .bind(micros(now))
            .bind(id)
            .bind(which.output.as_deref())
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if let Some(id) = id.filter(|_| changed == 0) {
                return Err(StoreError::NoDeadLetter(id.to_owned()));
            }
            replayed += changed;
        }
        transaction.commit().await?;
        Ok(replayed)
    }
}

fn letter((id, at, body, output, attempts, error): Row) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        at: timestamp("a notification", at)?,
        notification: parse("a notification", &body).ok(),
        id,
        output,
        attempts: number("a delivery", attempts)?,
        error: error.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use postern_core::change::{Change, Lane};
    use postern_core::ports::{Attempted, AuditStore as _, Outbox as _};

    use super::*;
    use crate::testing;

    /// A store in which both alerts are dead at both outputs.
    async fn dead() -> (Store, tempfile::TempDir) {
        let (store, directory) = testing::store().await;
        let cases = vec![testing::case("C1", 1), testing::case("C2", 1)];
        let outbox = cases
            .iter()
            .map(|case| Notification::of(case, testing::now()));
        let change = Change {
            outbox: outbox.collect(),
            cases,
            ..Change::default()
        };
        store.commit(change).await.unwrap();
        let outputs = ["bus", "pager"].map(str::to_owned);
        store.route(&|_| outputs.to_vec()).await.unwrap();
        for id in ["C1-1", "C2-1"] {
            for output in &outputs {
                let error = "400 Bad Request".to_owned();
                let outcome = Attempted::Dead { error };
                store
                    .attempted(&[id], output, outcome, testing::now())
                    .await
                    .unwrap();
            }
        }
        (store, directory)
    }

    async fn listed(store: &Store, output: Option<&str>) -> Vec<String> {
        let letters = store.dead_letters(output, 10).await.unwrap();
        let name = |letter: DeadLetter| format!("{} at {}", letter.id, letter.output);
        letters.into_iter().map(name).collect()
    }

    fn named(ids: &[&str], output: Option<&str>) -> DeadLetters {
        DeadLetters {
            ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
            output: output.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn what_is_named_is_due_again_as_if_it_were_new() {
        let (store, _directory) = dead().await;
        assert_eq!(
            listed(&store, Some("pager")).await,
            ["C1-1 at pager", "C2-1 at pager"]
        );
        let later = testing::now() + 1.hour();
        let replayed = store.replay(&named(&["C2-1"], Some("bus")), later).await;
        assert_eq!(replayed.unwrap(), 1);
        assert_eq!(
            listed(&store, None).await,
            ["C1-1 at bus", "C1-1 at pager", "C2-1 at pager"]
        );
        let until = later + 1.minute();
        let early = store.claim("bus", Lane::Urgent, testing::now(), until, 9);
        assert_eq!(early.await.unwrap(), []);
        let due = store
            .claim("bus", Lane::Urgent, later, until, 9)
            .await
            .unwrap();
        let due: Vec<_> = due
            .iter()
            .map(|due| (due.notification.id.as_str(), due.attempts))
            .collect();
        assert_eq!(due, [("C2-1", 0)]);
    }

    #[tokio::test]
    async fn all_are_replayed_and_then_there_is_none() {
        let (store, _directory) = dead().await;
        let all = DeadLetters::default();
        assert_eq!(store.replay(&all, testing::now()).await.unwrap(), 4);
        assert_eq!(store.replay(&all, testing::now()).await.unwrap(), 0);
        assert!(listed(&store, None).await.is_empty());
    }

    #[tokio::test]
    async fn a_name_that_is_wrong_changes_nothing() {
        let (store, _directory) = dead().await;
        let error = store
            .replay(&named(&["C1-1", "C9-1"], None), testing::now())
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "there is no dead letter \"C9-1\"");
        assert_eq!(listed(&store, None).await.len(), 4);
    }
}
