//! `postern ledger prove`.

use std::path::PathBuf;

use postern_auditor::ledger::export_one;

use super::export::failed;
use super::{meant, writer};
use crate::data::{DataArgs, existing_store};
use crate::outcome::{Exit, Failure, Outcome};

/// Prove that one entry stands in the record.
///
/// Prints an export of that entry alone, with the signed checkpoint and the hashes that lead to it.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The entry's id: of a decision, the decision's.
    #[arg(value_name = "ENTRY")]
    entry: String,
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
  postern ledger prove 01J… | postern ledger verify - --key ledger.pub";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing_store(&args.data.data).await?;
    let note = meant(args.checkpoint.as_deref(), &store).await?;
    let mut to = writer(args.out.as_ref())?;
    let found = export_one(&store, &note, &args.entry, &mut to).await;
    if !found.map_err(failed)? {
        let message = format!("the checkpoint has no entry {:?}", args.entry);
        return Err(Failure::not_so(message)
            .remedy("sign what was recorded since: postern ledger checkpoint --key KEY"));
    }
    Ok(Exit::Done)
}
