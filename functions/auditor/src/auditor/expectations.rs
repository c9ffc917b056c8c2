//! What should have happened by now: did it? And what follows if nobody can tell.

use jiff::{SignedDuration, Timestamp};
use postern_core::change::Change;
use postern_core::finding::{Category, Finding};
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Expected, FactQuestion, Questions};
use postern_core::ports::{AppraisedImage, CaseFilter, Unavailable};
use postern_core::reason::Verdict;
use postern_core::target::Target;

use super::{Auditor, seen};
use crate::classify::{Observed, blank, rendered};
use crate::correlation::{Excuse, attested_key, excuse, still_runs};
use crate::decide::{Intake, Sequel};
use crate::detection::Own;

/// Expectations that are looked at in one tick.
const EXPECTATIONS: u32 = 50;
/// After how long it is asked again what nobody could tell.
const PUT_OFF: SignedDuration = SignedDuration::from_hours(1);
/// For how long it is asked. Then that nobody can tell is a finding of its own.
const GIVE_UP: SignedDuration = SignedDuration::from_hours(24);
/// Cases of a target that are looked at, newest first.
const CASES: u32 = 100;

/// What is known of an expectation that is due.
enum Due {
    /// It has happened, or does not matter any more.
    Met,
    /// It has not.
    Missed,
    /// It is not due before this time.
    NotBefore(Timestamp),
    /// Nobody can tell.
    Untold {
        why: String,
        /// What to find when it stays like that.
        own: Own,
    },
}

impl Auditor {
    /// Settles what is due, and can be told. Returns how many findings that made.
    pub(super) async fn look_at_expectations(&self, now: Timestamp) -> Result<usize, Unavailable> {
        let mut found = 0;
        for expectation in self.store.expectations(now, EXPECTATIONS).await? {
            found += match self.due(&expectation, now).await? {
                Due::Met => self.settle(&expectation, None, now).await?,
                Due::Missed => {
                    let finding = expectation.finding.clone();
                    self.settle(&expectation, Some(finding), now).await?
                }
                Due::NotBefore(later) => self.put_off(expectation, later, None).await?,
                Due::Untold { why, own } => self.untold(expectation, &why, own, now).await?,
            };
        }
        Ok(found)
    }

    async fn due(&self, expectation: &Expectation, now: Timestamp) -> Result<Due, Unavailable> {
        match &expectation.what {
            Expected::Attestation { payload } => self.is_attested(payload).await,
            Expected::Conformance { target, images } => {
                let revision = expectation.finding.revision.as_deref();
                self.is_conformant(target, revision, images, now).await
            }
        }
    }

    async fn is_attested(&self, payload: &str) -> Result<Due, Unavailable> {
        let key = attested_key(payload);
        let questions = Questions {
            facts: vec![FactQuestion::latest(&key)],
            payloads: vec![payload.to_owned()],
            ..Questions::default()
        };
        let memory = self.store.recall(&questions).await?;
        Ok(
            match memory.attested.contains(payload) || !memory.of(&key).is_empty() {
                true => Due::Met,
                false => Due::Missed,
            },
        )
    }

    async fn is_conformant(
        &self,
        target: &str,
        revision: Option<&str>,
        images: &[String],
        now: Timestamp,
    ) -> Result<Due, Unavailable> {
        // What has no policy of its own is never conformant.
        let parsed = target.parse::<Target>().ok();
        let conforms = match &parsed {
            Some(target) => self.conforms(target, images).await,
            None => Ok(false),
        };
        if conforms == Ok(true) {
            return Ok(Due::Met);
        }
        let filter = CaseFilter {
            target: Some(target.to_owned()),
            category: Some(Category::BreakGlass),
            limit: CASES,
            ..CaseFilter::default()
        };
        match excuse(&self.store.cases_like(&filter).await?, images, now) {
            Some(Excuse::Replaced) => return Ok(Due::Met),
            Some(Excuse::ExceptionUntil(end)) => return Ok(Due::NotBefore(end)),
            None => {}
        }
        let runs = match &parsed {
            Some(target) => self.runs(target, revision, images).await,
            None => Ok(true),
        };
        Ok(match (conforms, runs) {
            (_, Ok(false)) => Due::Met,
            (Ok(_), Ok(true)) => Due::Missed,
            (Ok(_), Err(outage)) => Due::Untold {
                why: outage.to_string(),
                own: Own::NeverAttested,
            },
            (Err(why), _) => Due::Untold {
                why,
                own: Own::NotVerified,
            },
        })
    }

