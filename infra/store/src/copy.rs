//! Backup and restore: everything, row by row, from one database into another of whichever kind. A
//! backup is a file of SQLite, whatever it was made from.

use std::path::Path;

use futures::TryStreamExt as _;
use postern_core::ledger::Frontier;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _, SqlSafeStr as _};

use crate::error::StoreError;
use crate::rows::Transaction;
use crate::store::Store;

/// A table as it is copied.
struct Table {
    name: &'static str,
    columns: &'static [Column],
    /// What makes rows come after those that they refer to, and in the order of their arrival.
    order: &'static str,
}

#[derive(Clone, Copy)]
enum Column {
    Text(&'static str),
    Number(&'static str),
    Bytes(&'static str),
}

use Column::{Bytes, Number, Text};

/// Every table but that of migrations. Those that others refer to come first.
const TABLES: &[Table] = &[
    Table {
        name: "entries",
        columns: &[
            Number("position"),
            Text("id"),
            Number("at"),
            Text("kind"),
            Bytes("canonical"),
            Bytes("leaf_hash"),
        ],
        order: "position",
    },
    Table {
        name: "personal",
        columns: &[
            Number("position"),
            Text("commitment"),
            Bytes("salt"),
            Text("body"),
        ],
        order: "position",
    },
    Table {
        name: "deployments",
        columns: &[
            Text("digest"),
            Text("target"),
            Number("at"),
            Text("entry_id"),
            Number("conformant"),
        ],
        order: "entry_id",
    },
    Table {
        name: "denials",
        columns: &[
            Text("digest"),
            Text("target"),
            Number("at"),
            Text("entry_id"),
        ],
        order: "entry_id",
    },
    Table {
        name: "break_glass_uses",
        columns: &[Text("entry_id"), Text("caller"), Number("at")],
        order: "entry_id",
    },
    Table {
        name: "signings",
        columns: &[Text("occurrence"), Text("entry_id")],
        order: "entry_id",
    },
    Table {
        name: "revocations",
        columns: &[Text("what"), Text("body")],
        order: "what",
    },
    Table {
        name: "seen_events",
        columns: &[
            Text("event_key"),
            Text("content"),
            Number("received_at"),
            Bytes("raw"),
        ],
        order: "event_key",
    },
    Table {
        name: "quarantine",
        columns: &[
            Text("id"),
            Number("received_at"),
            Text("route"),
            Text("reason"),
            Bytes("raw"),
        ],
        order: "id",
    },
    Table {
        name: "cases",
        columns: &[
            Text("id"),
            Number("revision"),
            Number("closed"),
            Number("opened_at"),
            Text("body"),
            Text("state"),
            Text("category"),
            Number("severity"),
            Text("owner"),
            Text("target"),
            Number("due_at"),
        ],
        order: "id",
    },
    Table {
        name: "findings",
        columns: &[Text("id"), Text("case_id"), Number("at"), Text("body")],
        order: "id",
    },
    Table {
        name: "correlations",
        columns: &[Text("correlation_key"), Text("case_id")],
        order: "correlation_key",
    },
    Table {
        name: "justifications",
        columns: &[Text("hash"), Text("case_id")],
        order: "hash",
    },
    Table {
        name: "drills",
        columns: &[
            Text("id"),
            Text("target"),
            Number("from_at"),
            Number("until"),
            Text("body"),
        ],
        order: "id",
    },
    Table {
        name: "notifications",
        columns: &[
            Text("id"),
            Number("at"),
            Number("routed"),
            Text("body"),
            Number("lane"),
        ],
        order: "id",
    },
    Table {
        name: "deliveries",
        columns: &[
            Text("notification_id"),
            Text("output"),
            Text("state"),
            Number("due_at"),
            Number("attempts"),
            Text("last_error"),
            Number("lane"),
        ],
        order: "notification_id",
    },
    Table {
        name: "occurrences",
        columns: &[
            Text("name"),
            Text("note"),
            Text("note_id"),
            Text("digest"),
            Text("payload_sha256"),
            Text("key_ids"),
            Number("created_at"),
            Text("body"),
            Text("payload_sha384"),
            Text("payload_sha512"),
        ],
        order: "name",
    },
    Table {
        name: "resources",
        columns: &[
            Text("name"),
            Text("collection"),
            Number("revision"),
            Number("created_at"),
            Number("updated_at"),
            Text("body"),
        ],
        order: "name",
    },
    Table {
        name: "facts",
        columns: &[Text("fact_key"), Text("source"), Number("at"), Text("body")],
        order: "rowid",
    },
    Table {
        name: "expectations",
        columns: &[
            Text("id"),
            Number("due_at"),
            Number("settled"),
            Text("body"),
        ],
        order: "id",
    },
    Table {
        name: "heard",
        columns: &[Text("project"), Number("at")],
        order: "project",
    },
    Table {
        name: "parts",
        columns: &[
            Text("uid"),
            Number("place"),
            Number("total"),
            Number("received_at"),
            Bytes("raw"),
        ],
        order: "uid",
    },
    Table {
        name: "reconciled",
        columns: &[
            Text("resource"),
            Number("watched_from"),
            Number("complete_through"),
        ],
        order: "resource",
    },
    Table {
        name: "tree_nodes",
        columns: &[Number("level"), Number("place"), Bytes("hash")],
        order: "level",
    },
    Table {
        name: "checkpoints",
        columns: &[Number("size"), Number("at"), Text("note")],
        order: "size",
    },
];

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Rows of all tables.
    pub rows: u64,
    /// Entries in the ledger's tree.
    pub size: u64,
    /// Its root (RFC 6962, section 2.1), computed from the leaves of the copy.
    pub root: [u8; 32],
}

impl Store {
    /// Writes everything into a new file, as it was at one moment; who writes meanwhile is not held up.
    ///
    /// # Errors
    /// If the file is there already or cannot be written, the database cannot be read, or what was
    /// copied is not what the ledger says.
    pub async fn back_up(&self, file: &Path) -> Result<Copied, StoreError> {
        if file.exists() {
            return Err(StoreError::Occupied(file.display().to_string()));
        }
        let backup = Self::open(&format!("sqlite:{}", file.display())).await?;
        let copied = copy(self, &backup).await;
        // Its log goes into the file, which is then all there is.
        backup.close().await;
        copied
    }

    /// Writes everything that a backup holds into this database, in which nothing may be yet.
    ///
    /// # Errors
    /// If something is in it already, the backup cannot be read or is not of this version, or what was
    /// copied is not what the ledger says; nothing is written then.
    pub async fn restore(&self, file: &Path) -> Result<Copied, StoreError> {
        let backup = Self::open_read_only(&format!("sqlite:{}", file.display())).await?;
        let copied = copy(&backup, self).await;
        backup.close().await;
        copied
    }
}

async fn copy(from: &Store, to: &Store) -> Result<Copied, StoreError> {
    let mut source = from.begin_reading().await?;
    let mut target = to.begin().await?;
    from.unhurried(&mut source).await?;
    to.unhurried(&mut target).await?;
    for table in TABLES {
        let any = format!("SELECT 1 FROM {} LIMIT 1", table.name);
        let any = sqlx::query(AssertSqlSafe(any))
            .fetch_optional(&mut *target)
            .await?;
        if any.is_some() {
            return Err(StoreError::Occupied(to.source_name().to_owned()));
        }
    }
    let mut rows = 0;
    for table in TABLES {
        rows += copy_table(table, &mut source, &mut target).await?;
    }
    let size: i64 = sqlx::query_scalar("SELECT size FROM tree WHERE \"only\" = 1")
        .fetch_one(&mut *source)
        .await?;
    sqlx::query("UPDATE tree SET size = $1 WHERE \"only\" = 1")
        .bind(size)
        .execute(&mut *target)
        .await?;
    let looked: i64 = sqlx::query_scalar("SELECT position FROM looked WHERE \"only\" = 1")
        .fetch_one(&mut *source)
        .await?;
    sqlx::query("UPDATE looked SET position = $1 WHERE \"only\" = 1")
        .bind(looked)
        .execute(&mut *target)
        .await?;
    let root = root(&mut target, size).await?;
    let expected = crate::ledger::root_of(&mut target, size).await?;
    if root != expected {
        return Err(StoreError::row(
            "the ledger",
            "its leaves do not give its root",
        ));
    }
    target.commit().await?;
    Ok(Copied {
        rows,
        size: size.try_into().unwrap_or_default(),
        root,
    })
}

async fn copy_table(
    table: &Table,
    source: &mut Transaction,
    target: &mut Transaction,
) -> Result<u64, StoreError> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name()).collect();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let (name, names, order) = (table.name, names.join(", "), table.order);
    let select = format!("SELECT {names} FROM {name} ORDER BY {order}");
    let insert = format!(
        "INSERT INTO {name} ({names}) VALUES ({})",
        places.join(", ")
    );
    let insert = AssertSqlSafe(insert).into_sql_str();
    let mut rows = sqlx::query(AssertSqlSafe(select)).fetch(&mut **source);
    let mut copied = 0;
    while let Some(row) = rows.try_next().await? {
        let values = values(table, &row)?;
        sqlx::query_with(insert.clone(), values)
            .execute(&mut **target)
            .await?;
        copied += 1;
    }
    Ok(copied)
}

