//! `postern signature`: one signature, looked at by itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use postern_core::attestor::SignatureAlgorithm;
use postern_verify::{KeyError, PgpKey, PkixKey, SignatureError};

use super::key::{MAX_KEY, read};
use crate::outcome::{Exit, Failure, Outcome};
use crate::{data, output};

/// Look at one signature, without attestors, policies or images.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Verify(VerifyArgs),
}

/// Verify a signature over a payload, as the gate would.
///
/// Prints `valid` and exits with 0, or `invalid` and exits with 1. Why it is invalid is said on
/// stderr.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
struct VerifyArgs {
    /// The algorithm, in either spelling of the API or as gcloud takes it, such as
    /// ECDSA_P256_SHA256 or rsa-pss-2048-sha256.
    #[arg(long, value_name = "ALG", requires = "public_key")]
    algorithm: Option<SignatureAlgorithm>,
    /// The public key: PEM of a SubjectPublicKeyInfo.
    #[arg(
        long,
        value_name = "FILE",
        requires = "algorithm",
        required_unless_present = "pgp_public_key"
    )]
    public_key: Option<PathBuf>,
    /// An armored OpenPGP public key; the signature is then an armored attached message.
    #[arg(long, value_name = "FILE", conflicts_with = "public_key")]
    pgp_public_key: Option<PathBuf>,
    /// The signature: DER for ECDSA, raw for RSA, what `gpg --armor --sign` writes for OpenPGP.
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
    /// The bytes that were signed.
    #[arg(long, value_name = "FILE")]
    payload: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  postern payload us-docker.pkg.dev/p/repo/app@sha256:… > payload.json
  openssl dgst -sha256 -sign key.pem -out payload.sig payload.json
  postern signature verify --algorithm ECDSA_P256_SHA256 --public-key key.pub \\
      --signature payload.sig --payload payload.json
  gpg --armor --sign --output payload.asc payload.json
  postern signature verify --pgp-public-key key.asc --signature payload.asc --payload payload.json";

/// The most that is read of a payload or a signature, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

pub(crate) async fn run(args: Args) -> Outcome {
    let Command::Verify(args) = args.command;
    let payload = read(&args.payload, MAX_INPUT)?;
    let signature = read(&args.signature, MAX_INPUT)?;
    match verify(&args, &payload, &signature)? {
        Ok(()) => {
            output::print("valid")?;
            Ok(Exit::Done)
        }
        Err(why) => {
            output::print("invalid")?;
            output::note(format_args!("{}: {why}", why.code()));
            Ok(Exit::No)
        }
    }
}

/// The outer error is about the key, the inner one about the signature.
fn verify(
    args: &VerifyArgs,
    payload: &[u8],
    signature: &[u8],
) -> Result<Result<(), SignatureError>, Failure> {
    match (&args.public_key, args.algorithm, &args.pgp_public_key) {
        (Some(path), Some(algorithm), None) => {
            let key = PkixKey::from_pem(&text(path)?, algorithm);
            let key = key.map_err(|error| wrong_key(path, &error))?;
            Ok(key.verify(payload, signature))
        }
        (None, None, Some(path)) => {
            let key = PgpKey::from_armored(&text(path)?);
            let key = key.map_err(|error| wrong_key(path, &error))?;
            Ok(key.verify(payload, signature, data::now()).map(drop))
        }
        _ => Err(Failure::mistake(
            "give --algorithm with --public-key, or --pgp-public-key alone",
        )),
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    String::from_utf8(read(path, MAX_KEY)?).map_err(|_| {
        Failure::mistake(format_args!("{}: the key is no text", path.display()))
            .remedy("give PEM (openssl pkey -pubout) or armor (gpg --armor --export)")
    })
}

fn wrong_key(path: &Path, error: &KeyError) -> Failure {
    Failure::mistake(format_args!("{}: {error}", path.display()))
        .remedy("check that the file holds the public key, and that --algorithm is the key's")
}
