//! Parts of split entries in memory, until their entry is complete.

use std::collections::BTreeMap;

use super::{Part, join};
use crate::parse::{ENTRY_LIMIT, Unreadable};

/// The most parts that are kept at a time, over all entries.
const KEPT_LIMIT: usize = 4096;
/// The most bytes that are kept at a time, over all entries.
const BYTES_LIMIT: usize = 256 * 1024 * 1024;

/// Collects parts until their entry is complete. Bounded: an entry has at most
/// [`super::PARTS_LIMIT`] parts of at most [`ENTRY_LIMIT`] bytes together, and with too many entries
/// under way the one that was begun first is given up.
#[derive(Debug, Default)]
pub struct Assembly {
    groups: BTreeMap<String, Group>,
    begun: u64,
    parts: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    begun: u64,
    uid: String,
    total: usize,
    parts: BTreeMap<usize, Vec<u8>>,
    bytes: usize,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is kept; others are missing.
    Kept,
    /// It was the last one: this is the entry.
    Complete(Vec<u8>),
    /// It, or an entry whose parts were here too long, is given up.
    GivenUp(GivenUp),
}

/// An entry that will not be complete, with one of its parts to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The first part that is there.
    pub raw: Vec<u8>,
    /// Why.
    pub reason: Unreadable,
}

impl Assembly {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes one part, with its bytes. The same part again changes nothing; another one in its place
    /// does not fit.
    pub fn take(&mut self, part: &Part, bytes: &[u8]) -> Taken {
        let given_up = |reason| {
            Taken::GivenUp(GivenUp {
                raw: bytes.to_vec(),
                reason,
            })
        };
        let misfit = |reason| given_up(super::misfit(&part.uid, reason));
        if !part.is_sound() {
            return misfit("there is no place for one");
        }
        let name = part.group();
        self.begun += 1;
        let group = self.groups.entry(name.clone()).or_insert_with(|| Group {
            begun: self.begun,
            uid: part.uid.clone(),
            total: part.total,
            parts: BTreeMap::new(),
            bytes: 0,
        });
        match group.parts.get(&part.index) {
            Some(known) if known == bytes => return Taken::Kept,
            Some(_) => return misfit("one is there twice"),
            None => {}
        }
        let size = group.bytes + bytes.len();
        if size > ENTRY_LIMIT {
            self.remove(&name);
            return given_up(Unreadable::TooLarge(size));
        }
        group.bytes = size;
        group.parts.insert(part.index, bytes.to_vec());
        let complete = group.parts.len() == group.total;
        self.parts += 1;
        self.bytes += bytes.len();
        if complete {
            return self.joined(&name);
        }
        self.make_room()
    }

    /// What is still incomplete, in the order in which it was begun. Nothing is kept.
    pub fn finish(&mut self) -> Vec<GivenUp> {
        let mut groups: Vec<Group> = std::mem::take(self).groups.into_values().collect();
        groups.sort_by_key(|group| group.begun);
        groups.into_iter().map(Group::given_up).collect()
    }

    fn joined(&mut self, name: &str) -> Taken {
        let Some(group) = self.remove(name) else {
            return Taken::Kept;
        };
        let parts: Vec<Vec<u8>> = group.parts.into_values().collect();
        match join(&parts) {
            Ok(entry) => Taken::Complete(entry),
            Err(reason) => Taken::GivenUp(GivenUp {
                raw: parts.into_iter().next().unwrap_or_default(),
                reason,
            }),
        }
    }

    fn make_room(&mut self) -> Taken {
        if self.parts <= KEPT_LIMIT && self.bytes <= BYTES_LIMIT {
            return Taken::Kept;
        }
        let oldest = self.groups.iter().min_by_key(|(_, group)| group.begun);
        let oldest = oldest.map(|(name, _)| name.clone());
        match oldest.and_then(|name| self.remove(&name)) {
            Some(group) => Taken::GivenUp(group.given_up()),
            None => Taken::Kept,
        }
    }

    fn remove(&mut self, name: &str) -> Option<Group> {
        let group = self.groups.remove(name)?;
        self.parts -= group.parts.len();
        self.bytes -= group.bytes;
        Some(group)
    }
}

impl Group {
    fn given_up(self) -> GivenUp {
        GivenUp {
            reason: Unreadable::Incomplete {
                uid: postern_host::problem::quoted(&self.uid),
                have: self.parts.len(),
                total: self.total,
            },
            raw: self.parts.into_values().next().unwrap_or_default(),
        }
    }
}
