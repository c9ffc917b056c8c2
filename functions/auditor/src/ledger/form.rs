//! The form of an export: one JSON object per line. The first says what it is, with the signed
//! checkpoint; each of the others is an entry in its canonical form, at its place, and in a part of the
//! ledger with the proof that it stands there.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use postern_core::entry::{Entry, Record};
use postern_core::ledger::{Hash, SignedNote};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::broken::Broken;

/// The word in `kind`.
pub(super) const KIND: &str = "LedgerExport";
pub(super) const API_VERSION: &str = "postern/v1";

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
    /// That the ledger begins with earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) growth: Vec<Growth>,
}

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
    /// This one alone, whatever the others say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// None at all: what counts are the proofs that the ledger begins with earlier ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nothing: bool,
}

/// Proves that a ledger begins with an earlier one (RFC 6962, section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Growth {
    /// The size of the earlier one.
    pub(super) from: u64,
    /// The hashes, in base64.
    pub(super) proof: Vec<String>,
}

impl Header {
    pub(super) fn new(note: &SignedNote, selection: &Selection, growth: Vec<Growth>) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            checkpoint: note.to_string(),
            selection: selection.clone(),
            growth,
        }
    }
}

impl Selection {
    /// One entry, by its id.
    pub fn entry(id: impl Into<String>) -> Self {
        Self {
            entry: Some(id.into()),
            ..Self::default()
        }
    }

    /// No entry.
    pub fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an entry is among those of the times and the case that are named.
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        let case = |case: &String| case_of(&entry.record) == Some(case.as_str());
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.case.as_ref().is_none_or(case)
    }
}

/// The case that a record is about.
pub(super) fn case_of(record: &Record) -> Option<&str> {
    match record {
        Record::Finding(finding) => finding.case_id.as_deref(),
        Record::CaseStep(step) => Some(&step.case_id),
        Record::Delivery(delivery) => Some(&delivery.case_id),
        _ => None,
    }
}

impl Growth {
    pub(super) fn new(from: u64, proof: &[Hash]) -> Self {
        let proof = texts(proof);
        Self { from, proof }
    }

    pub(super) fn hashes(&self) -> Option<Vec<Hash>> {
        hashes(&self.proof)
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
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<&'a RawValue>,
    /// Its hash in base64, where nothing else was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
}

impl Line<'_> {
    /// Writes an entry that stands at a place.
    pub(super) fn write(
        to: &mut (dyn Write + Send),
        index: u64,
        proof: Option<&[Hash]>,
        canonical: &[u8],
    ) -> Result<(), NotWritten> {
        let line = Line {
            index,
            proof: proof.map(texts),
            entry: Some(read(index, canonical)?),
            hash: None,
        };
        Ok(write(to, &line)?)
    }

    /// Writes an entry of which nothing but the hash was kept.
    pub(super) fn write_hash(
        to: &mut (dyn Write + Send),
        index: u64,
        hash: &Hash,
    ) -> Result<(), NotWritten> {
        let line = Line {
            index,
            proof: None,
            entry: None,
            hash: Some(BASE64.encode(hash)),
        };
        Ok(write(to, &line)?)
    }

    /// The hash that stands in place of the entry.
    pub(super) fn hash(&self) -> Option<Hash> {
        BASE64.decode(self.hash.as_deref()?).ok()?.try_into().ok()
    }

    /// The hashes that prove the place, if they are all hashes.
    pub(super) fn hashes(&self) -> Option<Vec<Hash>> {
        hashes(self.proof.as_deref()?)
    }
}

/// Why a line is not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error(transparent)]
    Write(#[from] io::Error),
}

pub(super) fn read<'a, T: Deserialize<'a>>(index: u64, canonical: &'a [u8]) -> Result<T, Broken> {
    serde_json::from_slice(canonical).map_err(|error| Broken::Entry {
        index,
        reason: error.to_string(),
    })
}

pub(super) fn write(to: &mut (dyn Write + Send), value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

fn texts(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| BASE64.encode(hash)).collect()
}

fn hashes(proof: &[String]) -> Option<Vec<Hash>> {
    let hash = |text: &String| BASE64.decode(text).ok()?.try_into().ok();
    proof.iter().map(hash).collect()
}
