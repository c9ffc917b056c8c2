//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState, CaseStep, ClosedAs, Drill};
use postern_core::change::{Change, Notification, UsedJustification};
use postern_core::entry::{Entry, Signing};
use postern_core::event::AuditEvent;
use postern_core::finding::Finding;
use postern_core::image::Digest;
use postern_core::memory::{
    Decided, DecisionQuestion, Expectation, Fact, Memory, Outcome, PastDecision, Questions,
};
use postern_core::ports::{AuditStore, CaseFilter, Committed, Part, Snapshot, Unavailable};
use postern_host::config::Right;
use serde::Deserialize;
use serde_json::Value;

use crate::case::Actor;
use crate::classify::classify;
use crate::detection::{Catalogue, Samples};
use crate::parse::{self, Form};

#[derive(Deserialize)]
struct Table {
    entries: Samples,
}

/// Compiled once: every test takes its own copy.
pub(crate) fn catalogue() -> Catalogue {
    static COMPILED: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());
    COMPILED.clone()
}

/// An entry of the committed table. Synthetic.
pub(crate) fn entry(name: &str) -> Value {
    static TABLE: LazyLock<Table> =
        LazyLock::new(|| serde_saphyr::from_str(include_str!("../tests/table.yaml")).unwrap());
    let entries = TABLE.entries.bytes().unwrap();
    let (_, bytes) = entries
        .iter()
        .find(|(sample, _)| sample.name == name)
        .unwrap();
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn patched(entry: &Value, changes: &[(&str, Value)]) -> Value {
    let mut entry = entry.clone();
    for (pointer, value) in changes {
        crate::detection::set(&mut entry, pointer, value.clone()).unwrap();
    }
    entry
}

pub(crate) fn read(entry: &Value) -> AuditEvent {
    parse::event(entry.to_string().as_bytes(), Form::LogEntry).unwrap()
}

static FINDING: LazyLock<Finding> = LazyLock::new(|| {
    let event = read(&entry("cloud-run-break-glass"));
    classify(&catalogue(), &event).remove(0).finding
});

/// A break-glass case that stands here, of `night-duty@example.com`. Synthetic.
pub(crate) fn case(state: CaseState) -> Case {
    let finding = FINDING.clone();
    let opened_at = "2026-03-03T05:00:10Z".parse().unwrap();
    let step = |by: &str, action| CaseStep {
        at: opened_at,
        by: by.to_owned(),
        action,
        comment: None,
    };
    let steps = [
        step("postern", CaseAction::Opened),
        step("responder@example.com", CaseAction::Acknowledged),
        step("responder@example.com", CaseAction::Justified),
        step("approver@example.com", CaseAction::Closed),
    ];
    let taken = match state {
        CaseState::Open => 1,
        CaseState::Acknowledged => 2,
        CaseState::Justified => 3,
        CaseState::Closed => 4,
    };
    Case {
        revision: taken as u64,
        state,
        due_at: "2026-03-04T05:00:10Z".parse().ok().filter(|_| taken < 4),
        target: finding.target.clone(),
        actors: vec!["night-duty@example.com".to_owned()],
        justification: (taken > 2).then(|| "payments were down, INC-4711".to_owned()),
        closed_as: (taken > 3).then_some(ClosedAs::Attested),
        findings: vec![finding.clone()],
        finding_count: 1,
        history: steps[..taken].to_vec(),
        ..Case::new("01CASE", finding.category, finding.severity, opened_at)
    }
}

/// Somebody with an identity and these rights.
pub(crate) fn person(name: &str, rights: &[Right]) -> Actor {
    Actor {
        name: name.to_owned(),
        second_person: true,
        rights: rights.iter().copied().collect(),
        also: Vec::new(),
    }
}

/// A store in memory, with an outage on request.
#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) state: Mutex<State>,
    /// What the next snapshots wait for.
    pub(crate) held: Mutex<Option<Arc<tokio::sync::Notify>>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) seen: BTreeMap<String, Digest>,
    pub(crate) cases: BTreeMap<String, Case>,
    pub(crate) keys: BTreeMap<String, String>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) outbox: Vec<Notification>,
    pub(crate) quarantined: Vec<Vec<u8>>,
    pub(crate) justifications: Vec<UsedJustification>,
    pub(crate) drills: Vec<Drill>,
    pub(crate) signings: Vec<Signing>,
    pub(crate) outage: bool,
    /// So many commits are refused as stale.
    pub(crate) stale: usize,
    pub(crate) past: Past,
    pub(crate) expectations: BTreeMap<String, Expectation>,
    pub(crate) heard: BTreeMap<String, Timestamp>,
    pub(crate) parts: Vec<Part>,
}

