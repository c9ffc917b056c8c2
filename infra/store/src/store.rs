//! Opening and closing the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_core::ports::Unavailable;
use sqlx::ConnectOptions as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::OnceCell;

use crate::error::StoreError;
use crate::rows::Transaction;
use crate::writer::Writer;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

const READERS: u32 = 4;
/// The database in a data directory.
const FILE_NAME: &str = "postern.db";
/// Between two attempts to open: processes that make the same new database at once get in each
/// other's way before there is a lock to wait for.
const OPENING_PAUSE: Duration = Duration::from_millis(50);

/// How the database is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a write waits for the lock that another process holds.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
        }
    }
}

/// The database. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    name: Arc<str>,
    path: Arc<Path>,
    access: Access,
    connections: Arc<OnceCell<Connections>>,
}

#[derive(Debug, Clone)]
enum Access {
    Write(Options),
    Read,
}

#[derive(Debug)]
struct Connections {
    readers: SqlitePool,
    writer: Option<Writer>,
}

impl Store {
    /// Opens `sqlite:PATH`; makes the directory, the file and the tables where they are missing.
    ///
    /// # Errors
    /// If it is no such URL, or the file cannot be made, is damaged, or of a newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Options::default()).await
    }

    /// As [`Store::open`], with other options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(url: &str, options: Options) -> Result<Self, StoreError> {
        let store = Self::lazy(url, options)?;
        store.connections().await?;
        Ok(store)
    }

    /// Opens the database in a data directory: `DIR/postern.db`, what `store:DIR` means.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_directory(directory: &Path) -> Result<Self, StoreError> {
        Self::open(&url_in(directory)).await
    }

    /// As [`Store::open_directory`], of a database that is there, and only to read it.
    ///
    /// # Errors
    /// As [`Store::open_read_only`].
    pub async fn open_directory_read_only(directory: &Path) -> Result<Self, StoreError> {
        Self::open_read_only(&url_in(directory)).await
    }

    /// As [`Store::open_with`], but opened by whatever uses it first, and tried again by the next
    /// after a failure: a function can start, and open its emergency door, while the database is
    /// down.
    ///
    /// # Errors
    /// If it is no such URL.
    pub fn lazy(url: &str, options: Options) -> Result<Self, StoreError> {
        Ok(Self::unopened(&path_of(url)?, Access::Write(options)))
    }

    /// Opens an existing `sqlite:PATH` that is never written; every write is an error.
    ///
    /// # Errors
    /// If it is not there, damaged, or of another version.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let store = Self::unopened(&path_of(url)?, Access::Read);
        store.connections().await?;
        Ok(store)
    }

    /// Whether the database can be read, and written within the busy timeout.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn health(&self) -> Result<(), Unavailable> {
        self.check_health()
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Waits for what is being written and closes every connection. Later calls are errors.
    pub async fn close(&self) {
        if let Some(connections) = self.connections.get() {
            connections.readers.close().await;
            if let Some(writer) = &connections.writer {
                writer.pool().close().await;
            }
        }
    }

    /// What evidence and errors call it: `store:DIR`.
    pub(crate) fn source_name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn readers(&self) -> Result<&SqlitePool, StoreError> {
        Ok(&self.connections().await?.readers)
    }

    pub(crate) async fn writer(&self) -> Result<&Writer, StoreError> {
        let writer = self.connections().await?.writer.as_ref();
        writer.ok_or(StoreError::ReadOnly)
    }

    /// A transaction that may write, and is alone in that from its start.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        self.writer().await?.begin().await
    }

    pub(crate) fn unavailable(&self, error: StoreError) -> Unavailable {
        error.unavailable(&self.name)
    }

    fn unopened(path: &Path, access: Access) -> Self {
        Self {
            name: name_of(path),
            path: path.into(),
            access,
            connections: Arc::default(),
        }
    }

    async fn connections(&self) -> Result<&Connections, StoreError> {
        let connect = || async {
            match &self.access {
                Access::Read => read_only(&self.path).await,
                Access::Write(options) => writable(&self.path, options).await,
            }
        };
        self.connections.get_or_try_init(connect).await
    }

    async fn check_health(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT position FROM entries ORDER BY position DESC LIMIT 1")
            .fetch_optional(self.readers().await?)
            .await?;
        if matches!(self.access, Access::Write(_)) {
            self.begin().await?.rollback().await?;
        }
        Ok(())
    }
}

async fn read_only(path: &Path) -> Result<Connections, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_owned()));
    }
    let readers = readers(path, &Options::default()).await?;
    check_schema(&readers).await?;
    Ok(Connections {
        readers,
        writer: None,
    })
}

async fn writable(path: &Path, options: &Options) -> Result<Connections, StoreError> {
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
    let connection = connect_options(path, options)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(acquire_timeout(options))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(connection)
        .await?;
    MIGRATOR.run(&pool).await?;
    Ok(Connections {
        readers: readers(path, options).await?,
        writer: Some(Writer::start(pool)),
    })
}

fn url_in(directory: &Path) -> String {
    format!("sqlite:{}", directory.join(FILE_NAME).display())
}

fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && !path.starts_with(":memory:") => {
            // Both `sqlite:PATH` and `sqlite://PATH` are written.
            Ok(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
        }
        _ => Err(StoreError::Url(without_credentials(url))),
    }
}

/// The URL of another database may hold a password.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("{}://…", postern_core::image::shortened(scheme)),
        None => postern_core::image::shortened(url),
    }
}

fn name_of(path: &Path) -> Arc<str> {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let directory = directory.unwrap_or(Path::new("."));
    format!("store:{}", directory.display()).into()
}

fn make_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent().filter(|parent| *parent != Path::new("")) else {
        return Ok(());
    };
    crate::files::make_private_directory(directory).map_err(|source| StoreError::Directory {
        path: directory.to_owned(),
        source: Arc::new(source),
    })
}

fn connect_options(path: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .disable_statement_logging()
}

/// How long a write waits for the one before it, which may be waiting for the lock; and how long a
/// connection may take to be made on a machine that is busy.
fn acquire_timeout(options: &Options) -> Duration {
    options.busy_timeout * 2 + Duration::from_secs(5)
}

async fn readers(path: &Path, options: &Options) -> Result<SqlitePool, StoreError> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(acquire_timeout(options))
        .test_before_acquire(false)
        .connect_with(connect_options(path, options).read_only(true))
        .await?;
    Ok(pool)
}

/// Every migration of this version was applied, and none of a later one.
async fn check_schema(pool: &SqlitePool) -> Result<(), StoreError> {
    use sqlx::migrate::MigrateError;
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
            .fetch_all(pool)
            .await?;
    let known: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Err(MigrateError::VersionMissing(*newer).into());
    }
    match known.iter().find(|version| !applied.contains(version)) {
        Some(missing) => Err(MigrateError::VersionNotPresent(*missing).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