fn values(table: &Table, row: &AnyRow) -> Result<AnyArguments, StoreError> {
    let mut values = AnyArguments::default();
    for (place, column) in table.columns.iter().enumerate() {
        let added = match column {
            Text(_) => values.add(row.try_get::<Option<String>, _>(place)?),
            Number(_) => values.add(row.try_get::<Option<i64>, _>(place)?),
            Bytes(_) => values.add(row.try_get::<Option<Vec<u8>>, _>(place)?),
        };
        added.map_err(|error| StoreError::row(table.name, error))?;
    }
    Ok(values)
}

/// The root over the leaves themselves.
async fn root(transaction: &mut Transaction, size: i64) -> Result<[u8; 32], StoreError> {
    let mut leaves = sqlx::query_scalar::<_, Vec<u8>>(
        "SELECT leaf_hash FROM entries WHERE position <= $1 ORDER BY position",
    )
    .bind(size)
    .fetch(&mut **transaction);
    let mut frontier = Frontier::default();
    while let Some(leaf) = leaves.try_next().await? {
        let leaf = leaf.as_slice().try_into();
        frontier.push(leaf.map_err(|_| StoreError::row("the ledger", "a leaf is no SHA-256"))?);
    }
    Ok(frontier.root())
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Text(name) | Number(name) | Bytes(name) => name,
        }
    }
}

#[cfg(test)]
mod tests;
