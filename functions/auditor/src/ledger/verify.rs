//! Verifying an export, with nothing but a public key: what can be proven is, and what cannot is said.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use jiff::Timestamp;
use postern_core::entry::Entry;
use postern_core::ledger::{Checkpoint, Frontier, Hash, SignedNote, tree};
use postern_verify::{Author, NoteKey};
use serde::Deserialize as _;

use super::broken::Broken;
use super::form::{API_VERSION, Growth, Header, KIND, Line, Selection};
use super::gaps::Gaps;
use crate::input::read_line;

/// The longest line that is read, in bytes.
pub(super) const LINE_LIMIT: usize = 16 * 1024 * 1024;

/// A checkpoint that was kept somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier(pub SignedNote);

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The checkpoint that all entries stand in.
    pub checkpoint: Checkpoint,
    /// The id of the key that signed it ([`NoteKey::id`]).
    pub signed_by: [u8; 4],
    /// What was exported.
    pub selection: Selection,
    /// How many entries are there.
    pub entries: u64,
    /// Of how many more there is nothing but the hash.
    pub pruned: u64,
    /// The sizes of the kept checkpoints that the ledger begins with.
    pub begins_with: Vec<u64>,
    /// The sizes of the kept checkpoints that this export has no proof about.
    pub not_compared: Vec<u64>,
    /// The sizes that a proof starts from of which no checkpoint was brought.
    pub not_kept: Vec<u64>,
    /// What the ledger itself says is missing from it.
    pub gaps: Gaps,
    /// When the first and the last entry were recorded.
    pub period: Option<(Timestamp, Timestamp)>,
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

/// Verifies an export. Its checkpoint, and each that was kept, has to be signed by one of the keys: by the
/// ledger's key, or by one that it had before.
///
/// # Errors
/// At the first thing that does not add up, or if it cannot be read.
pub fn verify(
    reader: &mut dyn BufRead,
    keys: &[NoteKey],
    kept: &[Earlier],
) -> Result<Verified, NotVerified> {
    let mut line = Vec::new();
    read_line(reader, &mut line, LINE_LIMIT)?;
    let mut verifier = Verifier::new(&line, keys, kept)?;
    while read_line(reader, &mut line, LINE_LIMIT)? {
        verifier.take(&line)?;
    }
    Ok(verifier.finish()?)
}

/// Reads an export line by line.
pub struct Verifier {
    checkpoint: Checkpoint,
    frontier: Frontier,
    /// The roots that were kept, by size.
    earlier: BTreeMap<u64, Hash>,
    verified: Verified,
    line: u64,
    last: Option<u64>,
}

impl Verifier {
    /// Begins with the first line, which holds the checkpoint. What was kept elsewhere has to be signed
    /// by one of the keys as well.
    ///
    /// # Errors
    /// The first thing that does not add up.
    pub fn new(first: &[u8], keys: &[NoteKey], kept: &[Earlier]) -> Result<Self, Broken> {
        let header: Header =
            serde_json::from_slice(first).map_err(|error| Broken::Header(error.to_string()))?;
        if header.kind != KIND || header.api_version != API_VERSION {
            return Err(Broken::Header(format!("it is a {:?}", header.kind)));
        }
        let (checkpoint, signed_by) = signed(&SignedNote::parse(&header.checkpoint)?, keys)?;
        let mut verifier = Self {
            verified: Verified {
                checkpoint: checkpoint.clone(),
                signed_by,
                selection: header.selection,
                entries: 0,
                pruned: 0,
                begins_with: Vec::new(),
                not_compared: Vec::new(),
                not_kept: Vec::new(),
                gaps: Gaps::default(),
                period: None,
            },
            earlier: earlier(kept, &checkpoint, keys)?,
            checkpoint,
            frontier: Frontier::default(),
            line: 1,
            last: None,
        };
        match verifier.is_whole() {
            true => verifier.compare()?,
            false => verifier.grow(&header.growth)?,
        }
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
        let Some(entry) = parsed.entry else {
            return self.is_hash(&parsed);
        };
        let bytes = entry.get().as_bytes();
        let entry = canonical(parsed.index, bytes)?;
        match self.is_whole() {
            true => self.follows(parsed.index, tree::leaf_hash(bytes))?,
            false => self.is_proven(&parsed, bytes)?,
        }
        self.note(parsed.index, &entry);
        Ok(())
    }

    /// After the last line.
    ///
    /// # Errors
    /// If entries are missing, or they are not those that were signed.
    pub fn finish(self) -> Result<Verified, Broken> {
        let Checkpoint { size, root, .. } = self.checkpoint;
        if self.is_whole() {
            let have = self.frontier.size();
            if have != size {
                return Err(Broken::Shorter { size, have });
            }
            if self.frontier.root() != root {
                return Err(Broken::Root(size));
            }
        }
        Ok(self.verified)
    }

    fn is_whole(&self) -> bool {
        self.verified.selection.is_everything()
    }

