//! Verifying an export, with nothing but a public key: what can be proven is, and what cannot is said.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use postern_core::entry::{Entry, Record};
use postern_core::ledger::checkpoint::NoteError;
use postern_core::ledger::{Checkpoint, Frontier, Hash, SignedNote, tree};
use postern_verify::NoteKey;

use super::export::{Header, KIND, Line, Selection, hashes};

/// The longest line that is read, in bytes.
const LINE_LIMIT: u64 = 16 * 1024 * 1024;
/// The most gaps that are named; the rest is counted.
const GAPS_NAMED: usize = 100;
/// Findings that say that events are missing.
const GAPS: [&str; 4] = [
    "postern.audit.gap",
    "postern.audit.silence",
    "postern.audit.incomplete-entry",
    "postern.audit.unreadable-entry",
];

/// The first thing that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The first line says nothing that this version knows.
    #[error("the first line is not that of an export of postern/v1: {0}")]
    Header(String),
    /// The checkpoint cannot be read.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// Nobody with this key signed it.
    #[error("the checkpoint of {0:?} has no valid signature of this key")]
    Signature(String),
    /// A line is no entry.
    #[error("line {line} holds no entry: {reason}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// An entry is not what was recorded.
    #[error("entry {index} cannot be read: {reason}")]
    Entry {
        /// Its place.
        index: u64,
        /// Why.
        reason: String,
    },
    /// Written in another way than it is hashed: something may be hidden in it.
    #[error("entry {0} is not in its canonical form (RFC 8785)")]
    NotCanonical(u64),
    /// An entry is missing, twice there, or out of order.
    #[error(
        "entry {expected} should come here, and {found} does: one is missing, twice there or misplaced"
    )]
    Order {
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// There are fewer entries than were signed, or more.
    #[error("{size} entries were signed, and {have} are there")]
    Shorter {
        /// Signed.
        size: u64,
        /// There.
        have: u64,
    },
    /// The entries are not those that were signed.
    #[error("the {0} entries do not add up to the root that was signed: one was changed")]
    Root(u64),
    /// A proof does not lead to the root.
    #[error("entry {0} was changed, or is not proven to stand in what was signed")]
    Proof(u64),
    /// The ledger does not begin with a checkpoint that somebody kept.
    #[error(
        "the ledger does not begin with the {0} entries of the checkpoint that was kept: its past was \
         changed or replaced"
    )]
    Earlier(u64),
}

/// A checkpoint that was kept somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier(pub SignedNote);

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint that all entries stand in.
    pub checkpoint: Checkpoint,
    /// What was exported.
    pub selection: Selection,
    /// How many entries are there.
    pub entries: u64,
    /// The sizes of the kept checkpoints that the ledger begins with.
    pub begins_with: Vec<u64>,
    /// The sizes of the kept checkpoints that an export of a part cannot be held against.
    pub not_compared: Vec<u64>,
    /// What the ledger itself says is missing from it, the first of them.
    pub gaps: Vec<Gap>,
    /// How many there are.
    pub gap_count: u64,
    /// When the first and the last entry were recorded.
    pub period: Option<(Timestamp, Timestamp)>,
}

/// Where the ledger says of itself that events are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The entry that says so.
    pub index: u64,
    /// When it was found.
    pub at: Timestamp,
    /// In words.
    pub summary: String,
}

/// Why an export is not verified.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// It does not add up.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It cannot be read.
    #[error("the export cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Verifies an export.
///
/// # Errors
/// At the first thing that does not add up, or if it cannot be read.
pub fn verify(
    reader: &mut dyn BufRead,
    key: &NoteKey,
    kept: &[Earlier],
) -> Result<Verified, NotVerified> {
    let mut line = Vec::new();
    read_line(reader, &mut line)?;
    let mut verifier = Verifier::new(&line, key, kept)?;
    while read_line(reader, &mut line)? {
        verifier.take(&line)?;
    }
    Ok(verifier.finish()?)
}

/// The next line; of one that is too long its beginning, which is then no entry.
fn read_line(mut reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok((&mut reader).take(LINE_LIMIT).read_until(b'\n', line)? > 0)
}

/// Reads an export line by line.
pub struct Verifier {
    checkpoint: Checkpoint,
    selection: Selection,
    frontier: Frontier,
    earlier: BTreeMap<u64, Vec<Hash>>,
    verified: Verified,
    line: u64,
    last: Option<u64>,
}

impl Verifier {
    /// Begins with the first line, which holds the checkpoint. What was kept elsewhere has to be signed
    /// by the same key.
    ///
    /// # Errors
    /// The first thing that does not add up.
    pub fn new(first: &[u8], key: &NoteKey, kept: &[Earlier]) -> Result<Self, Broken> {
        let header: Header =
            serde_json::from_slice(first).map_err(|error| Broken::Header(error.to_string()))?;
        if header.kind != KIND || header.api_version != "postern/v1" {
            return Err(Broken::Header(format!("it is a {:?}", header.kind)));
        }
        let checkpoint = signed(&SignedNote::parse(&header.checkpoint)?, key)?;
        let mut earlier: BTreeMap<u64, Vec<Hash>> = BTreeMap::new();
        for Earlier(note) in kept {
            let kept = signed(note, key)?;
            let forked = kept.size == checkpoint.size && kept.root != checkpoint.root;
            if forked || kept.origin != checkpoint.origin || kept.size > checkpoint.size {
                return Err(Broken::Earlier(kept.size));
            }
            earlier.entry(kept.size).or_default().push(kept.root);
        }
        let mut verifier = Self {
            verified: Verified {
                checkpoint: checkpoint.clone(),
                selection: header.selection.clone(),
                entries: 0,
                begins_with: Vec::new(),
                not_compared: Vec::new(),
                gaps: Vec::new(),
                gap_count: 0,
                period: None,
            },
            checkpoint,
            selection: header.selection,
            frontier: Frontier::default(),
            earlier,
            line: 1,
            last: None,
        };
        verifier.compare()?;
        Ok(verifier)
    }