/// What is remembered, without any limit.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) facts: BTreeMap<String, Vec<Fact>>,
    /// By digest and target.
    pub(crate) decisions: Vec<(Digest, String, PastDecision)>,
    pub(crate) attested: Vec<String>,
}

impl Past {
    pub(crate) fn add(&mut self, facts: impl IntoIterator<Item = Fact>) {
        for fact in facts {
            let known = self.facts.entry(fact.key.clone()).or_default();
            if known.iter().all(|known| known.source != fact.source) {
                known.push(fact);
                known.sort_by_key(|fact| fact.at);
            }
        }
    }

    pub(crate) fn recall(&self, questions: &Questions) -> Memory {
        let mut memory = Memory::default();
        for asked in &questions.facts {
            let shown = memory.facts.entry(asked.key.clone()).or_default();
            let known = self.facts.get(&asked.key).into_iter().flatten();
            shown.extend(known.filter(|fact| asked.asks_for(fact.at)).cloned());
            shown.sort_by(|a, b| (a.at, &a.source).cmp(&(b.at, &b.source)));
            shown.dedup();
            memory
                .marks
                .insert(asked.key.clone(), self.mark(&asked.key));
        }
        for asked in &questions.decisions {
            memory.decisions.insert(asked.clone(), self.decided(asked));
            if self
                .decisions
                .iter()
                .any(|(_, known, _)| *known == asked.target)
            {
                memory.gated.insert(asked.target.clone());
            }
        }
        let attested = questions.payloads.iter();
        let attested = attested.filter(|payload| self.attested.contains(payload));
        memory.attested.extend(attested.cloned());
        memory
    }

    fn mark(&self, key: &str) -> i64 {
        self.facts.get(key).map_or(0, |facts| facts.len() as i64)
    }

    fn decided(&self, asked: &DecisionQuestion) -> Decided {
        let of_it = |(digest, target, decision): &(Digest, String, PastDecision)| {
            (*digest == asked.digest && *target == asked.target).then(|| decision.clone())
        };
        let mut known: Vec<_> = self.decisions.iter().filter_map(of_it).collect();
        known.sort_by_key(|decision| decision.at);
        let (before, after): (Vec<_>, Vec<_>) = known.into_iter().partition(|d| d.at <= asked.at);
        let soon = |decision: &PastDecision| {
            decision.outcome != Outcome::Denied
                && decision.at.duration_since(asked.at) <= Decided::TOLERANCE
        };
        Decided {
            before: before.into_iter().next_back(),
            let_through_after: after.into_iter().find(soon),
        }
    }
}

