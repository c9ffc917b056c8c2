//! `postern store prune`: what is older than it has to be kept.

use jiff::Timestamp;
use postern_store::Retention;

use super::{existing, failed};
use crate::configuration::PlaceArgs;
use crate::data::{local_actor, now};
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Let go of what is older than it has to be kept.
///
/// Of entries that a checkpoint was signed over, only their hashes stay: every checkpoint and proof holds
/// as before, but what the entries said is gone, so export them first. Of events the bytes as they came
/// go, and alerts that were delivered or given up, closed cases with their findings, and what was only
/// remembered. Open cases, pending alerts and entries that are not signed stay. That it was done is an
/// entry itself.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    /// What is older, as a time or a date.
    #[arg(long, value_name = "TIME", value_parser = crate::time::moment)]
    before: Timestamp,
    /// Change nothing; say how much it would be.
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Example:
  postern ledger export --until 2025-01-01 --out record-2024.ndjson
  postern store prune --before 2025-01-01";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing(&args.place).await?;
    let what = Retention {
        before: args.before,
        by: local_actor(),
        dry_run: args.dry_run,
    };
    let pruned = store.prune(&what, now()).await.map_err(failed)?;
    store.close().await;
    let (entries, rows, size) = (pruned.entries, pruned.rows, pruned.checkpoint_size);
    let would = match args.dry_run {
        true => "would be",
        false => "are",
    };
    output::print(format_args!(
        "of {size} signed entries, {entries} {would} only hashes now; {rows} rows besides them {would} gone or empty"
    ))?;
    Ok(Exit::Done)
}
