//! Certificates that were fetched, kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use postern_core::ports::{Fetcher, Unavailable};
use postern_verify::RsaCertificate;
use tokio::sync::Mutex;

/// The longest certificate that is read, in bytes.
const LIMIT: usize = 64 * 1024;
/// So many are kept: SNS has one per region, and changes it rarely.
const KEPT: usize = 16;

pub(super) struct Certificates {
    fetcher: Arc<dyn Fetcher>,
    kept: Mutex<BTreeMap<String, RsaCertificate>>,
}

impl Certificates {
    pub(super) fn new(fetcher: Arc<dyn Fetcher>) -> Self {
        let kept = Mutex::default();
        Self { fetcher, kept }
    }

    /// The certificate at an address that was checked. One is fetched at a time, so that strangers
    /// cannot make us ask in a flood.
    pub(super) async fn at(&self, url: &str) -> Result<RsaCertificate, Unavailable> {
        let mut kept = self.kept.lock().await;
        if let Some(certificate) = kept.get(url) {
            return Ok(certificate.clone());
        }
        let body = self.fetcher.get(url, LIMIT).await?;
        let certificate = RsaCertificate::from_pem(&String::from_utf8_lossy(&body))
            .map_err(|error| Unavailable::new(url, error))?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(url.to_owned(), certificate.clone());
        Ok(certificate)
    }

    /// Gets an address that was checked, for what that does.
    pub(super) async fn visit(&self, url: &str) -> Result<(), Unavailable> {
        self.fetcher.get(url, LIMIT).await.map(drop)
    }
}