impl MemoryStore {
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock().unwrap())
    }

    fn up(&self) -> Result<std::sync::MutexGuard<'_, State>, Unavailable> {
        let state = self.state.lock().unwrap();
        if state.outage {
            Err(Unavailable::new("store", "is down"))
        } else {
            Ok(state)
        }
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn snapshot(&self, event_key: &str, keys: &[String]) -> Result<Snapshot, Unavailable> {
        let held = self.held.lock().unwrap().clone();
        if let Some(held) = held {
            held.notified().await;
        }
        let state = self.up()?;
        let open = |id: &String| {
            state
                .cases
                .get(id)
                .filter(|case| case.state != CaseState::Closed)
        };
        let case = |key: &String| Some((key.clone(), open(state.keys.get(key)?)?.clone()));
        Ok(Snapshot {
            seen: state.seen.get(event_key).copied(),
            cases: keys.iter().filter_map(case).collect(),
            drills: Vec::new(),
        })
    }

    async fn recall(&self, questions: &Questions) -> Result<Memory, Unavailable> {
        Ok(self.up()?.past.recall(questions))
    }

    async fn expectations(&self, due: Timestamp, _: u32) -> Result<Vec<Expectation>, Unavailable> {
        let state = self.up()?;
        Ok(state
            .expectations
            .values()
            .filter(|e| e.due_at <= due)
            .cloned()
            .collect())
    }

    async fn last_heard(&self) -> Result<BTreeMap<String, Timestamp>, Unavailable> {
        Ok(self.up()?.heard.clone())
    }

    async fn keep_part(&self, part: Part) -> Result<Vec<Part>, Unavailable> {
        let mut state = self.up()?;
        if !state
            .parts
            .iter()
            .any(|p| p.uid == part.uid && p.index == part.index)
        {
            state.parts.push(part.clone());
        }
        Ok(state
            .parts
            .iter()
            .filter(|p| p.uid == part.uid)
            .cloned()
            .collect())
    }

    async fn incomplete(&self, before: Timestamp) -> Result<Vec<Part>, Unavailable> {
        let state = self.up()?;
        Ok(state
            .parts
            .iter()
            .filter(|p| p.received_at < before)
            .cloned()
            .collect())
    }

    async fn forget_parts(&self, uid: &str) -> Result<(), Unavailable> {
        let mut state = self.up()?;
        let parts = state.parts.iter_mut().filter(|part| part.uid == uid);
        parts.for_each(|part| part.raw.clear());
        Ok(())
    }

    async fn commit(&self, change: Change) -> Result<Committed, Unavailable> {
        let mut state = self.up()?;
        if state.stale > 0 {
            state.stale -= 1;
            return Ok(Committed::Stale);
        }
        let shows = |key: &String| {
            let id = state.keys.get(key)?;
            let open = |case: &&Case| case.state != CaseState::Closed;
            state.cases.get(id).filter(open).map(|case| case.id.clone())
        };
        if change.read.iter().any(|(key, id)| shows(key) != *id) {
            return Ok(Committed::Stale);
        }
        let moved_on = |(key, mark): &(String, i64)| state.past.mark(key) != *mark;
        if change.remembered.iter().any(moved_on) {
            return Ok(Committed::Stale);
        }
        if let Some(seen) = &change.seen {
            match state.seen.get(&seen.key) {
                Some(content) if *content == seen.content => return Ok(Committed::AlreadySeen),
                Some(_) => return Ok(Committed::SeenWithOtherContent),
                None => {}
            }
            state.seen.insert(seen.key.clone(), seen.content);
        }
        state.past.add(change.facts);
        for id in change.settled {
            state.expectations.remove(&id);
        }
        for expectation in change.expectations {
            state
                .expectations
                .entry(expectation.id.clone())
                .or_insert(expectation);
        }
        state.heard.extend(change.heard);
        let revision = |case: &Case| state.cases.get(&case.id).map_or(0, |known| known.revision);
        if change
            .cases
            .iter()
            .any(|case| revision(case) + 1 != case.revision)
        {
            return Ok(Committed::Stale);
        }
        state.justifications.extend(change.justifications);
        state.drills.extend(change.drills);
        state.quarantined.extend(change.quarantine.map(|q| q.raw));
        state
            .cases
            .extend(change.cases.into_iter().map(|case| (case.id.clone(), case)));
        state
            .keys
            .extend(change.correlations.into_iter().map(|c| (c.key, c.case_id)));
        state.entries.extend(change.entries);
        state.outbox.extend(change.outbox);
        Ok(Committed::Written)
    }

    async fn case(&self, id: &str) -> Result<Option<Case>, Unavailable> {
        Ok(self.up()?.cases.get(id).cloned())
    }

    async fn cases_like(&self, filter: &CaseFilter) -> Result<Vec<Case>, Unavailable> {
        let state = self.up()?;
        let passes = |case: &&Case| {
            filter.state.is_none_or(|state| case.state == state)
                && filter
                    .category
                    .is_none_or(|category| case.category == category)
                && filter
                    .severity
                    .is_none_or(|severity| case.severity >= severity)
                && (filter.owner.is_none() || case.owner == filter.owner)
                && (filter.target.is_none() || case.target == filter.target)
                && filter.since.is_none_or(|since| case.opened_at >= since)
                && filter.before.as_ref().is_none_or(|id| case.id < *id)
        };
        let cases = state.cases.values().rev().filter(passes);
        Ok(cases.take(filter.limit as usize).cloned().collect())
    }

    async fn overdue(&self, _: Timestamp, limit: u32) -> Result<Vec<Case>, Unavailable> {
        Ok(self
            .up()?
            .cases
            .values()
            .take(limit as usize)
            .cloned()
            .collect())
    }

    async fn justified_elsewhere(
        &self,
        hash: &Digest,
        case_id: &str,
    ) -> Result<Option<String>, Unavailable> {
        let state = self.up()?;
        let mut used = state.justifications.iter();
        let other = used.find(|used| used.hash == *hash && used.case_id != case_id);
        Ok(other.map(|used| used.case_id.clone()))
    }

    async fn drills(&self, target: &str, at: Timestamp) -> Result<Vec<Drill>, Unavailable> {
        let state = self.up()?;
        let there =
            |drill: &&Drill| drill.target == target && drill.from <= at && at <= drill.until;
        Ok(state.drills.iter().filter(there).cloned().collect())
    }

    async fn signing(&self, occurrence: &str) -> Result<Option<Signing>, Unavailable> {
        let state = self.up()?;
        let of_it = |signing: &&Signing| signing.occurrence.as_deref() == Some(occurrence);
        Ok(state.signings.iter().find(of_it).cloned())
    }
}

/// A directory of detections, of its own for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("postern-detections-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }

    pub(crate) fn load(&self) -> Result<Catalogue, crate::detection::CatalogueError> {
        Catalogue::load(Some(&self.0), &Default::default())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever is left is in the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