    /// An entry of a whole ledger: the next one.
    fn follows(&mut self, index: u64, leaf: Hash) -> Result<(), Broken> {
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
        self.frontier.push(leaf);
        self.compare()
    }

    /// An entry of a whole ledger of which nothing but the hash was kept.
    fn is_hash(&mut self, line: &Line<'_>) -> Result<(), Broken> {
        let Some(hash) = line.hash().filter(|_| self.is_whole()) else {
            return Err(Broken::Line {
                line: self.line,
                reason: "there is neither an entry nor a hash that could stand here".to_owned(),
            });
        };
        self.verified.pruned += 1;
        self.follows(line.index, hash)
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
        let proof = line.hashes().ok_or(Broken::Proof(index))?;
        let Checkpoint { size, root, .. } = self.checkpoint;
        match tree::is_included(bytes, index, size, root, &proof) {
            true => Ok(()),
            false => Err(Broken::Proof(index)),
        }
    }

    /// Holds what there is so far of a whole ledger against what was kept of the same size.
    fn compare(&mut self) -> Result<(), Broken> {
        let size = self.frontier.size();
        if let Some(kept) = self.earlier.get(&size) {
            if self.frontier.root() != *kept {
                return Err(Broken::Earlier(size));
            }
            self.verified.begins_with.push(size);
        }
        Ok(())
    }

    /// Holds the proofs of an export of a part against what was kept.
    fn grow(&mut self, growth: &[Growth]) -> Result<(), Broken> {
        let new = (self.checkpoint.size, self.checkpoint.root);
        for (size, root) in &self.earlier {
            let proof = growth.iter().find(|growth| growth.from == *size);
            // Of nothing there is one root, and of the same size the same.
            let trivial = [(0, Frontier::default().root()), new];
            let proven = match proof {
                _ if trivial.contains(&(*size, *root)) => true,
                _ if *size == 0 => return Err(Broken::Earlier(0)),
                Some(growth) => {
                    let hashes = growth.hashes().ok_or(Broken::Growth(*size))?;
                    if !tree::is_consistent((*size, *root), new, &hashes) {
                        return Err(Broken::Growth(*size));
                    }
                    true
                }
                None => false,
            };
            match proven {
                true => self.verified.begins_with.push(*size),
                false => self.verified.not_compared.push(*size),
            }
        }
        let kept = |growth: &&Growth| self.earlier.contains_key(&growth.from);
        let not_kept = growth.iter().filter(|growth| !kept(growth));
        self.verified.not_kept = not_kept.map(|growth| growth.from).collect();
        Ok(())
    }

    fn note(&mut self, index: u64, entry: &Entry) {
        let verified = &mut self.verified;
        verified.entries += 1;
        let (first, last) = verified.period.unwrap_or((entry.at, entry.at));
        verified.period = Some((first.min(entry.at), last.max(entry.at)));
        verified.gaps.look_at(index, entry);
    }
}

/// What was kept, by size, if it can be of this ledger.
fn earlier(
    kept: &[Earlier],
    checkpoint: &Checkpoint,
    keys: &[NoteKey],
) -> Result<BTreeMap<u64, Hash>, Broken> {
    let mut earlier = BTreeMap::new();
    for Earlier(note) in kept {
        let (kept, _) = signed(note, keys)?;
        if kept.origin != checkpoint.origin {
            return Err(Broken::Elsewhere {
                kept: kept.origin,
                here: checkpoint.origin.clone(),
            });
        }
        if kept.size > checkpoint.size {
            return Err(Broken::Cut {
                kept: kept.size,
                size: checkpoint.size,
            });
        }
        if kept.size == checkpoint.size && kept.root != checkpoint.root {
            return Err(Broken::Earlier(kept.size));
        }
        if earlier
            .insert(kept.size, kept.root)
            .is_some_and(|root| root != kept.root)
        {
            return Err(Broken::Forked(kept.size));
        }
    }
    Ok(earlier)
}

/// The checkpoint in a note that one of the keys signed, and the id of that key.
fn signed(note: &SignedNote, keys: &[NoteKey]) -> Result<(Checkpoint, [u8; 4]), Broken> {
    let checkpoint = Checkpoint::parse(&note.text)?;
    match Author::of(note, &checkpoint.origin, keys) {
        Author::Known(key) => Ok((checkpoint, key)),
        Author::Nobody => Err(Broken::Signature(checkpoint.origin)),
        Author::Unknown(key) => Err(Broken::UnknownKey {
            origin: checkpoint.origin,
            size: checkpoint.size,
            key,
        }),
    }
}

/// Reads an entry, if it is written in the one way that is hashed.
fn canonical(index: u64, bytes: &[u8]) -> Result<Entry, Broken> {
    let unreadable = |error: serde_json::Error| Broken::Entry {
        index,
        reason: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    let written = serde_json_canonicalizer::to_vec(&value).map_err(unreadable)?;
    if written != bytes {
        return Err(Broken::NotCanonical(index));
    }
    Entry::deserialize(&value).map_err(unreadable)
}
