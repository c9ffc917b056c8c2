//! Whether the disk under a database has room: a transaction that is rolled back does not show that.

use std::path::Path;
use std::sync::Arc;

use crate::error::StoreError;

/// So many bytes are written to see. More than a decision or an event takes.
const TRIAL: usize = 64 * 1024;

/// Writes a file beside the database, and deletes it. Several may do so at the same time.
pub(super) async fn check(database: &Path) -> Result<(), StoreError> {
    let trial = database.with_extension("trial");
    let written = tokio::fs::write(&trial, vec![0; TRIAL]).await;
    let deleted = match tokio::fs::remove_file(&trial).await {
        // Somebody else's check deleted it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        deleted => deleted,
    };
    written.and(deleted).map_err(|error| StoreError::NoRoom {
        path: database.to_owned(),
        source: Arc::new(error),
    })
}
