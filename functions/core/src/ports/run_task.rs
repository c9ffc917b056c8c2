//! Where a run task of HCP Terraform gets its plan, and where its verdict goes.

use async_trait::async_trait;
use serde_json::Value;

use super::Unavailable;

/// HCP Terraform, or a Terraform Enterprise, as a run task calls it back. Addresses come with the request, so an
/// implementation calls only hosts that it was told to trust.
#[async_trait]
pub trait RunTaskHost: Send + Sync {
    /// The plan as JSON, of `limit` bytes at most.
    ///
    /// # Errors
    /// If the address is none to call, or it answers otherwise than with a plan, too much, or not in time.
    async fn plan(&self, url: &str, token: &str, limit: usize) -> Result<Vec<u8>, Unavailable>;

    /// Tells what became of the task: a document of JSON:API.
    ///
    /// # Errors
    /// If the address is none to call, or it does not take the document.
    async fn tell(&self, url: &str, token: &str, document: &Value) -> Result<(), Unavailable>;
}
