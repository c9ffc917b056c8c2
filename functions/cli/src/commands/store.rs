//! `postern store`: the database itself: its tables, its roles, its backups.

mod backup;
mod forget;
mod migrate;
mod prune;

use std::path::PathBuf;

use clap::Subcommand;
use postern_store::{Store, StoreError};

use crate::configuration;
use crate::data::DataArgs;
use crate::embedded;
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

/// Which database.
#[derive(clap::Args)]
struct PlaceArgs {
    /// The configuration, as for `postern serve`.
    #[arg(long, value_name = "FILE", env = "POSTERN_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl PlaceArgs {
    /// What `postern serve` would work on with these arguments.
    async fn url(&self) -> Result<String, Failure> {
        let file = self.config.as_deref();
        let (config, _) = configuration::load(file).await?;
        Ok(embedded::with_store(config, &self.data.data).store)
    }

    /// The database, which is made where it is missing.
    async fn open(&self) -> Result<Store, Failure> {
        Store::open(&self.url().await?).await.map_err(failed)
    }

    /// The database, which is there.
    async fn existing(&self) -> Result<Store, Failure> {
        self.read().await?.close().await;
        self.open().await
    }

    /// The database, which is there and only read.
    async fn read(&self) -> Result<Store, Failure> {
        Store::open_read_only(&self.url().await?)
            .await
            .map_err(failed)
    }
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
