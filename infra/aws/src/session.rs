//! What every AWS client here shares: identity, region, time limits.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use postern_core::ports::IdentityTokens;

use crate::web_identity::{WebIdentity, WebIdentityProvider};

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

/// Nothing says in which region AWS is asked.
#[derive(Debug, thiserror::Error)]
#[error("no region says where STS is asked: name one, or set AWS_REGION")]
pub struct NoRegion;

impl Session {
    /// The session that the environment describes. A call takes at most 10 seconds with its
    /// retries, of which there are two.
    pub async fn from_environment() -> Self {
        Self(bounded().load().await)
    }

    /// As [`from_environment`](Self::from_environment), but as a role that is taken on with tokens of another
    /// provider of identities. Credentials of the environment are not looked for.
    ///
    /// # Errors
    /// If there is no region.
    pub async fn by_web_identity(
        identity: WebIdentity,
        tokens: Arc<dyn IdentityTokens>,
    ) -> Result<Self, NoRegion> {
        let mut loader = bounded().no_credentials();
        if let Some(region) = &identity.region {
            loader = loader.region(Region::new(region.clone()));
        }
        Self::taking_on(loader.load().await, identity, tokens)
    }

    /// As [`by_web_identity`](Self::by_web_identity), with what else an SDK configuration says, for
    /// callers that make their own.
    ///
    /// # Errors
    /// If there is no region.
    pub fn taking_on(
        config: SdkConfig,
        identity: WebIdentity,
        tokens: Arc<dyn IdentityTokens>,
    ) -> Result<Self, NoRegion> {
        if config.region().is_none() {
            return Err(NoRegion);
        }
        let provider = WebIdentityProvider {
            sts: aws_sdk_sts::Client::new(&config),
            identity,
            tokens,
        };
        let provider = SharedCredentialsProvider::new(provider);
        let config = config.into_builder().credentials_provider(provider);
        Ok(Self(config.build()))
    }

    /// The session that an SDK configuration describes, for callers that make their own.
    pub const fn new(config: SdkConfig) -> Self {
        Self(config)
    }

    pub(crate) const fn sdk(&self) -> &SdkConfig {
        &self.0
    }
}

fn bounded() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
}
