//! What nobody delivers: silence, split entries that stay incomplete, and what should have happened
//! by now. Looked for at every tick; idempotent.

use jiff::{SignedDuration, Timestamp};
use postern_core::change::Change;
use postern_core::finding::FindingSource;
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected, Questions};
use postern_core::ports::{Part, Unavailable};

use super::{Auditor, Taken, seen};
use crate::classify::{Observed, blank, rendered};
use crate::correlation::{Clues, attested_key};
use crate::decide::{Intake, Sequel};
use crate::detection::Own;

/// How long the parts of one entry are waited for.
const PARTS_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Expectations that are looked at in one tick.
const EXPECTATIONS: u32 = 200;

impl Auditor {
    /// Looks for what has not come. Returns how many findings that made.
    ///
    /// # Errors
    /// If the state could not be read or written; the next look finds the rest.
    pub async fn look_out(&self) -> Result<usize, Unavailable> {
        let now = (self.clock)();
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
            let Some(met) = self.is_met(&expectation).await? else {
                continue;
            };
            found += self.settle(expectation, met, now).await?;
        }
        Ok(found)
    }

    /// Whether it has happened; `None` while nobody can tell.
    async fn is_met(&self, expectation: &Expectation) -> Result<Option<bool>, Unavailable> {
        match &expectation.what {
            Expected::Attestation { payload } => {
                let key = attested_key(payload);
                let questions = Questions {
                    facts: vec![key.clone()],
                    payloads: vec![payload.clone()],
                    ..Questions::default()
                };
                let memory = self.store.recall(&questions).await?;
                let attested = memory.attested.contains(payload) || !memory.of(&key).is_empty();
                Ok(Some(attested))
            }
            Expected::Conformance { .. } => Ok(None),
        }
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
