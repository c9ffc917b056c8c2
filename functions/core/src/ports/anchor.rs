//! Where signed checkpoints are kept besides the ledger itself.

use async_trait::async_trait;

use super::Unavailable;

/// A place that whoever could change the ledger cannot reach, or cannot change what is there.
#[async_trait]
pub trait Anchor: Send + Sync {
    /// What logs and metrics call it, such as `gcs:BUCKET/PREFIX`.
    fn name(&self) -> &str;

    /// Keeps the signed note of a ledger of `size` entries, and says where it is. What is there already
    /// is left as it is; if that is a checkpoint of another root, it is an error and permanent.
    async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable>;
}
