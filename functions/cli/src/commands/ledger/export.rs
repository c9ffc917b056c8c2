//! `postern ledger export`.

use std::path::PathBuf;

use jiff::Timestamp;
use postern_auditor::ledger::{NotExported, Selection, export};

use super::pack::{self, Contents};
use super::{meant, sizes_in, writer};
use crate::data::{DataArgs, existing_store};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Write the record, or a part of it, so that anybody can verify it offline.
///
/// One JSON object per line: first the signed checkpoint, then the entries in their canonical form. Of a
/// part (`--since`, `--until`, `--case`) each entry comes with the proof that it stands in the checkpoint.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The checkpoint to export under, in place of the one that was signed last.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Only entries recorded at this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only entries recorded before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only what is about this case.
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// Prove as well that the record begins with this earlier checkpoint: its number of entries, or a
    /// file with it. Several are allowed. A whole export proves that of every checkpoint by itself.
    #[arg(long, value_name = "SIZE|FILE")]
    from: Vec<String>,
    /// Where to; nothing is standard output. A file must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write an evidence pack instead, into a folder that is not there yet: the export, its checkpoint,
    /// the texts behind its commitments, a report (HTML), and a manifest with the hash of each. It names
    /// people, and is to be kept as such.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pack: Option<PathBuf>,
    /// The public key, PEM, to put a copy of into the pack.
    #[arg(long, value_name = "FILE", requires = "pack")]
    key: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  postern ledger export --out record.ndjson
  postern ledger export --since 2026-10-01T00:00:00Z --until 2026-11-01T00:00:00Z --out october.ndjson
  postern ledger export --pack q4 --since 2026-10-01T00:00:00Z --from kept.txt --key ledger.pub
  postern ledger export --case 01J… | postern ledger verify - --key ledger.pub";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing_store(&args.data.data).await?;
    let note = meant(args.checkpoint.as_deref(), &store).await?;
    let selection = Selection {
        since: args.since,
        until: args.until,
        case: args.case.clone(),
        ..Selection::default()
    };
    let from = sizes_in(&args.from)?;
    if let Some(folder) = &args.pack {
        let contents = Contents {
            note: &note,
            selection: &selection,
            from: &from,
            key: args.key.as_deref(),
        };
        let count = pack::write(&store, &contents, folder).await?;
        output::note(format_args!("{count} entries in {}", folder.display()));
        return Ok(Exit::Done);
    }
    let mut to = writer(args.out.as_ref())?;
    let written = export(&store, &note, &selection, &from, &mut to).await;
    let count = written.map_err(failed)?;
    output::note(format_args!("{count} entries"));
    Ok(Exit::Done)
}

pub(super) fn failed(error: NotExported) -> Failure {
    match error {
        NotExported::Broken(broken) => Failure::not_so(broken),
        NotExported::Pruned(_) => Failure::not_so(error),
        NotExported::NoEntry(_) => Failure::not_so(error)
            .remedy("sign what was recorded since: postern ledger checkpoint --key KEY"),
        NotExported::Smaller { .. } => Failure::mistake(error),
        error => Failure::undetermined(error),
    }
}
