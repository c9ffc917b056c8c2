//! Policies where they are enforced: to be compared with a file, and to be replaced by it.

use async_trait::async_trait;

use super::Unavailable;
use crate::attestor::Attestor;
use crate::policy::Policy;

/// A project's policy as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePolicy {
    /// What holds; its `etag` says which version it is.
    pub policy: Policy,
    /// Whether somebody ever set it. Where nobody did, everything is allowed.
    pub was_set: bool,
}

/// What became of a policy that was to replace another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It holds, as it is now.
    Written(Box<Policy>),
    /// Somebody else changed the policy since it was read: nothing was written.
    Stale(String),
    /// It is wrong by itself, for this reason: nothing was written.
    Refused(String),
}

/// Binary Authorization's own keeping of policies and attestors.
#[async_trait]
pub trait PolicyAuthority: Send + Sync {
    /// The policy of a project.
    async fn live(&self, project: &str) -> Result<LivePolicy, Unavailable>;

    /// Replaces the policy of a project as a whole, if it still is the one of the new one's `etag`.
    async fn replace(&self, project: &str, policy: &Policy) -> Result<Replaced, Unavailable>;

    /// Every attestor of a project.
    async fn attestors(&self, project: &str) -> Result<Vec<Attestor>, Unavailable>;
}
