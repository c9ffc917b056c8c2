//! The revocation list.

use async_trait::async_trait;
use postern_core::change::Change;
use postern_core::entry::{Entry, Record, Unrevocation};
use postern_core::ports::{Committed, RevocationList, Unavailable};
use postern_core::revocation::{Revocation, Revocations};

use crate::audit;
use crate::error::StoreError;
use crate::journal::entry;
use crate::prepared::Prepared;
use crate::rows::{Transaction, json, parse, text};
use crate::store::Store;

#[async_trait]
impl RevocationList for Store {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        self.answer(self.read_revocations()).await
    }
}

impl Store {
    /// Puts something on the list and records it, with what else belongs to it (a finding, its
    /// case, the alert), all in one transaction. `false`: it is on the list already; nothing was
    /// written.
    ///
    /// # Errors
    /// If it cannot be written, or a case of the change has moved on ([`StoreError::Stale`]).
    pub async fn revoke(&self, revocation: Revocation, with: Change) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let listed = sqlx::query(
            "INSERT INTO revocations (what, body) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(text(&revocation.what.to_string()))
        .bind(json("a revocation", &revocation)?)
        .execute(&mut *transaction)
        .await?;
        if listed.rows_affected() == 0 {
            return Ok(false);
        }
        let entry = entry(revocation.at, Record::Revocation(revocation));
        record(transaction, entry, with).await?;
        Ok(true)
    }

    /// Takes something off the list and records it, as [`Store::revoke`]. `false`: it was not on
    /// the list; nothing was written.
    ///
    /// # Errors
    /// As [`Store::revoke`].
    pub async fn unrevoke(
        &self,
        unrevocation: Unrevocation,
        with: Change,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let unlisted = sqlx::query("DELETE FROM revocations WHERE what = $1")
            .bind(text(&unrevocation.what.to_string()))
            .execute(&mut *transaction)
            .await?;
        if unlisted.rows_affected() == 0 {
            return Ok(false);
        }
        let entry = entry(unrevocation.at, Record::Unrevocation(unrevocation));
        record(transaction, entry, with).await?;
        Ok(true)
    }

    async fn read_revocations(&self) -> Result<Revocations, StoreError> {
        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM revocations ORDER BY what")
            .fetch_all(self.readers().await?)
            .await?;
        let entries: Result<_, _> = bodies
            .iter()
            .map(|body| parse("the revocation list", body))
            .collect();
        Ok(Revocations::new(entries?))
    }
}

async fn record(
    mut transaction: Transaction,
    entry: Entry,
    mut with: Change,
) -> Result<(), StoreError> {
    let mut entries = vec![entry];
    entries.append(&mut with.entries);
    let entries = Prepared::all(entries)?;
    match audit::write(&mut transaction, &with, &entries).await? {
        Committed::Written => Ok(transaction.commit().await?),
        Committed::AlreadySeen | Committed::SeenWithOtherContent | Committed::Stale => {
            Err(StoreError::Stale)
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_core::revocation::Revoked;

    use super::*;
    use crate::testing;

    fn revocation(reason: &str) -> Revocation {
        Revocation {
            what: Revoked::Digest(testing::digest()),
            reason: reason.to_owned(),
            by: "alice".to_owned(),
            at: testing::now(),
        }
    }

    fn unrevocation() -> Unrevocation {
        Unrevocation {
            what: Revoked::Digest(testing::digest()),
            reason: "a mistake".to_owned(),
            by: "alice".to_owned(),
            at: testing::now(),
        }
    }

    #[tokio::test]
    async fn list_and_journal_change_together() {
        let (store, _directory) = testing::store().await;
        assert!(
            store
                .revoke(revocation("leaked"), Change::default())
                .await
                .unwrap()
        );
        assert!(
            !store
                .revoke(revocation("again"), Change::default())
                .await
                .unwrap()
        );
        let list = store.revocations().await.unwrap();
        assert_eq!(
            list.of_digest(&testing::digest()),
            Some(&revocation("leaked"))
        );

        assert!(
            store
                .unrevoke(unrevocation(), Change::default())
                .await
                .unwrap()
        );
        assert!(
            !store
                .unrevoke(unrevocation(), Change::default())
                .await
                .unwrap()
        );
        assert_eq!(store.revocations().await.unwrap(), Revocations::default());

        let entries = store.entries(0, 10).await.unwrap();
        let records: Vec<_> = entries
            .into_iter()
            .map(|stored| stored.entry.record)
            .collect();
        assert_eq!(
            records,
            [
                Record::Revocation(revocation("leaked")),
                Record::Unrevocation(unrevocation())
            ]
        );
    }

    #[tokio::test]
    async fn what_belongs_to_a_revocation_is_written_with_it_or_not_at_all() {
        let (store, _directory) = testing::store().await;
        let with = |revision| Change {
            cases: vec![testing::case("C1", revision)],
            ..Change::default()
        };
        let error = store
            .revoke(revocation("leaked"), with(7))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Stale), "{error}");
        assert_eq!(store.revocations().await.unwrap(), Revocations::default());
        assert_eq!(store.entries(0, 10).await.unwrap(), []);

        assert!(store.revoke(revocation("leaked"), with(1)).await.unwrap());
        assert_eq!(store.entries(0, 10).await.unwrap().len(), 1);
    }
}
