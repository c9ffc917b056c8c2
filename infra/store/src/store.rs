//! The database: opening it, beginning transactions, closing it.

mod place;
mod postgres;
mod room;
mod schema;
mod sqlite;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postern_core::ports::Unavailable;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::OnceCell;

use self::place::Place;
use crate::error::StoreError;
use crate::rows::Transaction;
use crate::writer::Writer;

const READERS: u32 = 4;
/// So long may whatever is asked of a database take: who asks has mostly given up before.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// So long may one call go on with work that can be left for the next one.
pub(crate) const TURN: Duration = Duration::from_secs(10);

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

impl Options {
    /// For a command that somebody waits for: it has no deadline, and a server that has much to write leaves
    /// others few moments for it.
    const fn patient() -> Self {
        Self {
            busy_timeout: Duration::from_secs(25),
        }
    }
}

/// The database. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    name: Arc<str>,
    place: Arc<Place>,
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
    readers: AnyPool,
    writer: Option<Writer>,
}

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…`. Makes the tables where they are missing; of SQLite the
    /// directory and the file, too.
    ///
    /// # Errors
    /// If it is no such URL, or the database cannot be reached or made, is damaged, or of a newer
    /// version.
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

    /// Opens what `store:DIR` and `--data DIR` mean: the database in a data directory, which is
    /// `DIR/postern.db`, or one of a server where it is the URL of that.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_data(directory: &Path) -> Result<Self, StoreError> {
        let patient = Access::Write(Options::patient());
        let store = Self::unopened(Place::of_data(directory)?, patient);
        store.connections().await?;
        Ok(store)
    }

    /// As [`Store::open_data`], of a database that is there, and only to read it.
    ///
    /// # Errors
    /// As [`Store::open_read_only`].
    pub async fn open_data_read_only(directory: &Path) -> Result<Self, StoreError> {
        let store = Self::unopened(Place::of_data(directory)?, Access::Read);
        store.connections().await?;
        Ok(store)
    }

    /// As [`Store::open_with`], but opened by whatever uses it first, and tried again by the next
    /// after a failure: a function can start, and open its emergency door, while the database is
    /// down.
    ///
    /// # Errors
    /// If it is no such URL.
    pub fn lazy(url: &str, options: Options) -> Result<Self, StoreError> {
        Ok(Self::unopened(Place::of(url)?, Access::Write(options)))
    }

    /// Opens an existing database that is never written; every write is an error.
    ///
    /// # Errors
    /// If it is no such URL, not there, damaged, or of another version.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        let store = Self::unopened(Place::of(url)?, Access::Read);
        store.connections().await?;
        Ok(store)
    }

    /// The URL of what `--data` names.
    pub fn url_of(data: &Path) -> String {
        Place::of_data(data).map_or_else(|_| data.display().to_string(), |place| place.url())
    }

    /// Whether what `--data` names may be there, without a look at what it holds.
    pub fn may_exist(data: &Path) -> bool {
        Place::of_data(data).is_ok_and(|place| place.may_exist())
    }

    /// Where break-glass is spooled while the database is down: beside a file, else in the directory
    /// for temporary files.
    pub fn spool_directory(&self) -> PathBuf {
        self.place.spool()
    }

    /// Lets a role of PostgreSQL do what a function does, and nothing else: add to the journal and the
    /// ledger, and keep cases and alerts. Say who owns the tables by the URL of this store.
    ///
    /// # Errors
    /// If it is SQLite, which has no roles, the role is not there, or is not the store's to grant to.
    pub async fn grant(&self, role: &str) -> Result<(), StoreError> {
        let Place::Server(_) = *self.place else {
            return Err(StoreError::NoRoles);
        };
        postgres::grant(self.writer().await?.pool(), role).await
    }

    /// Whether the database can be read, and written within the busy timeout, and its disk has room.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn health(&self) -> Result<(), Unavailable> {
        self.answer(self.check_health()).await
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

    /// What evidence and errors call it: `store:DIR`, or `postgres:HOST/DATABASE`.
    pub(crate) fn source_name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn readers(&self) -> Result<&AnyPool, StoreError> {
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

    /// A transaction that reads, and sees one state of everything.
    pub(crate) async fn begin_reading(&self) -> Result<Transaction, StoreError> {
        let readers = self.readers().await?;
        Ok(match *self.place {
            Place::File(_) => readers.begin().await?,
            Place::Server(_) => readers.begin_with(postgres::BEGIN_READING).await?,
        })
    }

    /// Lets a transaction take as long as it needs.
    pub(crate) async fn unhurried(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        if let Place::Server(_) = *self.place {
            let unlimited = "SET LOCAL statement_timeout = 0";
            transaction.execute(unlimited).await?;
        }
        Ok(())
    }

    /// Lifts what guards the journal against changes, until [`Store::guard`]. Only who owns the tables can.
    pub(crate) async fn unguard(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let lift = match *self.place {
            Place::File(_) => sqlite::UNGUARD,
            Place::Server(_) => postgres::UNGUARD,
        };
        transaction.execute(lift).await?;
        Ok(())
    }

    /// Guards the journal again.
    pub(crate) async fn guard(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let guard = match *self.place {
            Place::File(_) => sqlite::GUARD,
            Place::Server(_) => postgres::GUARD,
        };
        transaction.execute(guard).await?;
        Ok(())
    }

    /// Has the database give up the space of what was deleted. SQLite's file holds nothing of it then;
    /// PostgreSQL writes over it in time.
    pub(crate) async fn scrub(&self) -> Result<(), StoreError> {
        let pool = self.writer().await?.pool();
        pool.execute("VACUUM").await?;
        if let Place::File(_) = *self.place {
            pool.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        Ok(())
    }

    /// What work comes to, as the ports have it. Work that does not end is an outage as well.
    pub(crate) async fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unavailable> {
        let done = tokio::time::timeout(PATIENCE, work).await;
        let done = done.unwrap_or(Err(StoreError::Silent(PATIENCE)));
        done.map_err(|error| error.unavailable(&self.name))
    }

    fn unopened(place: Place, access: Access) -> Self {
        Self {
            name: place.name(),
            place: Arc::new(place),
            access,
            connections: Arc::default(),
        }
    }

    async fn connections(&self) -> Result<&Connections, StoreError> {
        let connect = || async {
            sqlx::any::install_default_drivers();
            match (&*self.place, &self.access) {
                (Place::File(path), Access::Read) => sqlite::read_only(path).await,
                (Place::File(path), Access::Write(options)) => {
                    sqlite::writable(path, options).await
                }
                (Place::Server(server), Access::Read) => postgres::read_only(server).await,
                (Place::Server(server), Access::Write(options)) => {
                    postgres::writable(server, options).await
                }
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
            if let Place::File(path) = &*self.place {
                room::check(path).await?;
            }
        }
        Ok(())
    }
}

/// A pool of so many connections, each of which starts with the same statements and is kept until the
/// pool is closed, or it fails.
async fn pool(
    connections: u32,
    options: &Options,
    address: AnyConnectOptions,
    set_up: String,
) -> Result<AnyPool, StoreError> {
    // A pool tries again until its time is up, and then does not say what was wrong.
    let mut first = AnyConnection::connect_with(&address).await?;
    run(&mut first, set_up.clone()).await?;
    first.close().await?;
    let is_file = address.database_url.scheme() == "sqlite";
    let pool = AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(acquire_timeout(options))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(!is_file)
        .after_release(|connection, _| Box::pin(has_no_transaction(connection)))
        .after_connect(move |connection, _| Box::pin(run(connection, set_up.clone())))
        .connect_lazy_with(address);
    Ok(pool)
}

/// Whether a connection may be used again. A database that has no room, or an error of its disk, ends
/// a transaction by itself; the driver still counts it, and would begin no other one ever again.
async fn has_no_transaction(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // One that was dropped is being rolled back.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

async fn run(connection: &mut AnyConnection, statements: String) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(statements)).await?;
    Ok(())
}

/// How long a write waits for the one before it, which may be waiting for the lock; and how long a
/// connection may take to be made on a machine that is busy.
fn acquire_timeout(options: &Options) -> Duration {
    options.busy_timeout * 2 + Duration::from_secs(5)
}

#[cfg(test)]
mod tests;
