//! What people, and time, do to cases.

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, Drill};
use postern_core::change::Change;
use postern_core::entry::{Entry, Record};
use postern_core::finding::Category;
use postern_core::ports::{CaseFilter, Committed, Unavailable};

use super::{Auditor, new_id};
use crate::case::{
    self, Actor, DrillRequest, Known, Overdue, Refusal, Stats, Step, Verified, after_step,
    after_time, declare, hash_of, needs_verification,
};
use crate::correlation::people;
use crate::decide::Intake;

/// Cases that one tick looks at; the next one goes on.
const TICK_LIMIT: u32 = 500;
/// Cases that are read at once to count them.
const PAGE: u32 = 500;
/// Cases that are counted at most.
const COUNTED: usize = 20_000;

/// Why a step was not taken. The case is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such case.
    #[error("there is no such case")]
    NoSuchCase,
    /// The case has moved on since the caller looked at it.
    #[error("the case has changed since it was looked at: it is at revision {0} now")]
    MovedOn(u64),
    /// Something that is needed could not be reached, read or written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What a tick did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Ticked {
    /// Cases whose next step was not taken in time.
    pub escalated: usize,
    /// Cases whose exception has ended.
    pub reopened: usize,
    /// Findings of what has not come: silence, missing parts, what should have happened by now.
    pub found: usize,
}

impl Ticked {
    /// All cases that were changed.
    pub const fn cases(self) -> usize {
        self.escalated + self.reopened
    }
}

impl Auditor {
    /// Cases that pass a filter, newest first.
    ///
    /// # Errors
    /// If they could not be read.
    pub async fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, Unavailable> {
        self.store.cases_like(filter).await
    }

    /// One case.
    ///
    /// # Errors
    /// If it could not be read.
    pub async fn case(&self, id: &str) -> Result<Option<Case>, Unavailable> {
        self.store.case(id).await
    }

    /// Takes a step of a case that the caller saw at `revision`: all of it is written, or nothing.
    ///
    /// # Errors
    /// If a rule forbids it, the case has moved on, or something could not be verified or written.
    pub async fn walk(
        &self,
        id: &str,
        revision: u64,
        step: &Step,
        actor: &Actor,
    ) -> Result<Case, NotTaken> {
        let taken = self.try_walk(id, revision, step, actor).await;
        let outcome = match &taken {
            Ok(_) => "taken",
            Err(NotTaken::Refused(_)) => "refused",
            Err(NotTaken::Unavailable(_)) => "unavailable",
            Err(_) => "stale",
        };
        metrics::counter!("postern_case_steps_total", "outcome" => outcome).increment(1);
        if let Err(NotTaken::Refused(refusal)) = &taken {
            tracing::info!(
                case = id,
                by = actor.name,
                code = refusal.code(),
                "a step of a case was refused"
            );
        }
        taken
    }

    async fn try_walk(
        &self,
        id: &str,
        revision: u64,
        step: &Step,
        actor: &Actor,
    ) -> Result<Case, NotTaken> {
        let mut case = self.store.case(id).await?.ok_or(NotTaken::NoSuchCase)?;
        if case.revision != revision {
            return Err(NotTaken::MovedOn(case.revision));
        }
        self.name_people(&mut case).await?;
        let now = (self.clock)();
        let known = Known {
            justified_elsewhere: self.elsewhere(&case, step).await?,
            verified: Verified::default(),
        };
        let next = match case::walk(&case, step, actor, now, &self.rules, &known) {
            // Everything else is in order: now it is worth looking at the world.
            Err(Refusal::NotAttestedOrReplaced { .. }) if needs_verification(&case, step) => {
                let known = Known {
                    verified: self.verify(&case).await?,
                    ..known
                };
                case::walk(&case, step, actor, now, &self.rules, &known)?
            }
            walked => walked?,
        };
        let once = !self.rules.allow_repeats;
        let change = after_step(next.clone(), step.action, once, now, &mut new_id);
        match self.store.commit(change).await? {
            Committed::Written => {
                (self.on_alert)();
                Ok(next)
            }
            _ => Err(self.overtaken(&case, step).await?),
        }
    }

    /// Names those behind findings that name machines only, who may have come to be known since.
    async fn name_people(&self, case: &mut Case) -> Result<(), Unavailable> {
        let questions = people::asked_of(case);
        if questions.facts.is_empty() {
            return Ok(());
        }
        let memory = self.store.recall(&questions).await?;
        let behind = case
            .findings
            .iter()
            .flat_map(|finding| people::behind(finding, &memory));
        for name in behind.collect::<Vec<_>>() {
            if !case.actors.contains(&name) {
                case.actors.push(name);
            }
        }
        Ok(())
    }