    /// Whether the images conform now, or why nobody can tell.
    async fn conforms(&self, target: &Target, images: &[String]) -> Result<bool, String> {
        let Some(appraiser) = &self.appraiser else {
            return Err("there is no gate here that could verify attestations".to_owned());
        };
        let appraisal = appraiser.appraise(target, images).await;
        let appraisal = appraisal.map_err(|outage| outage.to_string())?;
        let conforms = |image: &AppraisedImage| image.verdict == Verdict::Conformant;
        Ok(appraisal.images.iter().all(conforms))
    }

    /// Whether the images may still be running there. Where that cannot be read at all, they are.
    async fn runs(
        &self,
        target: &Target,
        revision: Option<&str>,
        images: &[String],
    ) -> Result<bool, Unavailable> {
        let Some(runtime) = &self.runtime else {
            return Ok(true);
        };
        match runtime.state(target).await {
            Ok(state) => Ok(still_runs(&state, revision, images)),
            Err(error) if error.permanent => Ok(true),
            Err(outage) => Err(outage),
        }
    }

    /// Asks again later, so that what nobody can tell today holds up nothing else; and once it was asked
    /// for long enough, tells that.
    async fn untold(
        &self,
        expectation: Expectation,
        why: &str,
        own: Own,
        now: Timestamp,
    ) -> Result<usize, Unavailable> {
        tracing::warn!(why, "whether a break-glass image was attested is not known");
        let since = expectation.untold_since.unwrap_or(now);
        if now.duration_since(since) < GIVE_UP {
            let later = now.checked_add(PUT_OFF).unwrap_or(now);
            return self.put_off(expectation, later, Some(since)).await;
        }
        let finding = match own {
            Own::NeverAttested => expectation.finding.clone(),
            own => self.not_told(&expectation, own, why),
        };
        self.settle(&expectation, Some(finding), now).await
    }

    /// An outage is not "never attested": it has words and a severity of its own.
    fn not_told(&self, expectation: &Expectation, own: Own, why: &str) -> Finding {
        let (detection, expected) = (self.catalogue.own(own), &expectation.finding);
        let (key, source) = (&expectation.event_key, expected.source.clone());
        let mut finding = Finding {
            actor: expected.actor.clone(),
            target: expected.target.clone(),
            revision: expected.revision.clone(),
            images: expected.images.clone(),
            justification: expected.justification.clone(),
            ..blank(detection, key, expected.at, source)
        };
        finding.summary = rendered(&detection.summary, &finding, why);
        finding
    }

    async fn put_off(
        &self,
        expectation: Expectation,
        due_at: Timestamp,
        untold_since: Option<Timestamp>,
    ) -> Result<usize, Unavailable> {
        let later = Expectation {
            due_at,
            untold_since,
            ..expectation
        };
        let change = Change {
            settled: vec![later.id.clone()],
            expectations: vec![later],
            ..Change::default()
        };
        self.store.commit(change).await?;
        Ok(0)
    }

    /// Writes what became of an expectation, once.
    async fn settle(
        &self,
        expectation: &Expectation,
        finding: Option<Finding>,
        now: Timestamp,
    ) -> Result<usize, Unavailable> {
        let observed = finding.map(|finding| Observed {
            finding: Finding { at: now, ..finding },
            event_key: expectation.event_key.clone(),
            operation: None,
        });
        let key = format!("expectation|{}|{}", expectation.id, expectation.due_at);
        let seen = seen(key.clone(), Digest::of(key.as_bytes()), &[], now);
        let intake = Intake {
            sequel: Sequel {
                settled: vec![expectation.id.clone()],
                ..Sequel::default()
            },
            ..Intake::of_own(seen, observed.into_iter().collect())
        };
        self.written_once(&intake).await
    }
}

#[cfg(test)]
mod tests;
