//! The data directory of commands that work without a server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use postern_core::decision::Decision;
use postern_core::entry::Entry;
use postern_core::ports::{BreakGlassUses, EmergencySpool, Journal, RevocationList, Unavailable};
use postern_core::revocation::Revocations;
use postern_gate::DecisionObserver;
use postern_store::{Spool, Store};

use crate::outcome::Failure;

#[derive(clap::Args, Clone)]
pub(crate) struct DataArgs {
    /// The data directory: journal, revocations, attestations. Or the URL of a PostgreSQL database.
    #[arg(
        long,
        value_name = "DIR",
        env = "POSTERN_DATA",
        default_value = "postern-data"
    )]
    pub(crate) data: PathBuf,
}

/// A data directory, or nothing where there is none and none is needed.
pub(crate) struct Data {
    spool: PathBuf,
    store: Option<Store>,
}

impl Data {
    /// Opens the data directory if there is one; `needed` makes it.
    pub(crate) async fn open(args: &DataArgs, needed: bool) -> Result<Arc<Self>, Failure> {
        let store = if needed || Store::may_exist(&args.data) {
            Some(open_store(&args.data).await?)
        } else {
            None
        };
        let spool = match &store {
            Some(store) => store.spool_directory(),
            None => args.data.join("spool"),
        };
        Ok(Arc::new(Self { spool, store }))
    }

    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }
}

/// Opens, or makes, the database of a data directory.
pub(crate) async fn open_store(directory: &Path) -> Result<Store, Failure> {
    Store::open_data(directory).await.map_err(|error| {
        Failure::undetermined(format_args!(
            "the data directory {}: {error}",
            directory.display()
        ))
        .remedy("name another one with --data DIR")
    })
}

/// Opens the database of a data directory that is there already.
pub(crate) async fn existing_store(directory: &Path) -> Result<Store, Failure> {
    if !Store::may_exist(directory) {
        let message = format!("{} is no data directory", directory.display());
        return Err(Failure::mistake(message)
            .remedy("name one with --data DIR, or a server with --server URL"));
    }
    open_store(directory).await
}

/// Opens the database whose revocation list is to change, and says so if it is a new one: a gate
/// that works on another one goes on allowing.
pub(crate) async fn store_for_list(directory: &Path) -> Result<Store, Failure> {
    if !Store::may_exist(directory) {
        crate::output::note(format_args!(
            "note: {} is a new data directory; name the one that the gate works on with --data DIR",
            directory.display()
        ));
    }
    open_store(directory).await
}

/// The time, in milliseconds.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(jiff::Unit::Millisecond).unwrap_or(now)
}

/// Who acts where a command works on a data directory: a name, and never a second person.
pub(crate) fn local_actor() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    format!("local:{}", user.as_deref().unwrap_or("unknown"))
}

#[async_trait]
impl RevocationList for Data {
    async fn revocations(&self) -> Result<Revocations, Unavailable> {
        match &self.store {
            Some(store) => store.revocations().await,
            None => Ok(Revocations::default()),
        }
    }
}

#[async_trait]
impl Journal for Data {
    /// Without a data directory there is nothing to record in: the decision is only printed.
    async fn append(&self, entries: Vec<Entry>) -> Result<(), Unavailable> {
        match &self.store {
            Some(store) => store.append(entries).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl BreakGlassUses for Data {
    async fn break_glass_uses(&self, caller: &str, since: Timestamp) -> Result<u32, Unavailable> {
        match &self.store {
            Some(store) => store.break_glass_uses(caller, since).await,
            None => Ok(0),
        }
    }
}

#[async_trait]
impl EmergencySpool for Data {
    async fn record(&self, entry: &Entry) -> Result<(), Unavailable> {
        let spool = Spool::open(&self.spool).map_err(|error| Unavailable::new("spool", error))?;
        spool.record(entry).await
    }
}

#[async_trait]
impl DecisionObserver for Data {
    async fn decided(&self, _decision: &Decision) {}
}
