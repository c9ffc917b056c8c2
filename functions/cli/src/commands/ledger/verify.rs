//! `postern ledger verify`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use postern_auditor::ledger::{Earlier, Gap, Verified, verify};
use serde_json::json;

use super::{meant, note_keys, notes_in, pack};
use crate::data::existing_store;
use crate::escape;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Verify an export, or a data directory, with nothing but the public key.
///
/// Exits with 0 if everything adds up and with 1 at the first thing that does not. Says what cannot be
/// proven as well: without a checkpoint that was kept elsewhere, nobody can tell whether the whole record
/// was replaced by whoever holds the key.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The export, or an evidence pack (a folder); `-` is standard input. Nothing: the data directory.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The public key, PEM. Several are allowed, where the ledger's key was changed: each checkpoint has
    /// to be signed by one of them.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Checkpoints that were kept: the record has to begin with each of them. A file with one, or with
    /// many in a row, or a folder of such files, as anchors leave them. Several are allowed.
    #[arg(long, value_name = "FILE|DIR", visible_alias = "anchored")]
    checkpoint: Vec<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The data directory, where no export is named.
    #[arg(
        long,
        value_name = "DIR",
        env = "POSTERN_DATA",
        default_value = "postern-data"
    )]
    data: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  postern ledger verify record.ndjson --key ledger.pub --checkpoint kept.txt
  postern ledger verify --data postern-data --key ledger.pub --format json
  postern ledger verify record.ndjson --key old.pub --key new.pub --anchored anchored.txt";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

pub(super) async fn run(args: &Args) -> Outcome {
    let keys = note_keys(&args.key)?;
    let mut kept = Vec::new();
    for path in &args.checkpoint {
        kept.extend(notes_in(path)?.into_iter().map(Earlier));
    }
    if let Some(folder) = args.file.as_ref().filter(|file| file.is_dir()) {
        let (verified, further) = pack::verify(folder, &keys, &kept)?;
        return print(args, &verified, further);
    }
    let verified = match &args.file {
        Some(file) => verify(&mut *open(file)?, &keys, &kept),
        None => {
            let exported = exported(args).await?;
            verify(&mut BufReader::new(exported), &keys, &kept)
        }
    };
    let verified = verified.map_err(pack::not_verified)?;
    if verified.selection.nothing && verified.begins_with.is_empty() {
        return Err(
            Failure::mistake("there is nothing to hold the proof against")
                .remedy("name the earlier checkpoint that was kept: --checkpoint FILE"),
        );
    }
    print(args, &verified, Vec::new())
}

fn print(args: &Args, verified: &Verified, further: Vec<String>) -> Outcome {
    let unproven = [unproven(verified), further].concat();
    match args.format {
        Format::Text => {
            let several = args.key.len() > 1;
            output::print_bytes(text(verified, several, &unproven).as_bytes())?;
        }
        Format::Json => output::print_json(&json(verified, &unproven))?,
    }
    Ok(Exit::Done)
}

fn open(file: &std::path::Path) -> Result<Box<dyn BufRead>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|error| {
        Failure::mistake(format_args!("{}: {error}", file.display()))
            .remedy("name an export: postern ledger export --out FILE")
    })?;
    Ok(Box::new(BufReader::new(opened)))
}

/// The record of the data directory, exported to a file that nobody sees.
async fn exported(args: &Args) -> Result<File, Failure> {
    let store = existing_store(&args.data).await?;
    let note = meant(None, &store).await?;
    let mut file = tempfile::tempfile().map_err(Failure::undetermined)?;
    let mut to = io::BufWriter::new(&mut file);
    let written =
        postern_auditor::ledger::export(&store, &note, &Default::default(), &[], &mut to).await;
    written.map_err(super::export::failed)?;
    to.flush().map_err(Failure::undetermined)?;
    drop(to);
    io::Seek::rewind(&mut file).map_err(Failure::undetermined)?;
    Ok(file)
}

