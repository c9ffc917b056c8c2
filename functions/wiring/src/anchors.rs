//! Where signed checkpoints are kept, as a configuration says.

mod topic;

use std::sync::Arc;

use postern_core::ports::Anchor;
use postern_host::config::{Config, LedgerAnchor};
use postern_host::environment::Environment;
use postern_store::files::FileAnchor;

use self::topic::TopicAnchor;
use crate::WiringError;
use crate::buses::{pubsub_topic, sns_topic};

/// Every anchor of `ledger.anchors`.
///
/// # Errors
/// If a name is none, there is no identity to write with, or this build has no client for it.
pub async fn anchors(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Vec<Arc<dyn Anchor>>, WiringError> {
    let mut anchors: Vec<Arc<dyn Anchor>> = Vec::new();
    for anchor in &config.ledger.anchors {
        anchors.push(match anchor {
            LedgerAnchor::File { path } => Arc::new(FileAnchor::new(path)),
            LedgerAnchor::Gcs { bucket, prefix } => gcs(bucket, prefix, config)?,
            LedgerAnchor::S3 {
                bucket,
                prefix,
                region,
            } => s3(bucket, prefix, region.as_deref(), config, environment).await?,
            LedgerAnchor::Pubsub { topic } => {
                let bus = pubsub_topic(topic, config, environment)?;
                Arc::new(TopicAnchor::new(format!("pubsub:{topic}"), bus))
            }
            LedgerAnchor::Sns { topic } => {
                let bus = sns_topic(topic, config, environment).await?;
                Arc::new(TopicAnchor::new(format!("sns:{topic}"), bus))
            }
        });
    }
    Ok(anchors)
}

#[cfg(feature = "gcp")]
fn gcs(bucket: &str, prefix: &str, config: &Config) -> Result<Arc<dyn Anchor>, WiringError> {
    use postern_gcp::{BucketAnchor, STORAGE};

    let address = config.endpoints.storage.as_deref().unwrap_or(STORAGE);
    let (endpoint, credentials) = crate::fetched::built::shown("endpoints.storage", address)?;
    let anchor = BucketAnchor::new(bucket, prefix, endpoint, credentials);
    Ok(Arc::new(anchor.map_err(WiringError::mistake)?))
}

#[cfg(not(feature = "gcp"))]
fn gcs(_bucket: &str, _prefix: &str, _config: &Config) -> Result<Arc<dyn Anchor>, WiringError> {
    Err(WiringError::not_built(
        "`ledger.anchors` of the type gcs",
        "gcp",
    ))
}

#[cfg(feature = "aws")]
async fn s3(
    bucket: &str,
    prefix: &str,
    region: Option<&str>,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn Anchor>, WiringError> {
    let session = crate::aws::session(config, environment).await?;
    let anchor = postern_aws::BucketAnchor::new(&session, bucket, prefix, region);
    Ok(Arc::new(anchor))
}

#[cfg(not(feature = "aws"))]
async fn s3(
    _bucket: &str,
    _prefix: &str,
    _region: Option<&str>,
    _config: &Config,
    _environment: &dyn Environment,
) -> Result<Arc<dyn Anchor>, WiringError> {
    Err(WiringError::not_built(
        "`ledger.anchors` of the type s3",
        "aws",
    ))
}
