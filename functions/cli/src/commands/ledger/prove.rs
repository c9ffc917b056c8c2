//! `postern ledger prove`.

use std::path::PathBuf;

use postern_auditor::ledger::{Selection, export};

use super::export::failed;
use super::{meant, sizes_in, writer};
use crate::data::{DataArgs, existing_store};
use crate::outcome::{Exit, Outcome};

/// Prove that one entry stands in the record, or that the record begins with an earlier checkpoint.
///
/// Prints an export of that entry alone, or of none, with the signed checkpoint and the hashes that lead
/// to it. `ledger verify` needs nothing else but the public key, and the earlier checkpoint.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The entry's id: of a decision, the decision's.
    #[arg(value_name = "ENTRY", required_unless_present = "from")]
    entry: Option<String>,
    /// An earlier checkpoint: its number of entries, or a file with it. Several are allowed.
    #[arg(long, value_name = "SIZE|FILE")]
    from: Vec<String>,
    /// The checkpoint to prove against, in place of the one that was signed last.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Where to; nothing is standard output. A file must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  postern ledger prove 01J… | postern ledger verify - --key ledger.pub
  postern ledger prove --from kept.txt | postern ledger verify - --key ledger.pub --checkpoint kept.txt";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing_store(&args.data.data).await?;
    let note = meant(args.checkpoint.as_deref(), &store).await?;
    let selection = match &args.entry {
        Some(entry) => Selection::entry(entry),
        None => Selection::nothing(),
    };
    let from = sizes_in(&args.from)?;
    let mut to = writer(args.out.as_ref())?;
    let written = export(&store, &note, &selection, &from, &mut to).await;
    written.map_err(failed)?;
    Ok(Exit::Done)
}
