//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::case::{Case, CaseState, Drill};
use postern_core::change::{Change, Notification, UsedJustification};
use postern_core::entry::{Entry, Signing};
use postern_core::event::AuditEvent;
use postern_core::image::Digest;
use postern_core::ports::{AuditStore, CaseFilter, Committed, Snapshot, Unavailable};
use serde::Deserialize;
use serde_json::Value;

use crate::detection::{Catalogue, Samples};
use crate::parse::{self, Form};

#[derive(Deserialize)]
struct Table {
    entries: Samples,
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::embedded().unwrap()
}

/// An entry of the committed table. Synthetic.
pub(crate) fn entry(name: &str) -> Value {
    let table: Table = serde_saphyr::from_str(include_str!("../tests/table.yaml")).unwrap();
    let entries = table.entries.bytes().unwrap();
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

/// A store in memory, with an outage on request.
#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) state: Mutex<State>,
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
        if let Some(seen) = &change.seen {
            match state.seen.get(&seen.key) {
                Some(content) if *content == seen.content => return Ok(Committed::AlreadySeen),
                Some(_) => return Ok(Committed::SeenWithOtherContent),
                None => {}
            }
            state.seen.insert(seen.key.clone(), seen.content);
        }
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

    async fn cases(&self, limit: u32) -> Result<Vec<Case>, Unavailable> {
        let cases = self
            .up()?
            .cases
            .values()
            .rev()
            .take(limit as usize)
            .cloned()
            .collect();
        Ok(cases)
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