fn text(verified: &Verified, several_keys: bool, unproven: &[String]) -> String {
    let checkpoint = &verified.checkpoint;
    let mut lines = vec![
        format!(
            "{} entries of the {} that were signed: all as they were recorded",
            verified.entries, checkpoint.size
        ),
        format!(
            "ledger {}, root {}",
            checkpoint.origin,
            hex::encode(checkpoint.root)
        ),
    ];
    if several_keys {
        let key = hex::encode(verified.signed_by);
        lines.push(format!("signed by the key with the id {key}"));
    }
    if let Some((first, last)) = verified.period {
        lines.push(format!("recorded from {first} to {last}"));
    }
    lines.extend(
        verified
            .begins_with
            .iter()
            .map(|size| format!("begins with the checkpoint of {size} entries that was kept")),
    );
    lines.extend(unproven.iter().map(|text| format!("NOT PROVEN: {text}")));
    lines.extend(verified.gaps.named.iter().map(gap_text));
    if verified.gaps.unnamed() > 0 {
        lines.push(format!("GAP: and {} more", verified.gaps.unnamed()));
    }
    if verified.gaps.quarantined > 0 {
        lines.push(format!(
            "GAP: {} events could not be read, and are in quarantine",
            verified.gaps.quarantined
        ));
    }
    lines.join("\n") + "\n"
}

/// What this export cannot prove.
fn unproven(verified: &Verified) -> Vec<String> {
    let mut unproven = Vec::new();
    if verified.begins_with.is_empty() {
        unproven.push(
            "that the record was not replaced as a whole by whoever holds the key: no checkpoint that was \
             kept elsewhere was compared (--checkpoint FILE)"
                .to_owned(),
        );
    }
    if !verified.selection.is_everything() {
        unproven
            .push("that nothing else was to be selected: this is a part of the record".to_owned());
    }
    if verified.pruned > 0 {
        unproven.push(format!(
            "what {} entries said: they were pruned, and only their hashes stand in the record",
            verified.pruned
        ));
    }
    unproven.extend(verified.not_compared.iter().map(|size| {
        format!(
            "that the record begins with the {size} entries that were kept: that takes a whole export, or \
             one made with --from {size}"
        )
    }));
    unproven.extend(verified.not_kept.iter().map(|size| {
        format!("that the record begins with the {size} entries that are spoken of: no such checkpoint was brought")
    }));
    unproven
}

fn json(verified: &Verified, unproven: &[String]) -> serde_json::Value {
    let gaps: Vec<_> = verified.gaps.named.iter().map(gap_json).collect();
    json!({
        "apiVersion": "postern/v1",
        "kind": "LedgerVerification",
        "origin": verified.checkpoint.origin,
        "size": verified.checkpoint.size,
        "root": hex::encode(verified.checkpoint.root),
        "signedBy": hex::encode(verified.signed_by),
        "entries": verified.entries,
        "pruned": verified.pruned,
        "from": verified.period.map(|period| period.0),
        "to": verified.period.map(|period| period.1),
        "beginsWith": verified.begins_with,
        "notProven": unproven,
        "gaps": gaps,
        "gapCount": verified.gaps.count,
        "quarantined": verified.gaps.quarantined,
    })
}

fn gap_text(gap: &Gap) -> String {
    let summary = escape::terminal(&gap.summary);
    let until = match gap.until {
        Some(until) => format!(" to {until}"),
        None => " on".to_owned(),
    };
    let kind = gap.kind.word();
    format!(
        "GAP: {kind} from {}{until} (entry {}): {summary}",
        gap.from, gap.index
    )
}

fn gap_json(gap: &Gap) -> serde_json::Value {
    json!({
        "index": gap.index,
        "kind": gap.kind.word(),
        "from": gap.from,
        "until": gap.until,
        "at": gap.found,
        "summary": gap.summary,
    })
}
