//! `postern ledger checkpoint`.

use std::path::PathBuf;
use std::sync::Arc;

use postern_auditor::ledger::{Ledger, LedgerError};
use postern_host::config::Config;
use postern_host::environment::Process;

use super::note_keys;
use crate::data::{self, DataArgs, existing_store};
use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Sign the record as it is now, and print the checkpoint.
///
/// A checkpoint is a note of a few lines (c2sp.org/tlog-checkpoint). Keep it where whoever could change
/// the record cannot reach: a later `ledger verify --checkpoint` proves that the record still begins
/// with it. What does not begin with what was signed last is not signed again (exit 1).
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The private key, ECDSA P-256: file:PATH, env:NAME, awskms:///KEY or
    /// gcpkms://projects/P/…/cryptoKeyVersions/V.
    #[arg(long, value_name = "KEY", env = "POSTERN_LEDGER_KEY")]
    key: String,
    /// The public half (PEM) of a key that signed before, if the key was changed: only what one of the
    /// keys signed last is gone on from. Several are allowed.
    #[arg(long, value_name = "FILE")]
    previous_key: Vec<PathBuf>,
    /// The ledger's name. It stands in every checkpoint and never changes.
    #[arg(long, value_name = "NAME", default_value = "postern")]
    origin: String,
    #[command(flatten)]
    data: DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ledger.pem
  postern ledger checkpoint --key file:ledger.pem --origin postern.example.com/prod | tee -a kept.txt";

pub(super) async fn run(args: &Args) -> Outcome {
    let store = existing_store(&args.data.data).await?;
    let signer = postern_wiring::note_signer(&args.key, &Config::default(), &Process).await?;
    let previous = note_keys(&args.previous_key)?;
    let ledger = Ledger::new(Arc::new(store), &args.origin, signer).map_err(failed)?;
    let ledger = ledger.succeeding(previous);
    let note = ledger.checkpoint(data::now()).await.map_err(failed)?;
    output::print_bytes(note.to_string().as_bytes())?;
    Ok(Exit::Done)
}

fn failed(error: LedgerError) -> Failure {
    match error {
        LedgerError::Unavailable(error) => Failure::undetermined(error),
        LedgerError::Forked { .. } => Failure::not_so(error)
            .remedy("compare with a checkpoint that was kept elsewhere: postern ledger verify --checkpoint FILE"),
        LedgerError::Last(_) | LedgerError::LastForged(_) | LedgerError::UnknownKey { .. } => {
            Failure::not_so(error)
        }
        LedgerError::OtherOrigin(_) => {
            Failure::mistake(error).remedy("sign under that name: --origin NAME")
        }
        _ => Failure::mistake(error).remedy(
            "make a key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ledger.pem",
        ),
    }
}
