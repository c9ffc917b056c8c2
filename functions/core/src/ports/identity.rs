//! Who this process is, said to somebody else.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Unavailable;

/// The identity that the platform gives this process, as an OpenID Connect ID token.
#[async_trait]
pub trait IdentityTokens: Debug + Send + Sync {
    /// A token (JWT) for this audience that is good now. It is a credential: whoever has it is taken
    /// for this process by the audience.
    async fn token(&self, audience: &str) -> Result<String, Unavailable>;
}