    /// Why what was in order a moment ago is not any more.
    async fn overtaken(&self, case: &Case, step: &Step) -> Result<NotTaken, Unavailable> {
        if let Some(case) = self.elsewhere(case, step).await? {
            return Ok(Refusal::JustificationRepeated { case }.into());
        }
        let now = self.store.case(&case.id).await?;
        Ok(now.map_or(NotTaken::NoSuchCase, |case| {
            NotTaken::MovedOn(case.revision)
        }))
    }

    async fn elsewhere(&self, case: &Case, step: &Step) -> Result<Option<String>, Unavailable> {
        match &step.comment {
            Some(text) if step.action == CaseAction::Justified && !self.rules.allow_repeats => {
                self.store
                    .justified_elsewhere(&hash_of(text), &case.id)
                    .await
            }
            _ => Ok(None),
        }
    }

    /// Does what time alone makes due: escalates what nobody looked at, opens again what was let
    /// stand until now, signs the record. Idempotent.
    ///
    /// # Errors
    /// If cases could not be read or written; the next tick goes on.
    pub async fn tick(&self, now: Timestamp) -> Result<Ticked, Unavailable> {
        // An outage of the one is no reason to leave the other.
        let walked = self.walk_overdue(now).await;
        let found = self.look_out(now).await;
        let signed = self.sign(now).await;
        let ticked = Ticked {
            found: found?,
            ..walked?
        };
        signed.map(|()| ticked)
    }

    /// What cannot be signed is an outage of the record: the tick fails until somebody looks.
    async fn sign(&self, now: Timestamp) -> Result<(), Unavailable> {
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        let signed = ledger.tick(now).await;
        signed.map_err(|error| Unavailable::new("ledger", error))
    }

    async fn walk_overdue(&self, now: Timestamp) -> Result<Ticked, Unavailable> {
        let mut ticked = Ticked::default();
        let cases = self.store.overdue(now, TICK_LIMIT).await?;
        for overdue in case::due(&cases, now, &self.rules) {
            let action = overdue.action;
            if self.write_overdue(overdue, now).await? {
                match action {
                    CaseAction::Reopened => ticked.reopened += 1,
                    _ => ticked.escalated += 1,
                }
            }
        }
        if ticked.cases() > 0 {
            tracing::warn!(ticked.escalated, ticked.reopened, "cases were overdue");
            (self.on_alert)();
        }
        Ok(ticked)
    }

    /// `false`: somebody has taken a step meanwhile. What is due then is for the next tick.
    async fn write_overdue(&self, overdue: Overdue, now: Timestamp) -> Result<bool, Unavailable> {
        let change = after_time(&self.catalogue, overdue, now, &mut new_id);
        Ok(self.store.commit(change).await? == Committed::Written)
    }

    /// Declares a drill.
    ///
    /// # Errors
    /// If the actor may not, or it could not be written.
    pub async fn declare_drill(
        &self,
        request: &DrillRequest,
        actor: &Actor,
    ) -> Result<Drill, NotTaken> {
        let now = (self.clock)();
        let drill = declare(request, actor, now, new_id())?;
        let change = Change {
            entries: vec![Entry {
                id: new_id(),
                at: now,
                record: Record::Drill(drill.clone()),
            }],
            drills: vec![drill.clone()],
            ..Change::default()
        };
        self.store.commit(change).await?;
        Ok(drill)
    }

    /// Counts the uses of the emergency door.
    ///
    /// # Errors
    /// If cases could not be read.
    pub async fn stats(&self, since: Option<Timestamp>) -> Result<Stats, Unavailable> {
        let mut cases: Vec<Case> = Vec::new();
        let mut truncated = false;
        loop {
            let filter = CaseFilter {
                category: Some(Category::BreakGlass),
                since,
                before: cases.last().map(|case| case.id.clone()),
                limit: PAGE,
                ..CaseFilter::default()
            };
            let page = self.store.cases_like(&filter).await?;
            let last = page.len() < PAGE as usize;
            cases.extend(page);
            if last {
                break;
            }
            if cases.len() >= COUNTED {
                truncated = true;
                break;
            }
        }
        Ok(case::stats(&cases, since, truncated, &self.rules))
    }

    /// The drills at the targets of the break-glass findings that arrive.
    pub(super) async fn drills_at(&self, intake: &Intake) -> Result<Vec<Drill>, Unavailable> {
        let mut drills = Vec::new();
        for observed in &intake.observed {
            let finding = &observed.finding;
            if let Some(target) = &finding.target
                && finding.category == Category::BreakGlass
            {
                drills.extend(self.store.drills(target, finding.at).await?);
            }
        }
        Ok(drills)
    }
}

#[cfg(test)]
mod tests;
