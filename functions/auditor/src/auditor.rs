//! Takes events in: reads, classifies, decides, writes. What it returned `Ok` for is written.

mod cases;
mod expectations;
mod lookout;
mod parts;
mod set_up;
mod source;
mod verify;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postern_core::change::{Quarantined, SeenEvent};
use postern_core::decision::Decision;
use postern_core::entry::{Entry, EventReceipt, Record};
use postern_core::event::AuditEvent;
use postern_core::finding::{BypassedVerdict, Category, Finding, VerdictSource};
use postern_core::image::Digest;
use postern_core::memory::{Expectation, Memory};
use postern_core::ports::{Appraiser, AuditStore, Committed, Runtime, Unavailable};
use postern_core::reason::Verdict;
use postern_host::problem::quoted;

use crate::case::Rules;
use crate::classify::{Observed, classify_as, reused_id, unreadable};
use crate::correlation::{Clues, people};
use crate::decide::{Intake, Sequel, Standing, decide};
use crate::detection::Catalogue;
use crate::journal;
use crate::ledger::Ledger;
use crate::owners::{Labels, labels_of};
use crate::parse::{self, Form, Unreadable, split};
use crate::subject::Subject;
use crate::watch::Watch;

pub use self::cases::{NotTaken, Ticked};

pub(crate) use self::source::AtSource;

/// A case that others change at the same time is read again this often.
const TRIES: usize = 16;
/// What is expected of an event that arrives late is given so long, at least: nobody could have
/// known of it.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// The most reasons that a finding repeats.
const REASONS: usize = 16;
/// How long the gate's opinion of a break-glass is waited for: the delivery waits, too.
const PATIENCE_WITH_GATE: std::time::Duration = std::time::Duration::from_secs(5);

/// Whose entries are believed, and from where. Empty: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Believed {
    /// Projects (`organizations/N`, `folders/N`, `billingAccounts/N`) and AWS accounts whose entries
    /// are expected.
    pub projects: Vec<String>,
    /// Subscriptions that may deliver, `projects/P/subscriptions/S`.
    pub subscriptions: Vec<String>,
}

impl From<&postern_host::config::Audit> for Believed {
    fn from(audit: &postern_host::config::Audit) -> Self {
        Self {
            projects: audit.projects.clone(),
            subscriptions: audit.subscriptions.clone(),
        }
    }
}

/// What became of a delivery. Whichever it is, it is durable and may be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is recorded, with so many findings.
    Recorded(usize),
    /// It is a part of an entry, and kept until the others are there.
    Kept,
    /// It was recorded before.
    Known,
    /// It could not be read, and is kept as it came.
    Quarantined,
}

/// The auditor over its state.
pub struct Auditor {
    store: Arc<dyn AuditStore>,
    catalogue: Catalogue,
    believed: Believed,
    watch: Watch,
    rules: Arc<Rules>,
    appraiser: Option<Arc<dyn Appraiser>>,
    runtime: Option<Arc<dyn Runtime>>,
    ledger: Option<Arc<Ledger>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    on_alert: Arc<dyn Fn() + Send + Sync>,
}

impl Auditor {
    /// Whether this subscription may deliver. With none configured, any may.
    pub fn believes_subscription(&self, name: Option<&str>) -> bool {
        let known = &self.believed.subscriptions;
        known.is_empty() || name.is_some_and(|name| known.iter().any(|known| known == name))
    }

    /// Takes one entry in, as it was delivered by `route`.
    ///
    /// # Errors
    /// If the state could not be read or written. Nothing was changed; deliver it again.
    pub async fn receive(
        &self,
        raw: &[u8],
        route: &str,
        form: Form,
    ) -> Result<Received, Unavailable> {
        if form != Form::CloudTrail
            && let Some(part) = split::part(raw)
        {
            return self.receive_part(&part, raw, route, form).await;
        }
        match parse::event(raw, form).and_then(|event| self.expected(event)) {
            Ok(event) => self.receive_event(event, raw).await,
            Err(reason) => self.quarantine(raw, route, &reason).await,
        }
    }

