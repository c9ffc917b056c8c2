//! Sessions with synthetic credentials.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::config::{Credentials, SharedCredentialsProvider};
use postern_aws::Session;

/// One at this endpoint.
pub(crate) fn session(url: &str) -> Session {
    Session::new(config(url))
}

pub(crate) fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("synthetic", "synthetic", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}
