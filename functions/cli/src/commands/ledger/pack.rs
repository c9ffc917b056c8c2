//! The evidence pack: a folder that holds an export and what it adds up to, for whoever audits.

mod manifest;
mod page;

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use postern_auditor::ledger::pack::{Disclosed, Dossier, frameworks, places};
use postern_auditor::ledger::{
    Broken, Earlier, NotVerified, Selection, Verified, export, verify as verify_export,
};
use postern_core::ledger::SignedNote;
use postern_store::Store;
use postern_verify::NoteKey;

use self::manifest::Manifest;
use super::export::failed;
use crate::commands::key::{MAX_KEY, read};
use crate::outcome::Failure;

/// The entries, with the signed checkpoint and their proofs.
pub(super) const ENTRIES: &str = "entries.ndjson";
const CHECKPOINT: &str = "checkpoint.note";
/// What stands behind the commitments of the entries.
const TEXTS: &str = "texts.ndjson";
const KEY: &str = "ledger.pub";
const REPORT: &str = "report.html";

/// The largest report that is read, in bytes.
const MAX_REPORT: u64 = 512 * 1024 * 1024;

/// What goes into a pack.
pub(super) struct Contents<'a> {
    pub(super) note: &'a SignedNote,
    pub(super) selection: &'a Selection,
    /// The sizes of earlier checkpoints.
    pub(super) from: &'a [u64],
    /// The public key, where it is known.
    pub(super) key: Option<&'a Path>,
}

/// Writes a pack into a folder that is not there yet. Says how many entries it holds.
pub(super) async fn write(
    store: &Store,
    contents: &Contents<'_>,
    folder: &Path,
) -> Result<u64, Failure> {
    std::fs::create_dir(folder).map_err(|error| {
        at(folder, error).remedy("name a folder that is not there yet, in one that is")
    })?;
    let path = |name: &str| folder.join(name);
    let mut entries = create(&path(ENTRIES))?;
    let written = export(
        store,
        contents.note,
        contents.selection,
        contents.from,
        &mut entries,
    );
    let count = written.await.map_err(failed)?;
    drop(entries);
    keep(&path(CHECKPOINT), contents.note.to_string().as_bytes())?;
    if let Some(key) = contents.key {
        let pem = read(key, MAX_KEY)?;
        NoteKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| at(key, error))?;
        keep(&path(KEY), &pem)?;
    }
    disclose(store, &path(ENTRIES), &path(TEXTS)).await?;
    let report = report(folder, contents.note, contents.selection)?;
    keep(&path(REPORT), report.as_bytes())?;
    Manifest::of(folder)?.write(folder)?;
    Ok(count)
}

/// Verifies a pack: that its files are those of its manifest, that its entries are those that were
/// signed, and that its report is what they add up to.
pub(super) fn verify(
    folder: &Path,
    keys: &[NoteKey],
    kept: &[Earlier],
) -> Result<(Verified, Vec<String>), Failure> {
    let manifest = Manifest::read(folder)?;
    manifest.compare(folder)?;
    let entries = folder.join(ENTRIES);
    let verified = verify_export(&mut open(&entries)?, keys, kept).map_err(not_verified)?;
    let note = super::note_in(&folder.join(CHECKPOINT))?;
    if note.text != verified.checkpoint.to_string() {
        return Err(Failure::not_so(format_args!(
            "{CHECKPOINT} is not the checkpoint of {ENTRIES}"
        )));
    }
    let mut unproven = Vec::new();
    if manifest.is_of_this_version() {
        let there = read(&folder.join(REPORT), MAX_REPORT)?;
        if report(folder, &note, &verified.selection)?.as_bytes() != there {
            return Err(Failure::not_so(format_args!(
                "{REPORT} is not what the entries add up to"
            )));
        }
    } else {
        unproven.push(format!(
            "that {REPORT} is what the entries add up to: another version of postern wrote it"
        ));
    }
    Ok((verified, unproven))
}

/// The report of what is in a folder.
fn report(folder: &Path, note: &SignedNote, selection: &Selection) -> Result<String, Failure> {
    let texts = Disclosed::read(&mut open(&folder.join(TEXTS))?).map_err(not_verified)?;
    let dossier = Dossier::of(&mut open(&folder.join(ENTRIES))?, &texts).map_err(not_verified)?;
    let frameworks = frameworks().map_err(Failure::undetermined)?;
    let with_key = folder.join(KEY).exists();
    Ok(page::page(&dossier, note, selection, &frameworks, with_key))
}

/// Writes what stands behind the commitments of the entries of an export.
async fn disclose(store: &Store, entries: &Path, texts: &Path) -> Result<(), Failure> {
    let places = places(&mut open(entries)?).map_err(not_verified)?;
    let mut to = create(texts)?;
    for index in places {
        let sealed = store.disclosed(index).await;
        for sealed in sealed.map_err(Failure::undetermined)? {
            let line = Disclosed::line(index, sealed).map_err(Failure::undetermined)?;
            writeln!(to, "{line}").map_err(|error| at(texts, error))?;
        }
    }
    to.flush().map_err(|error| at(texts, error))
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|error| at(path, error))?;
    Ok(BufReader::new(file))
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create_new(path).map_err(|error| at(path, error))?;
    Ok(BufWriter::new(file))
}

fn keep(path: &Path, content: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, content).map_err(|error| at(path, error))
}

fn at(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::mistake(format_args!("{}: {error}", path.display()))
}

pub(super) fn not_verified(error: NotVerified) -> Failure {
    match error {
        NotVerified::Broken(broken @ Broken::UnknownKey { .. }) => Failure::not_so(broken)
            .remedy("if the ledger's key was changed, name the old public key as well: --key FILE"),
        NotVerified::Broken(broken) => Failure::not_so(broken),
        NotVerified::Read(error) => Failure::undetermined(error),
    }
}