    /// Keeps a delivery that holds no entry.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn quarantine(
        &self,
        raw: &[u8],
        route: &str,
        reason: &Unreadable,
    ) -> Result<Received, Unavailable> {
        let now = (self.clock)();
        tracing::warn!(route, %reason, "an entry could not be read and is kept in quarantine");
        count("unreadable", "other");
        let observed = unreadable(&self.catalogue, raw, route, reason, now);
        let intake = Intake {
            seen: seen(observed.event_key.clone(), Digest::of(raw), raw, now),
            receipt: Some(receipt(observed.event_key.clone(), raw, false)),
            quarantine: Some(Quarantined {
                id: new_id(),
                received_at: now,
                route: quoted(route),
                reason: reason.to_string(),
                raw: raw.to_vec(),
            }),
            entries: Vec::new(),
            observed: vec![observed],
            labels: Labels::default(),
            sequel: Sequel::default(),
        };
        Ok(match self.take(&intake, &Clues::default()).await? {
            Taken::Written(_) => Received::Quarantined,
            Taken::Known | Taken::Reused => Received::Known,
        })
    }

    /// Looks at a decision that the gate has journalled under the decision's id.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn record_decision(&self, decision: &Decision) -> Result<Received, Unavailable> {
        self.record(&Entry {
            id: decision.id.clone(),
            at: decision.decided_at,
            record: Record::Decision(Box::new(decision.clone())),
        })
        .await
    }

    /// Looks at an entry that is in the journal already.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub async fn record(&self, entry: &Entry) -> Result<Received, Unavailable> {
        if let Record::TrustChange(change) = &entry.record {
            return self.receive_own(&change.audit_entry).await;
        }
        if journal::findings_of_entry(&self.catalogue, entry).is_empty() {
            return Ok(Received::Recorded(0));
        }
        self.take_entry(entry, false).await
    }

    /// Takes an entry of the spool into the journal, under its own id, and looks at it.
    ///
    /// # Errors
    /// As [`Self::receive`]. The entry stays in the spool until this is `Ok`.
    pub async fn take_in(&self, entry: &Entry) -> Result<Received, Unavailable> {
        self.take_entry(entry, true).await
    }

    /// Takes in what the trust function tells of itself: whatever project it is of, it is expected.
    async fn receive_own(&self, audit_entry: &str) -> Result<Received, Unavailable> {
        let raw = audit_entry.as_bytes();
        match parse::event(raw, Form::LogEntry) {
            Ok(event) => self.receive_event(event, raw).await,
            Err(reason) => self.quarantine(raw, "trust", &reason).await,
        }
    }

    fn expected(&self, event: AuditEvent) -> Result<AuditEvent, Unreadable> {
        let known = &self.believed.projects;
        // As written there: a project's id, `organizations/N`, `folders/N`, `billingAccounts/N`, or
        // an AWS account.
        if known.is_empty() || known.contains(&event.project) {
            Ok(event)
        } else {
            Err(Unreadable::UnexpectedProject(quoted(&event.project)))
        }
    }

    async fn receive_event(&self, event: AuditEvent, raw: &[u8]) -> Result<Received, Unavailable> {
        let now = (self.clock)();
        let key = event.key();
        let (mut observed, clues) = self.read(&event, &key);
        self.say_what_was_bypassed(&mut observed).await;
        let intake = self.intake(&event, (key, event.content()), raw, observed, now);
        let outcome = match self.take(&intake, &clues).await? {
            Taken::Written(findings) => Received::Recorded(findings),
            Taken::Known => Received::Known,
            Taken::Reused => self.receive_reused(&event, raw, now).await?,
        };
        count(outcome.as_str(), event.stream.as_str());
        Ok(outcome)
    }

    /// An id that was used before with other content: that is a finding, and what the event says is
    /// not dropped for it.
    async fn receive_reused(
        &self,
        event: &AuditEvent,
        raw: &[u8],
        now: Timestamp,
    ) -> Result<Received, Unavailable> {
        let content = event.content();
        let key = format!("{}|{content}", event.key());
        let (mut observed, clues) = self.read(event, &key);
        observed.insert(0, reused_id(&self.catalogue, event, &key, now));
        let intake = self.intake(event, (key, content), raw, observed, now);
        self.taken(&intake, &clues).await
    }

    /// Where the log does not say what a break-glass bypassed, the gate's own opinion does. Without
    /// one it stays unknown: the emergency is told all the same.
    async fn say_what_was_bypassed(&self, observed: &mut [Observed]) {
        let Some(appraiser) = &self.appraiser else {
            return;
        };
        let unknown = |finding: &&mut Finding| {
            finding.category == Category::BreakGlass
                && finding.bypassed.is_none()
                && !finding.images.is_empty()
        };
        let findings = observed.iter_mut().map(|observed| &mut observed.finding);
        for finding in findings.filter(unknown) {
            let Some(Ok(target)) = finding.target.as_deref().map(str::parse) else {
                continue;
            };
            let asked = appraiser.appraise(&target, &finding.images);
            let Ok(Ok(appraisal)) = tokio::time::timeout(PATIENCE_WITH_GATE, asked).await else {
                continue;
            };
            let worst = appraisal.images.iter().map(|image| image.verdict).max();
            let reasons = appraisal.images.into_iter().flat_map(|image| image.reasons);
            if let Some(verdict) = worst {
                finding.bypassed = Some(verdict == Verdict::NonConformant);
                finding.bypassed_verdict = Some(BypassedVerdict {
                    verdict,
                    reasons: reasons.take(REASONS).collect(),
                    source: VerdictSource::Gate,
                });
            }
        }
    }

    /// What an event says under this key, by itself and for others.
    fn read(&self, event: &AuditEvent, key: &str) -> (Vec<Observed>, Clues) {
        let observed = classify_as(&self.catalogue, event, key);
        let subject = Subject::of(event);
        let clues = Clues::of(
            &self.catalogue,
            &self.watch,
            event,
            &subject,
            &observed,
            key,
        );
        (observed, clues)
    }

    fn intake(
        &self,
        event: &AuditEvent,
        (key, content): (String, Digest),
        raw: &[u8],
        observed: Vec<Observed>,
        now: Timestamp,
    ) -> Intake {
        Intake {
            seen: seen(key.clone(), content, raw, now),
            receipt: Some(receipt(key, raw, true)),
            quarantine: None,
            entries: Vec::new(),
            observed,
            labels: labels_of(event),
            sequel: Sequel {
                heard: (!event.project.is_empty()).then(|| (event.project.clone(), now)),
                ..Sequel::default()
            },
        }
    }

    async fn take_entry(&self, entry: &Entry, append: bool) -> Result<Received, Unavailable> {
        let unwritable = |e: serde_json::Error| Unavailable::new("journal entry", e);
        let now = (self.clock)();
        let intake = journal::intake(&self.catalogue, entry, append, now).map_err(unwritable)?;
        let clues = Clues::of_findings(&self.catalogue, &self.watch, &intake.observed);
        let reused = match self.take(&intake, &clues).await? {
            Taken::Written(findings) => return Ok(Received::Recorded(findings)),
            Taken::Known => return Ok(Received::Known),
            Taken::Reused => journal::reused(&self.catalogue, intake, &entry.id, now),
        };
        self.taken(&reused, &Clues::default()).await
    }

    async fn taken(&self, intake: &Intake, clues: &Clues) -> Result<Received, Unavailable> {
        Ok(match self.take(intake, clues).await? {
            Taken::Written(findings) => Received::Recorded(findings),
            Taken::Known | Taken::Reused => Received::Known,
        })
    }

    async fn take(&self, intake: &Intake, clues: &Clues) -> Result<Taken, Unavailable> {
        for _ in 0..TRIES {
            let intake = self.weighed(intake, clues).await?;
            let keys = intake.correlation_keys();
            let mut snapshot = self.store.snapshot(&intake.seen.key, &keys).await?;
            match intake.standing(&snapshot) {
                Standing::Known => return Ok(Taken::Known),
                Standing::Reused => return Ok(Taken::Reused),
                Standing::New => {}
            }
            snapshot.drills = self.drills_at(&intake).await?;
            let change = decide(&snapshot, &intake, &self.rules, (self.clock)(), &mut new_id);
            let alerts = !change.outbox.is_empty();
            match self.store.commit(change).await? {
                Committed::Written => {
                    self.written(&intake, alerts);
                    return Ok(Taken::Written(intake.observed.len()));
                }
                Committed::AlreadySeen => return Ok(Taken::Known),
                Committed::SeenWithOtherContent => return Ok(Taken::Reused),
                Committed::Stale => {}
            }
        }
        Err(Unavailable::new(
            "cases",
            "a case was changed by others all the time",
        ))
    }

    /// The intake with what only the memory can make of it.
    async fn weighed(&self, intake: &Intake, clues: &Clues) -> Result<Intake, Unavailable> {
        let mut questions = clues.questions.clone();
        let findings = intake.observed.iter().map(|observed| &observed.finding);
        questions.facts.extend(people::asked(findings));
        let asks = !questions.facts.is_empty() || !questions.decisions.is_empty();
        let memory = match asks {
            true => self.store.recall(&questions).await?,
            false => Memory::default(),
        };
        let weighed = clues.weigh(&memory, &intake.observed);
        let mut intake = intake.clone();
        intake.observed = weighed.found;
        intake.sequel.facts.extend(weighed.facts);
        intake.sequel.facts.extend(people::told(&intake.observed));
        let findings = intake.observed.iter().map(|observed| &observed.finding);
        let behind = |finding: &Finding| {
            let behind = people::behind(finding, &memory).collect();
            (finding.id.clone(), behind)
        };
        intake.sequel.behind = findings.map(behind).collect();
        let now = (self.clock)();
        let soonest = now.checked_add(LATE).unwrap_or(now);
        let expected = clues.expectations.iter().cloned();
        let expected = expected.map(|expectation| Expectation {
            due_at: expectation.due_at.max(soonest),
            ..expectation
        });
        intake.sequel.expectations.extend(expected);
        intake.sequel.remembered = memory.shown(&questions);
        Ok(intake)
    }

    fn written(&self, intake: &Intake, alerts: bool) {
        for observed in &intake.observed {
            let finding = &observed.finding;
            metrics::counter!("postern_audit_findings_total", "detection" => finding.detection.clone())
                .increment(1);
            tracing::info!(
                detection = finding.detection,
                finding = finding.id,
                target = finding.target,
                "{}",
                finding.summary
            );
        }
        if alerts {
            (self.on_alert)();
        }
    }
}

enum Taken {
    /// With so many findings.
    Written(usize),
    Known,
    Reused,
}

impl Received {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded(_) => "recorded",
            Self::Kept => "kept",
            Self::Known => "known",
            Self::Quarantined => "quarantined",
        }
    }
}

fn seen(key: String, content: Digest, raw: &[u8], now: Timestamp) -> SeenEvent {
    SeenEvent {
        key,
        content,
        received_at: now,
        raw: raw.to_vec(),
    }
}

fn receipt(event_key: String, raw: &[u8], readable: bool) -> EventReceipt {
    EventReceipt {
        event_key,
        raw_sha256: Digest::of(raw),
        readable,
    }
}

fn new_id() -> String {
    ulid::Ulid::new().to_string()
}

fn count(outcome: &'static str, stream: &'static str) {
    metrics::counter!("postern_audit_events_total", "outcome" => outcome, "log" => stream)
        .increment(1);
}

#[cfg(test)]
mod tests;
