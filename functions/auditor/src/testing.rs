//! What the tests of this crate share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use async_trait::async_trait;
use postern_core::case::{Case, CaseState};
use postern_core::change::{Change, Notification};
use postern_core::entry::Entry;
use postern_core::event::AuditEvent;
use postern_core::image::Digest;
use postern_core::ports::{AuditStore, Committed, Snapshot, Unavailable};
use serde::Deserialize;
use serde_json::Value;

use crate::detection::{Catalogue, Samples};
use crate::parse::{self, Form};

#[derive(Deserialize)]
struct Table {
    entries: Samples,
}

/// The embedded detections, compiled once for all tests.
pub(crate) fn catalogue() -> Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());
    CATALOGUE.clone()
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
