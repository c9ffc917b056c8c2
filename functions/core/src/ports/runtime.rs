//! What runs at a target.

use async_trait::async_trait;

use super::Unavailable;
use crate::target::Target;

/// What runs at a target, as the platform itself says at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuntimeState {
    /// Every revision that can still be reached or run: with traffic, a tag or a running execution,
    /// and the latest.
    pub revisions: Vec<RunningRevision>,
    /// The name of the revision that was made last, where there is one.
    pub latest: Option<String>,
}

/// One revision of a service or worker pool, or one execution of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunningRevision {
    /// Its name, such as `web-00003-xyz`.
    pub name: String,
    /// Its images, by digest where the platform says so.
    pub images: Vec<String>,
    /// The share of traffic (of instances, for a worker pool) that it gets, in percent.
    pub traffic_percent: u8,
    /// Tags under which it can be reached whatever its traffic.
    pub tags: Vec<String>,
    /// Executions that have not ended.
    pub running_executions: u32,
}

impl RunningRevision {
    /// Whether anything still reaches or runs it.
    pub fn is_in_use(&self) -> bool {
        self.traffic_percent > 0 || !self.tags.is_empty() || self.running_executions > 0
    }
}

/// Reads what runs, at the source: never from an event.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// What runs at a target now. A [permanent](Unavailable::permanent) error says that this is a
    /// target that can never be read.
    async fn state(&self, target: &Target) -> Result<RuntimeState, Unavailable>;
}
