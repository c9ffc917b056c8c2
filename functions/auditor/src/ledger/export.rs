//! An export: one JSON object per line. The first says what it is, with the signed checkpoint; each of
//! the others is an entry in its canonical form, at its place, and in a part of the ledger with the
//! proof that it stands there.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use postern_core::entry::{Entry, Record};
use postern_core::ledger::{Checkpoint, Hash, SignedNote};
use postern_core::ports::{LedgerStore, Unavailable};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::verify::Broken;

/// Entries that are read at a time.
const PAGE: u32 = 1000;

/// What an export is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) api_version: String,
    pub(super) kind: String,
    /// The signed note.
    pub(super) checkpoint: String,
    /// What it is of.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    pub(super) selection: Selection,
}

/// The word in `kind`.
pub(super) const KIND: &str = "LedgerExport";

/// Which entries are exported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Selection {
    /// Recorded at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Recorded before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// About this case: its findings, its steps, its alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// This one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

impl Header {
    fn new(note: &SignedNote, selection: &Selection) -> Self {
        Self {
            api_version: "postern/v1".to_owned(),
            kind: KIND.to_owned(),
            checkpoint: note.to_string(),
            selection: selection.clone(),
        }
    }
}

impl Selection {
    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    fn holds(&self, entry: &Entry) -> bool {
        let case = |case: &String| match &entry.record {
            Record::Finding(finding) => finding.case_id.as_ref() == Some(case),
            Record::CaseStep(step) => step.case_id == *case,
            Record::Delivery(delivery) => delivery.case_id == *case,
            _ => false,
        };
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.case.as_ref().is_none_or(case)
            && self.entry.as_ref().is_none_or(|id| entry.id == *id)
    }
}

/// One entry of an export.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    pub(super) index: u64,
    /// In base64, from the leaf to the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<Vec<String>>,
    #[serde(borrow)]
    pub(super) entry: &'a RawValue,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum NotExported {
    /// The store cannot be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// What is there does not add up.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes an export of the ledger as the checkpoint has it. Gives back how many entries it holds.
///
/// # Errors
/// If the ledger cannot be read or the export not be written, or the checkpoint is of another ledger.
pub async fn export(
    store: &dyn LedgerStore,
    note: &SignedNote,
    selection: &Selection,
    to: &mut (dyn Write + Send),
) -> Result<u64, NotExported> {
    let checkpoint = Checkpoint::parse(&note.text).map_err(Broken::Note)?;
    write(to, &Header::new(note, selection))?;
    let mut count = 0;
    let mut index = 0;
    while index < checkpoint.size {
        let page = store.leaves(index, PAGE).await?;
        if page.is_empty() {
            return Err(Broken::Shorter {
                size: checkpoint.size,
                have: index,
            }
            .into());
        }
        for canonical in page.iter().take(left(checkpoint.size - index)) {
            let entry: Entry = read(index, canonical)?;
            if selection.holds(&entry) {
                let proof = match selection.is_everything() {
                    true => None,
                    false => Some(proof(store, &entry.id, &checkpoint).await?),
                };
                let raw: &RawValue = read(index, canonical)?;
                write(
                    to,
                    &Line {
                        index,
                        proof,
                        entry: raw,
                    },
                )?;
                count += 1;
            }
            index += 1;
        }
    }
    to.flush()?;
    Ok(count)
}

/// Writes an export of one entry, by its id. Whether the checkpoint has it.
///
/// # Errors
/// As [`export`].
pub async fn export_one(
    store: &dyn LedgerStore,
    note: &SignedNote,
    id: &str,
    to: &mut (dyn Write + Send),
) -> Result<bool, NotExported> {
    let checkpoint = Checkpoint::parse(&note.text).map_err(Broken::Note)?;
    let Some(found) = store.prove(id, checkpoint.size).await? else {
        return Ok(false);
    };
    let selection = Selection {
        entry: Some(id.to_owned()),
        ..Selection::default()
    };
    write(to, &Header::new(note, &selection))?;
    let line = Line {
        index: found.index,
        proof: Some(texts(&found.proof)),
        entry: read(found.index, &found.canonical)?,
    };
    write(to, &line)?;
    to.flush()?;
    Ok(true)
}

/// Writes entries from a place on, as lines of an export, without a checkpoint and proofs.
///
/// # Errors
/// If the ledger cannot be read, or the lines not be written.
pub async fn export_page(
    store: &dyn LedgerStore,
    from: u64,
    limit: u32,
    to: &mut (dyn Write + Send),
) -> Result<(), NotExported> {
    let page = store.leaves(from, limit).await?;
    for (index, canonical) in (from..).zip(&page) {
        let entry = read(index, canonical)?;
        write(
            to,
            &Line {
                index,
                proof: None,
                entry,
            },
        )?;
    }
    Ok(())
}

/// Proves that a ledger begins with an earlier one (RFC 6962, section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Growth {
    /// The size of the earlier one.
    from: u64,
    /// The signed note of the later one.
    checkpoint: String,
    /// The hashes, in base64.
    proof: Vec<String>,
}

impl Growth {
    /// From a tree of this size to that of the checkpoint.
    pub fn new(from: u64, checkpoint: String, proof: &[Hash]) -> Self {
        Self {
            from,
            checkpoint,
            proof: texts(proof),
        }
    }
}

async fn proof(
    store: &dyn LedgerStore,
    id: &str,
    checkpoint: &Checkpoint,
) -> Result<Vec<String>, NotExported> {
    let found = store.prove(id, checkpoint.size).await?;
    let found = found.ok_or(Broken::Shorter {
        size: checkpoint.size,
        have: 0,
    })?;
    Ok(texts(&found.proof))
}

fn texts(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| BASE64.encode(hash)).collect()
}

fn read<'a, T: Deserialize<'a>>(index: u64, canonical: &'a [u8]) -> Result<T, Broken> {
    serde_json::from_slice(canonical).map_err(|error| Broken::Entry {
        index,
        reason: error.to_string(),
    })
}

fn write(to: &mut (dyn Write + Send), value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

fn left(entries: u64) -> usize {
    entries.try_into().unwrap_or(usize::MAX)
}

/// The hashes of a proof.
pub(super) fn hashes(proof: &[String]) -> Option<Vec<Hash>> {
    let hash = |text: &String| BASE64.decode(text).ok()?.try_into().ok();
    proof.iter().map(hash).collect()
}
