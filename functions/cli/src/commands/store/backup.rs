//! `postern store backup|restore`: everything into a file, and back.

use std::path::PathBuf;

use postern_core::bytes::Base64;
use postern_store::Copied;

use super::{failed, open, read};
use crate::configuration::PlaceArgs;
use crate::outcome::{Exit, Outcome};
use crate::output;

/// Write everything into a new file, as it is at this moment.
///
/// The file is a database of SQLite, whatever it was made from: `--data` of other commands, `postern
/// ledger verify` among them, can read it where it is called `postern.db`. It holds all that the
/// database holds, so keep it as you keep that.
#[derive(clap::Args)]
pub(super) struct BackupArgs {
    /// The file, which must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Write everything that a backup holds into an empty database.
///
/// From SQLite to PostgreSQL and back is possible, too. The ledger is checked before anything counts: its
/// leaves must give its root.
#[derive(clap::Args)]
pub(super) struct RestoreArgs {
    /// The file, made by `postern store backup`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn back_up(args: &BackupArgs) -> Outcome {
    let store = read(&args.place).await?;
    let copied = store.back_up(&args.file).await.map_err(failed)?;
    output::print(format_args!(
        "{} holds {}",
        args.file.display(),
        said(&copied)
    ))?;
    Ok(Exit::Done)
}

pub(super) async fn restore(args: &RestoreArgs) -> Outcome {
    let store = open(&args.place).await?;
    let copied = store.restore(&args.file).await.map_err(failed)?;
    store.close().await;
    output::print(format_args!("restored {}", said(&copied)))?;
    Ok(Exit::Done)
}

fn said(copied: &Copied) -> String {
    let root = Base64::encode(&copied.root);
    let (rows, size) = (copied.rows, copied.size);
    format!("{rows} rows; the ledger has {size} entries and the root {root}")
}
