//! Small documents of the web.

use async_trait::async_trait;

use super::Unavailable;

/// Gets what is at an address that somebody has checked before.
#[async_trait]
pub trait Fetcher: Send + Sync {
    /// The body that `url` answers with status 200, of `limit` bytes at most. Redirects are not
    /// followed.
    ///
    /// # Errors
    /// If it answers anything else, too much, or not in time.
    async fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, Unavailable>;
}
