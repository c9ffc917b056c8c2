//! What every AWS client here shares: identity, region, time limits.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

const CONNECT: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(4);
/// Includes every retry and the search for credentials.
const OPERATION: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// An identity and a region at AWS, from the standard chain.
///
/// Finding them reads files and the environment only; credentials are fetched with the first call.
#[derive(Debug, Clone)]
pub struct Session(SdkConfig);

impl Session {
    /// The session that the environment describes. A call takes at most 10 seconds with its
    /// retries, of which there are two.
    pub async fn from_environment() -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .load()
            .await;
        Self(config)
    }

    /// The session that an SDK configuration describes, for callers that make their own.
    pub const fn new(config: SdkConfig) -> Self {
        Self(config)
    }

    pub(crate) const fn sdk(&self) -> &SdkConfig {
        &self.0
    }
}