    /// Takes the next line.
    ///
    /// # Errors
    /// The first thing that does not add up.
    pub fn take(&mut self, line: &[u8]) -> Result<(), Broken> {
        self.line += 1;
        let parsed: Line<'_> = serde_json::from_slice(line).map_err(|error| Broken::Line {
            line: self.line,
            reason: error.to_string(),
        })?;
        let index = parsed.index;
        let bytes = parsed.entry.get().as_bytes();
        let entry: Entry = serde_json::from_slice(bytes).map_err(|error| Broken::Entry {
            index,
            reason: error.to_string(),
        })?;
        if !is_canonical(bytes) {
            return Err(Broken::NotCanonical(index));
        }
        match self.selection.is_everything() {
            true => self.follows(index, bytes)?,
            false => self.is_proven(&parsed, bytes)?,
        }
        self.note(index, &entry);
        Ok(())
    }

    /// After the last line.
    ///
    /// # Errors
    /// If entries are missing, or they are not those that were signed.
    pub fn finish(mut self) -> Result<Verified, Broken> {
        let size = self.checkpoint.size;
        if self.selection.is_everything() {
            let have = self.frontier.size();
            if have != size {
                return Err(Broken::Shorter { size, have });
            }
            if self.frontier.root() != self.checkpoint.root {
                return Err(Broken::Root(size));
            }
        }
        if !self.selection.is_everything() {
            let smaller = self.earlier.keys().filter(|kept| **kept < size);
            self.verified.not_compared = smaller.copied().collect();
        }
        Ok(self.verified)
    }

    /// An entry of a whole ledger: the next one.
    fn follows(&mut self, index: u64, bytes: &[u8]) -> Result<(), Broken> {
        let expected = self.frontier.size();
        if index != expected {
            return Err(Broken::Order {
                expected,
                found: index,
            });
        }
        if index >= self.checkpoint.size {
            let have = index + 1;
            return Err(Broken::Shorter {
                size: self.checkpoint.size,
                have,
            });
        }
        self.frontier.push(tree::leaf_hash(bytes));
        self.compare()
    }

    /// An entry of a part: further on than the one before, and proven by itself.
    fn is_proven(&mut self, line: &Line<'_>, bytes: &[u8]) -> Result<(), Broken> {
        let index = line.index;
        if let Some(last) = self.last.filter(|last| index <= *last) {
            return Err(Broken::Order {
                expected: last + 1,
                found: index,
            });
        }
        self.last = Some(index);
        let proof = line
            .proof
            .as_deref()
            .and_then(hashes)
            .ok_or(Broken::Proof(index))?;
        let Checkpoint { size, root, .. } = self.checkpoint;
        match tree::is_included(bytes, index, size, root, &proof) {
            true => Ok(()),
            false => Err(Broken::Proof(index)),
        }
    }

    /// Holds what there is so far against what was kept of the same size.
    fn compare(&mut self) -> Result<(), Broken> {
        let size = self.frontier.size();
        if !self.selection.is_everything() {
            return Ok(());
        }
        if let Some(roots) = self.earlier.get(&size) {
            let root = self.frontier.root();
            if roots.iter().any(|kept| *kept != root) {
                return Err(Broken::Earlier(size));
            }
            self.verified.begins_with.push(size);
        }
        Ok(())
    }

    fn note(&mut self, index: u64, entry: &Entry) {
        let verified = &mut self.verified;
        verified.entries += 1;
        let (first, last) = verified.period.unwrap_or((entry.at, entry.at));
        verified.period = Some((first.min(entry.at), last.max(entry.at)));
        let Record::Finding(finding) = &entry.record else {
            return;
        };
        if GAPS.contains(&finding.detection.as_str()) {
            verified.gap_count += 1;
            if verified.gaps.len() < GAPS_NAMED {
                verified.gaps.push(Gap {
                    index,
                    at: finding.at,
                    summary: finding.summary.clone(),
                });
            }
        }
    }
}

/// The checkpoint in a note that the key signed.
fn signed(note: &SignedNote, key: &NoteKey) -> Result<Checkpoint, Broken> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    match key.signed(note, &checkpoint.origin) {
        true => Ok(checkpoint),
        false => Err(Broken::Signature(checkpoint.origin)),
    }
}

fn is_canonical(bytes: &[u8]) -> bool {
    let value: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    let canonical = value.and_then(|value| serde_json_canonicalizer::to_vec(&value));
    canonical.is_ok_and(|canonical| canonical == bytes)
}
