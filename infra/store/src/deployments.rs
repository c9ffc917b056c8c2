//! What decisions let run, and who used the emergency door: tables made of decisions as they are
//! recorded, for the questions that are asked of them.

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::decision::Decision;
use postern_core::image::Digest;
use postern_core::ports::{BreakGlassUses, Unavailable};
use postern_core::reason::Verdict;
use postern_core::target::Target;

use crate::error::StoreError;
use crate::rows::{Transaction, micros, number, text, timestamp};
use crate::store::Store;

/// A place where a digest may be running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Where.
    pub target: Target,
    /// The last decision that let it run there.
    pub decision_id: String,
    /// When that was decided, to the microsecond.
    pub at: Timestamp,
}

impl Store {
    /// Every place where a decision let this digest run, whatever let it through, with the last
    /// such decision; the latest place first. Of an index both it and its manifests are recorded,
    /// and either finds the place.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn deployments_of(&self, digest: &Digest) -> Result<Vec<Deployment>, StoreError> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT d.target, MAX(d.entry_id), d.at FROM deployments d
             WHERE d.digest = $1 AND d.at =
                 (SELECT MAX(e.at) FROM deployments e WHERE e.digest = $1 AND e.target = d.target)
             GROUP BY d.target, d.at ORDER BY d.at DESC, d.target",
        )
        .bind(digest.to_string())
        .fetch_all(self.readers().await?)
        .await?;
        let deployment = |(target, decision_id, at): (String, String, i64)| {
            let what = format!("the deployment by decision {decision_id}");
            Ok(Deployment {
                target: target
                    .parse()
                    .map_err(|error| StoreError::row(&what, error))?,
                at: timestamp(&what, at)?,
                decision_id,
            })
        };
        rows.into_iter().map(deployment).collect()
    }

    async fn count_break_glass(&self, caller: &str, since: Timestamp) -> Result<u32, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM break_glass_uses WHERE caller = $1 AND at >= $2",
        )
        .bind(text(caller))
        .bind(micros(since))
        .fetch_one(self.readers().await?)
        .await?;
        number("uses of break-glass", count)
    }
}

#[async_trait]
impl BreakGlassUses for Store {
    /// Uses without a verified caller are those of the caller `""`.
    async fn break_glass_uses(&self, caller: &str, since: Timestamp) -> Result<u32, Unavailable> {
        self.answer(self.count_break_glass(caller, since)).await
    }
}

/// Records what a decision let through, or did not.
pub(crate) async fn index(
    transaction: &mut Transaction,
    entry_id: &str,
    decision: &Decision,
) -> Result<(), StoreError> {
    // Of the request as a whole: what conforms beside something that does not is one deployment.
    let conformant = decision.verdict == Verdict::Conformant;
    for image in &decision.images {
        let resolved = image.resolved.as_ref().and_then(|image| image.digest());
        for digest in resolved.iter().chain(&image.children) {
            let insert = match decision.allowed {
                true => sqlx::query(
                    "INSERT INTO deployments (digest, target, at, entry_id, conformant)
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                ),
                false => sqlx::query(
                    "INSERT INTO denials (digest, target, at, entry_id) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                ),
            };
            let insert = insert
                .bind(digest.to_string())
                .bind(text(&image.target.to_string()))
                .bind(micros(decision.decided_at))
                .bind(entry_id);
            let insert = match decision.allowed {
                true => insert.bind(i64::from(conformant)),
                false => insert,
            };
            insert.execute(&mut **transaction).await?;
        }
    }
    if decision.allowed && decision.break_glass.is_some() {
        let caller = decision
            .caller
            .as_ref()
            .map_or("", |caller| caller.display_name());
        sqlx::query("INSERT INTO break_glass_uses (entry_id, caller, at) VALUES ($1, $2, $3)")
            .bind(entry_id)
            .bind(text(caller))
            .bind(micros(decision.decided_at))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use postern_core::entry::{Entry, Record};
    use postern_core::ports::Journal as _;

    use super::*;
    use crate::testing;

    fn entry(id: &str, minutes: i64, target: &str, change: impl FnOnce(&mut Decision)) -> Entry {
        let mut decision = testing::decision(id);
        decision.decided_at = testing::now() + minutes.minutes();
        decision.images[0].target = target.parse().unwrap();
        change(&mut decision);
        Entry {
            id: id.to_owned(),
            at: decision.decided_at,
            record: Record::Decision(Box::new(decision)),
        }
    }

    #[tokio::test]
    async fn a_digest_is_found_wherever_it_was_let_in() {
        let (store, _directory) = testing::store().await;
        let child = Digest::of(b"child");
        let web = "cloud-run:demo-project/us-central1/web";
        store
            .append(vec![
                entry("01A", 0, web, |_| ()),
                entry("01B", 1, web, |decision| {
                    decision.images[0].children.push(child)
                }),
                entry("01C", 2, web, |decision| decision.allowed = false),
                entry("01D", 3, "lambda:eu-west-1/api", |_| ()),
            ])
            .await
            .unwrap();
        let digest = testing::digest();
        let found: Vec<_> = store.deployments_of(&digest).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|d| (d.target.to_string(), d.decision_id.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("lambda:eu-west-1/api".to_owned(), "01D"),
                (web.to_owned(), "01B")
            ],
            "the last that was allowed, for each place"
        );
        let of_child = store.deployments_of(&child).await.unwrap();
        assert_eq!(of_child.len(), 1);
        assert_eq!(of_child[0].at, testing::now() + 1.minutes());
        assert_eq!(
            store.deployments_of(&Digest::of(b"never")).await.unwrap(),
            []
        );
    }

    #[tokio::test]
    async fn uses_of_the_emergency_door_are_counted_by_caller_and_time() {
        let (store, _directory) = testing::store().await;
        let by = |name: &'static str| {
            move |decision: &mut Decision| {
                decision.break_glass = Some(testing::break_glass());
                decision.caller = Some(testing::caller(name));
            }
        };
        let refused = |decision: &mut Decision| {
            by("oncall@example.com")(decision);
            decision.allowed = false;
        };
        store
            .append(vec![
                entry("01A", 0, "cloud-run", by("oncall@example.com")),
                entry("01B", 1, "cloud-run", by("oncall@example.com")),
                entry("01C", 2, "cloud-run", by("other@example.com")),
                entry("01D", 3, "cloud-run", refused),
                entry("01E", 4, "cloud-run", |decision| {
                    decision.break_glass = Some(testing::break_glass())
                }),
            ])
            .await
            .unwrap();
        let now = testing::now();
        for (caller, since, uses) in [
            ("oncall@example.com", now, 2),
            ("oncall@example.com", now + 1.minutes(), 1),
            ("other@example.com", now, 1),
            ("nobody@example.com", now, 0),
            ("", now, 1),
        ] {
            assert_eq!(
                store.break_glass_uses(caller, since).await,
                Ok(uses),
                "{caller} {since}"
            );
        }
    }
}
