//! Signed checkpoints as objects of a bucket of Cloud Storage (JSON API v1).

use std::time::Duration;

use async_trait::async_trait;
use postern_core::ledger::checkpoint::{file_name, says_the_same};
use postern_core::ports::{Anchor, Unavailable};
use reqwest::Method;

use crate::access_token::GoogleCredentials;
use crate::api::{Api, Call};
use crate::endpoint::Endpoint;
use crate::resource::{Access, ResourceError, is_word};

/// Where Cloud Storage is.
pub const STORAGE: &str = "https://storage.googleapis.com";

const TIMEOUT: Duration = Duration::from_secs(10);

/// A folder of a bucket. A retention policy that is locked makes what is there unchangeable.
pub struct BucketAnchor {
    name: String,
    bucket: String,
    prefix: String,
    api: Api,
}

/// Why there is no such folder to keep anything in.
#[derive(Debug, thiserror::Error)]
pub enum BucketAnchorError {
    /// The names are none.
    #[error(transparent)]
    Name(#[from] ResourceError),
    /// No client can be made.
    #[error(transparent)]
    Client(#[from] Unavailable),
}

impl BucketAnchor {
    /// The folder `prefix` (empty: the top) of a bucket, at an endpoint.
    ///
    /// # Errors
    /// If a name is none, or no client can be made.
    pub fn new(
        bucket: &str,
        prefix: &str,
        endpoint: Endpoint,
        credentials: Option<GoogleCredentials>,
    ) -> Result<Self, BucketAnchorError> {
        if !is_word(bucket) {
            return Err(ResourceError::new(bucket, "the name of a bucket").into());
        }
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() && !prefix.split('/').all(is_word) {
            return Err(ResourceError::new(prefix, "a folder, such as postern/prod").into());
        }
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self {
            name: format!("gcs:{bucket}/{prefix}"),
            bucket: bucket.to_owned(),
            prefix,
            api: Api::new("Cloud Storage", endpoint, credentials)?,
        })
    }

    fn access(&self, permission: &'static str, role: &'static str) -> Access<'_> {
        Access {
            service: "storage.googleapis.com",
            resource: &self.name,
            permission,
            role,
        }
    }

    async fn kept(&self, object: &str) -> Result<Vec<u8>, Unavailable> {
        let object = object.replace('/', "%2F");
        let call = Call {
            method: Method::GET,
            path: &format!("/storage/v1/b/{}/o/{object}", self.bucket),
            query: &[("alt", "media")],
            timeout: TIMEOUT,
            access: self.access("storage.objects.get", "roles/storage.objectViewer"),
        };
        self.api.fetch(&call).await
    }
}

#[async_trait]
impl Anchor for BucketAnchor {
    fn name(&self) -> &str {
        &self.name
    }

    async fn publish(&self, size: u64, note: &str) -> Result<String, Unavailable> {
        let object = format!("{}{}", self.prefix, file_name(size));
        let call = Call {
            method: Method::POST,
            path: &format!("/upload/storage/v1/b/{}/o", self.bucket),
            // Only where there is none: nothing is ever written over.
            query: &[
                ("uploadType", "media"),
                ("name", &object),
                ("ifGenerationMatch", "0"),
            ],
            timeout: TIMEOUT,
            access: self.access("storage.objects.create", "roles/storage.objectCreator"),
        };
        if !self.api.send_if(&call, note).await? {
            let kept = self.kept(&object).await?;
            if !says_the_same(&String::from_utf8_lossy(&kept), note) {
                let message = format!("{object} holds another checkpoint of {size} entries");
                return Err(Unavailable::permanent(&self.name, message));
            }
        }
        Ok(format!("gs://{}/{object}", self.bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_lead_elsewhere_are_refused() {
        let anchor = |bucket: &str, prefix: &str| {
            let endpoint = Endpoint::parse("http://127.0.0.1:9").unwrap();
            BucketAnchor::new(bucket, prefix, endpoint, None).map(|anchor| anchor.name)
        };
        assert_eq!(anchor("demo-mart", "a/b/").unwrap(), "gcs:demo-mart/a/b/");
        assert_eq!(anchor("demo-mart", "").unwrap(), "gcs:demo-mart/");
        for (bucket, prefix) in [("a/b", ""), ("", ""), ("demo", "a/../b"), ("demo", "a b")] {
            assert!(anchor(bucket, prefix).is_err(), "{bucket} {prefix}");
        }
    }
}
