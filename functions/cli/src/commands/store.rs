//! `postern store`: the database itself: its tables, its roles, its backups.

mod backup;
mod forget;
mod migrate;
mod prune;

use clap::Subcommand;
use postern_store::{Store, StoreError};

use crate::configuration::PlaceArgs;
use crate::outcome::{Failure, Outcome};

/// Look after the database: its tables, its backups, and what is kept in it for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Migrate(migrate::Args),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Prune(prune::Args),
    Forget(forget::Args),
}

/// The database, which is made where it is missing.
async fn open(place: &PlaceArgs) -> Result<Store, Failure> {
    let (config, _) = place.load().await?;
    Store::open(&config.store).await.map_err(failed)
}

/// The database, which is there.
async fn existing(place: &PlaceArgs) -> Result<Store, Failure> {
    read(place).await?.close().await;
    open(place).await
}

/// The database, which is there and only read.
async fn read(place: &PlaceArgs) -> Result<Store, Failure> {
    let (config, _) = place.load().await?;
    Store::open_read_only(&config.store).await.map_err(failed)
}

pub(crate) async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Migrate(args) => migrate::run(&args).await,
        Command::Backup(args) => backup::back_up(&args).await,
        Command::Restore(args) => backup::restore(&args).await,
        Command::Prune(args) => prune::run(&args).await,
        Command::Forget(args) => forget::run(&args).await,
    }
}

fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::Missing(_) => Failure::mistake(error).remedy(
            "name the data directory with --data DIR, or the configuration with --config FILE",
        ),
        StoreError::Occupied(_)
        | StoreError::NoRoles
        | StoreError::Plaintext(_)
        | StoreError::NameTooShort => Failure::mistake(error),
        StoreError::StillNamed(_) => Failure::not_so(error).remedy("postern case show ID"),
        StoreError::Unsigned => {
            Failure::not_so(error).remedy("postern ledger checkpoint --key file:KEY")
        }
        error => Failure::undetermined(error),
    }
}
