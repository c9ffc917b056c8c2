//! What nobody delivers: silence, split entries that stay incomplete, and what should have happened
//! by now. Looked for at every tick; idempotent.

use jiff::{SignedDuration, Timestamp};
use postern_core::change::Change;
use postern_core::finding::FindingSource;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected, FactQuestion, Questions};
use postern_core::ports::{AppraisedImage, Part, Unavailable};
use postern_core::reason::Verdict;

use super::{Auditor, Taken, seen};
use crate::classify::{Observed, blank, rendered};
use crate::correlation::{Clues, attested_key};
use crate::decide::{Intake, Sequel};
use crate::detection::Own;
use crate::owners::Labels;

/// How long the parts of one entry are waited for.
const PARTS_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Expectations that are looked at in one tick.
const EXPECTATIONS: u32 = 50;
/// After how long it is asked again what nobody could tell.
const PUT_OFF: SignedDuration = SignedDuration::from_hours(1);

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

    async fn look_at_expectations(&self, now: Timestamp) -> Result<usize, Unavailable> {
        let mut found = 0;
        for expectation in self.store.expectations(now, EXPECTATIONS).await? {
            match self.is_met(&expectation).await? {
                Some(met) => found += self.settle(expectation, met, now).await?,
                None => self.put_off(expectation, now).await?,
            }
        }
        Ok(found)
    }

    /// Whether it has happened; `None` while nobody can tell.
    async fn is_met(&self, expectation: &Expectation) -> Result<Option<bool>, Unavailable> {
        match &expectation.what {
            Expected::Attestation { payload } => {
                let key = attested_key(payload);
                let questions = Questions {
                    facts: vec![FactQuestion::latest(&key)],
                    payloads: vec![payload.clone()],
                    ..Questions::default()
                };
                let memory = self.store.recall(&questions).await?;
                let attested = memory.attested.contains(payload) || !memory.of(&key).is_empty();
                Ok(Some(attested))
            }
            Expected::Conformance { target, images } => {
                let Some(appraiser) = &self.appraiser else {
                    return Ok(None);
                };
                // What has no policy of its own is never conformant.
                let Ok(target) = target.parse() else {
                    return Ok(Some(false));
                };
                match appraiser.appraise(&target, images).await {
                    Ok(appraisal) => {
                        let conforms =
                            |image: &AppraisedImage| image.verdict == Verdict::Conformant;
                        Ok(Some(appraisal.images.iter().all(conforms)))
                    }
                    // Nobody can tell today: it stays expected, and holds up nothing else.
                    Err(outage) => {
                        tracing::warn!(%outage, "a break-glass image could not be appraised");
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Looks again later, so that what nobody can tell today holds up nothing else.
    async fn put_off(&self, expectation: Expectation, now: Timestamp) -> Result<(), Unavailable> {
        let later = Expectation {
            due_at: now.checked_add(PUT_OFF).unwrap_or(now),
            ..expectation
        };
        let change = Change {
            settled: vec![later.id.clone()],
            expectations: vec![later],
            ..Change::default()
        };
        self.store.commit(change).await.map(drop)
    }

    /// Writes what became of an expectation, once.
    async fn settle(
        &self,
        expectation: Expectation,
        met: bool,
        now: Timestamp,
    ) -> Result<usize, Unavailable> {
        let mut observed = Vec::new();
        if !met {
            let mut finding = expectation.finding;
            finding.at = now;
            observed.push(Observed {
                finding,
                event_key: expectation.event_key,
                operation: None,
            });
        }
        let key = format!("expectation|{}|{}", expectation.id, expectation.due_at);
        let intake = Intake {
            seen: seen(key.clone(), Digest::of(key.as_bytes()), &[], now),
            receipt: None,
            quarantine: None,
            entries: Vec::new(),
            observed,
            labels: Labels::default(),
            sequel: Sequel {
                settled: vec![expectation.id],
                ..Sequel::default()
            },
        };
        self.written_once(&intake).await
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
        let intake = Intake {
            seen: seen(key.to_owned(), Digest::of(key.as_bytes()), &[], now),
            receipt: None,
            quarantine: None,
            entries: Vec::new(),
            observed: vec![observed],
            labels: Labels::default(),
            sequel: Sequel::default(),
        };
        self.written_once(&intake).await
    }

    async fn written_once(&self, intake: &Intake) -> Result<usize, Unavailable> {
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
    async fn a_signature_is_settled_by_its_attestation_or_found() {
        let now = "2026-03-03T06:00:00Z";
        for (attested, expected) in [(true, 0), (false, 1)] {
            let store = Arc::new(MemoryStore::default());
            let auditor = auditor(&store, Watch::default(), now);
            let detection = auditor.catalogue.own(Own::UnreconciledSignature);
            let source = FindingSource {
                kind: "gcp.audit".to_owned(),
                id: "synthetic".to_owned(),
                log: None,
            };
            let at = "2026-03-03T05:00:00Z".parse().unwrap();
            let expectation = Expectation {
                id: "attestation|00".to_owned(),
                due_at: at,
                untold_since: None,
                what: Expected::Attestation {
                    payload: "00".to_owned(),
                },
                event_key: "log|synthetic".to_owned(),
                finding: blank(detection, "log|synthetic", at, source),
            };
            store.with(|state| {
                if attested {
                    state.past.add([fact(at)]);
                }
                state
                    .expectations
                    .insert(expectation.id.clone(), expectation);
            });
            assert_eq!(auditor.look_out(now.parse().unwrap()).await, Ok(expected));
            assert!(
                store.with(|state| state.expectations.is_empty()),
                "it is settled"
            );
            assert_eq!(detections(&store).len(), expected);
        }
    }

    fn fact(at: Timestamp) -> postern_core::memory::Fact {
        postern_core::memory::Fact {
            key: attested_key("00"),
            source: "log|attestation".to_owned(),
            at,
            said: postern_core::memory::Said::default(),
        }
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
