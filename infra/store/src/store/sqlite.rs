//! A database in a file.
//!
//! One connection writes, in transactions that take the write lock at their start; a few others read.
//! The log is written ahead (WAL) and synced at every commit.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::any::AnyConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyPool, ConnectOptions as _};

use super::{Connections, Options, READERS, pool, schema};
use crate::error::StoreError;
use crate::writer::{Lock, Writer};

/// Lifts and sets up again what guards the journal against changes.
pub(super) const UNGUARD: &str = "DROP TRIGGER entries_are_not_changed";
pub(super) const GUARD: &str = "CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END";
/// Between two attempts to open: processes that make the same new database at once get in each
/// other's way before there is a lock to wait for.
const OPENING_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn read_only(path: &Path) -> Result<Connections, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let readers = readers(path, &Options::default()).await?;
    schema::SQLITE.check(&readers).await?;
    Ok(Connections {
        readers,
        writer: None,
    })
}

pub(super) async fn writable(path: &Path, options: &Options) -> Result<Connections, StoreError> {
    make_directory(path)?;
    let give_up = Instant::now() + options.busy_timeout;
    loop {
        match writable_once(path, options).await {
            Err(error) if error.is_race() && Instant::now() < give_up => {
                tokio::time::sleep(OPENING_PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn writable_once(path: &Path, options: &Options) -> Result<Connections, StoreError> {
    let busy = busy_timeout(options);
    let set_up = format!("{busy}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    let address = url(path, |options| options.create_if_missing(true))?;
    let pool = pool(1, options, address, set_up).await?;
    schema::SQLITE.migrate(&pool).await?;
    Ok(Connections {
        readers: readers(path, options).await?,
        writer: Some(Writer::start(pool, Lock::Immediate)),
    })
}

async fn readers(path: &Path, options: &Options) -> Result<AnyPool, StoreError> {
    let address = url(path, |options| options.read_only(true))?;
    pool(READERS, options, address, busy_timeout(options)).await
}

fn busy_timeout(options: &Options) -> String {
    format!("PRAGMA busy_timeout = {}", options.busy_timeout.as_millis())
}

/// The path in the form of a URL, which must be absolute.
fn url(
    path: &Path,
    change: impl FnOnce(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<AnyConnectOptions, StoreError> {
    let path = std::path::absolute(path).map_err(|error| directory_error(path, error))?;
    let options = change(SqliteConnectOptions::new().filename(path));
    Ok(AnyConnectOptions::from_url(&options.to_url_lossy())?.disable_statement_logging())
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent().filter(|parent| *parent != Path::new("")) else {
        return Ok(());
    };
    crate::files::make_private_directory(directory)
        .map_err(|error| directory_error(directory, error))
}

fn directory_error(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Directory {
        path: path.to_owned(),
        source: Arc::new(error),
    }
}
