//! What nobody delivers: silence, and split entries that stay incomplete. Looked for at every tick,
//! as are expectations; idempotent.

use jiff::{SignedDuration, Timestamp};
use postern_core::change::Change;
use postern_core::finding::FindingSource;
use postern_core::image::Digest;
use postern_core::ports::{Part, Unavailable};

use super::{Auditor, Taken, seen};
use crate::classify::{Observed, blank, rendered};
use crate::correlation::Clues;
use crate::decide::Intake;
use crate::detection::Own;

/// How long the parts of one entry are waited for.
const PARTS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

impl Auditor {
    /// Looks for what has not come. Returns how many findings that made.
    ///
    /// # Errors
    /// If the state could not be read or written; the next look finds the rest.
    pub(super) async fn look_out(&self, now: Timestamp) -> Result<usize, Unavailable> {
        let mut found = self.look_for_silence(now).await?;
        found += self.look_for_missing_parts(now).await?;
        found += self.look_at_expectations(now).await?;
        Ok(found)
    }

    async fn look_for_silence(&self, now: Timestamp) -> Result<usize, Unavailable> {
        let Some(patience) = self.watch.silence_after else {
            return Ok(0);
        };
        let heard = self.store.last_heard().await?;
        for project in &self.watch.projects {
            if !heard.contains_key(project) {
                // From now on it is waited for.
                let first = Change {
                    heard: Some((project.clone(), now)),
                    ..Change::default()
                };
                self.store.commit(first).await?;
            }
        }
        let expected = |project: &String| {
            self.watch.projects.is_empty() || self.watch.projects.contains(project)
        };
        let mut found = 0;
        for (project, last) in heard {
            if expected(&project) && now.duration_since(last) > patience {
                // One silence is told once: its beginning names it.
                let key = format!("silence|{project}|{last}");
                let reason = format!("{project} since {last}");
                found += self.tell(Own::Silence, &key, &reason, now).await?;
            }
        }
        Ok(found)
    }

    async fn look_for_missing_parts(&self, now: Timestamp) -> Result<usize, Unavailable> {
        let before = now.checked_sub(PARTS_WITHIN).unwrap_or(now);
        let mut found = 0;
        for Part { uid, total, .. } in self.store.incomplete(before).await? {
            let key = format!("incomplete|{uid}");
            let name = postern_host::problem::quoted(&uid);
            let reason = format!("{name}, which has {total} parts");
            found += self.tell(Own::IncompleteEntry, &key, &reason, now).await?;
        }
        Ok(found)
    }

    /// Makes a finding of the program's own, once per key.
    async fn tell(
        &self,
        own: Own,
        key: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<usize, Unavailable> {
        let detection = self.catalogue.own(own);
        let source = FindingSource {
            kind: "postern.audit".to_owned(),
            id: key.to_owned(),
            log: None,
        };
        let mut finding = blank(detection, key, now, source);
        finding.summary = rendered(&detection.summary, &finding, reason);
        let observed = Observed {
            finding,
            event_key: key.to_owned(),
            operation: None,
        };
        let seen = seen(key.to_owned(), Digest::of(key.as_bytes()), &[], now);
        let intake = Intake::of_own(seen, vec![observed]);
        self.written_once(&intake).await
    }

    pub(super) async fn written_once(&self, intake: &Intake) -> Result<usize, Unavailable> {
        Ok(match self.take(intake, &Clues::default()).await? {
            Taken::Written(findings) => findings,
            Taken::Known | Taken::Reused => 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postern_core::finding::Category;

    use super::*;
    use crate::auditor::Believed;
    use crate::testing::{MemoryStore, catalogue};
    use crate::watch::Watch;

    fn auditor(store: &Arc<MemoryStore>, watch: Watch, now: &str) -> Auditor {
        let now = now.parse().unwrap();
        Auditor::new(store.clone(), catalogue(), Believed::default())
            .watching(watch)
            .with_clock(move || now)
    }

    fn detections(store: &MemoryStore) -> Vec<String> {
        store.with(|state| {
            let findings = state.cases.values().flat_map(|case| &case.findings);
            findings.map(|finding| finding.detection.clone()).collect()
        })
    }

    #[tokio::test]
    async fn a_silence_is_told_once_and_again_only_after_something_was_heard() {
        let store = Arc::new(MemoryStore::default());
        let watch = Watch {
            silence_after: Some(SignedDuration::from_hours(1)),
            projects: vec!["acme-shop".to_owned()],
            ..Watch::default()
        };
        let found = async |now: &str| {
            let auditor = auditor(&store, watch.clone(), now);
            auditor.look_out(now.parse().unwrap()).await.unwrap()
        };
        assert_eq!(
            found("2026-03-03T05:00:00Z").await,
            0,
            "now it is waited for"
        );
        assert_eq!(found("2026-03-03T05:59:00Z").await, 0);
        assert_eq!(found("2026-03-03T06:01:00Z").await, 1);
        assert_eq!(found("2026-03-03T07:00:00Z").await, 0);
        store.with(|state| {
            let heard = "2026-03-03T08:00:00Z".parse().unwrap();
            state.heard.insert("acme-shop".to_owned(), heard);
        });
        assert_eq!(found("2026-03-03T08:30:00Z").await, 0);
        assert_eq!(found("2026-03-03T10:00:00Z").await, 1);
        assert_eq!(detections(&store), ["postern.audit.silence"; 2]);
        let silent = |case: &postern_core::case::Case| case.category == Category::Silence;
        assert!(store.with(|state| state.cases.values().all(silent)));
    }

    #[tokio::test]
    async fn parts_that_stay_incomplete_are_told() {
        let store = Arc::new(MemoryStore::default());
        store.with(|state| {
            state.parts.push(Part {
                uid: "synthetic-split".to_owned(),
                index: 1,
                total: 3,
                received_at: "2026-03-03T05:00:00Z".parse().unwrap(),
                raw: Vec::new(),
            });
        });
        for (now, found) in [
            ("2026-03-03T05:09:00Z", 0),
            ("2026-03-03T05:11:00Z", 1),
            ("2026-03-03T05:12:00Z", 0),
        ] {
            let auditor = auditor(&store, Watch::default(), now);
            assert_eq!(
                auditor.look_out(now.parse().unwrap()).await,
                Ok(found),
                "{now}"
            );
        }
        assert_eq!(detections(&store), ["postern.audit.incomplete-entry"]);
    }

    #[tokio::test]
    async fn an_outage_is_told_and_loses_nothing() {
        let store = Arc::new(MemoryStore::default());
        store.with(|state| state.outage = true);
        let auditor = auditor(&store, Watch::default(), "2026-03-03T06:00:00Z");
        let now = "2026-03-03T06:00:00Z".parse().unwrap();
        assert!(auditor.look_out(now).await.is_err());
    }
}
