//! `postern key`: what Binary Authorization calls a key.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use postern_verify::key_id;

use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Say what attestors and signatures call a public key.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Id(IdArgs),
}

/// Print the id that Binary Authorization gives a public key.
///
/// For a PKIX key that is ni:///sha-256;… over its DER form, unless another id was chosen when it
/// was added to the attestor; for an OpenPGP key always its fingerprint.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct IdArgs {
    /// The public key: PEM (`openssl pkey -pubout`) or armored OpenPGP (`gpg --armor --export`).
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  openssl pkey -in key.pem -pubout > key.pub && postern key id key.pub
  gpg --armor --export ci@example.com > key.asc && postern key id key.asc";

/// The most that is read of a key, in bytes.
pub(super) const MAX_KEY: u64 = 64 * 1024;

pub(crate) async fn run(args: Args) -> Outcome {
    let Command::Id(args) = args.command;
    let id = key_id(&read(&args.file, MAX_KEY)?).map_err(|error| {
        Failure::mistake(format_args!("{}: {error}", args.file.display())).remedy(
            "name a public key: openssl pkey -in KEY -pubout, or gpg --armor --export FINGERPRINT",
        )
    })?;
    output::print(id)?;
    Ok(Exit::Done)
}

/// Reads a file whole; a larger one than `limit` bytes is a mistake.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let wrong = |error: std::io::Error| {
        Failure::mistake(format_args!("{}: {error}", path.display()))
            .remedy("name a file that exists and may be read")
    };
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    if bytes.len() as u64 > limit {
        let message = format!("{} has more than {limit} bytes", path.display());
        return Err(Failure::mistake(message));
    }
    Ok(bytes)
}
