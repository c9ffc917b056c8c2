//! A database of a PostgreSQL server, which several processes share.
//!
//! Whoever writes holds one advisory lock until the transaction ends. So positions of the journal have
//! no gaps and become visible in their order, there is one ledger however many write, and what SQLite's
//! write lock promises the rest of this crate holds here, too.

use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyPool, ConnectOptions as _, Executor as _};
use url::Url;

use super::{Connections, Options, PATIENCE, READERS, pool, schema};
use crate::error::StoreError;
use crate::writer::{Lock, Writer};

/// Lifts and sets up again what guards the journal against changes.
pub(super) const UNGUARD: &str = "ALTER TABLE entries DISABLE TRIGGER entries_are_not_changed";
pub(super) const GUARD: &str = "ALTER TABLE entries ENABLE TRIGGER entries_are_not_changed";
/// How a transaction begins that sees one state of everything.
pub(super) const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// A process that stops in the middle of a transaction, without its connection being cut, does not
/// hold up the others for longer.
const ABANDONED: Duration = Duration::from_secs(15);
/// What a function's role may do.
const RIGHTS: &str = include_str!("rights.sql");

pub(super) async fn read_only(server: &Url) -> Result<Connections, StoreError> {
    let readers = connect(server, READERS, &Options::default()).await?;
    schema::POSTGRES.check(&readers).await?;
    Ok(Connections {
        readers,
        writer: None,
    })
}

pub(super) async fn writable(server: &Url, options: &Options) -> Result<Connections, StoreError> {
    let pool = connect(server, 1, options).await?;
    // The role of a function may not make tables, and need not where they are there.
    if schema::POSTGRES.check(&pool).await.is_err() {
        schema::POSTGRES.migrate(&pool).await?;
    }
    Ok(Connections {
        readers: connect(server, READERS, options).await?,
        writer: Some(Writer::start(pool, Lock::Advisory)),
    })
}

pub(super) async fn grant(owner: &AnyPool, role: &str) -> Result<(), StoreError> {
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    let statements = RIGHTS.replace(":role", &quoted);
    let mut transaction = owner.begin().await?;
    transaction.execute(sqlx::AssertSqlSafe(statements)).await?;
    Ok(transaction.commit().await?)
}

async fn connect(server: &Url, connections: u32, options: &Options) -> Result<AnyPool, StoreError> {
    let set_up = format!(
        "SET synchronous_commit = on; SET lock_timeout = {}; SET statement_timeout = {}; \
         SET idle_in_transaction_session_timeout = {}",
        options.busy_timeout.as_millis(),
        PATIENCE.as_millis(),
        ABANDONED.as_millis(),
    );
    let address = AnyConnectOptions::from_url(server)?.disable_statement_logging();
    pool(connections, options, address, set_up).await
}

#[cfg(test)]
mod tests;
