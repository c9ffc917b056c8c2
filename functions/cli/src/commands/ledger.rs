//! `postern ledger`: the record, signed, proven and verified.

mod checkpoint;
mod export;
mod pack;
mod prove;
mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use postern_auditor::ledger::{NotSigned, last_signed};
use postern_core::ledger::{Checkpoint, SignedNote};
use postern_core::ports::LedgerStore;
use postern_verify::NoteKey;

use super::key::{MAX_KEY, read};
use crate::outcome::{Failure, Outcome};

/// Sign the record, prove what is in it, and verify it.
///
/// Every decision, event, finding and step of a case is an entry of one Merkle tree (RFC 6962). A
/// signed checkpoint says all of them at once: whoever keeps one can prove later that nothing before it
/// was changed.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Checkpoint(checkpoint::Args),
    Export(export::Args),
    Prove(prove::Args),
    Verify(verify::Args),
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Checkpoint(args) => checkpoint::run(&args).await,
        Command::Export(args) => export::run(&args).await,
        Command::Prove(args) => prove::run(&args).await,
        Command::Verify(args) => verify::run(&args).await,
    }
}

/// The most that is read of a checkpoint, in bytes.
const MAX_NOTE: u64 = 16 * 1024;

/// A checkpoint in a file.
fn note_in(path: &Path) -> Result<SignedNote, Failure> {
    let text = String::from_utf8_lossy(&read(path, MAX_NOTE)?).into_owned();
    let wrong = |error| Failure::mistake(format_args!("{}: {error}", path.display()));
    SignedNote::parse(&text).map_err(wrong)
}

/// The public keys in files, one each.
fn note_keys(files: &[PathBuf]) -> Result<Vec<NoteKey>, Failure> {
    let key = |file: &PathBuf| {
        let pem = read(file, MAX_KEY)?;
        NoteKey::from_pem(&String::from_utf8_lossy(&pem)).map_err(|error| {
            Failure::mistake(format_args!("{}: {error}", file.display()))
                .remedy("name the public half: openssl pkey -in ledger.pem -pubout")
        })
    };
    files.iter().map(key).collect()
}

/// The most that is read of a file of many checkpoints, in bytes: a year of one every minute.
const MAX_NOTES: u64 = 256 * 1024 * 1024;

/// Every checkpoint of a file, or of the files of a folder.
fn notes_in(path: &Path) -> Result<Vec<SignedNote>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
    };
    let mut notes = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|error| wrong(&error))? {
            let file = entry.map_err(|error| wrong(&error))?.path();
            if file.is_file() {
                notes.extend(notes_in(&file)?);
            }
        }
    } else {
        let text = String::from_utf8_lossy(&read(path, MAX_NOTES)?).into_owned();
        notes = SignedNote::parse_all(&text).map_err(|error| wrong(&error))?;
    }
    if notes.is_empty() {
        return Err(wrong(&"there is no checkpoint in it"));
    }
    Ok(notes)
}

/// The checkpoint that is meant: the one in a file, or else the one that was signed last.
async fn meant(file: Option<&Path>, store: &dyn LedgerStore) -> Result<SignedNote, Failure> {
    if let Some(file) = file {
        return note_in(file);
    }
    last_signed(store).await.map_err(|error| match error {
        NotSigned::Unavailable(error) => Failure::undetermined(error),
        NotSigned::Yet => Failure::mistake(error).remedy(NotSigned::REMEDY),
        error => Failure::not_so(error),
    })
}

/// The size of a checkpoint: a number, or that of the one in a file.
fn size_in(word: &str) -> Result<u64, Failure> {
    if let Ok(size) = word.parse() {
        return Ok(size);
    }
    let note = note_in(Path::new(word))?;
    let checkpoint = Checkpoint::parse(&note.text);
    let checkpoint = checkpoint.map_err(|error| {
        Failure::mistake(format_args!("{word}: {error}"))
            .remedy("write a number of entries, or name the file of a checkpoint")
    })?;
    Ok(checkpoint.size)
}

/// The sizes of checkpoints.
fn sizes_in(words: &[String]) -> Result<Vec<u64>, Failure> {
    words.iter().map(|word| size_in(word)).collect()
}

/// Where to write: a file, which is not there yet, or standard output.
fn writer(out: Option<&PathBuf>) -> Result<Box<dyn Write + Send>, Failure> {
    let Some(path) = out else {
        return Ok(Box::new(std::io::BufWriter::new(std::io::stdout())));
    };
    let file = std::fs::File::create_new(path).map_err(|error| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
            .remedy("name a file that is not there yet")
    })?;
    Ok(Box::new(std::io::BufWriter::new(file)))
}
