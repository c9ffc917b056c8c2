//! Putting an image where it runs, a step at a time: what is there is read, the new is made beside it, looked
//! at, and only then takes over.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;

use super::Unavailable;
use crate::target::Target;

/// What a deployment is going to be. Nothing of it is done yet.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRollout {
    /// Where.
    pub target: Target,
    /// The image of every container that will run, as written, those that stay included.
    pub images: Vec<String>,
    /// The image that the new one takes the place of, where it is another.
    pub replaces: Option<String>,
    /// What serves now: revisions with their share of traffic (of instances) in percent.
    pub serving: Vec<(String, u32)>,
    /// What will run, as a manifest that the gate reads (`POST /v1/decisions`).
    pub manifest: Value,
    /// The resource as it was read, in the platform's own form; `None` where there is none yet.
    pub before: Option<Value>,
    /// The resource as it is going to be.
    pub after: Value,
}

impl PlannedRollout {
    /// Whether the new revision can be made without that anything reaches it: something has to serve in
    /// its place.
    pub fn withholds_traffic(&self) -> bool {
        !self.serving.is_empty()
    }
}

/// What is to be written, after it was judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// For every image as written the reference by digest that was judged.
    pub pins: BTreeMap<String, String>,
    /// What tells this revision from every other: lower-case letters and digits.
    pub suffix: String,
    /// Why the emergency door was used, where it was.
    pub break_glass: Option<String>,
}

/// A write that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Staged {
    /// What the platform calls it, where it said so.
    pub operation: Option<String>,
}

/// What came out of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameOut {
    /// The images that it runs, as the platform says.
    pub images: Vec<String>,
    /// The version of the resource in which it came out: whoever writes next says which they saw.
    pub version: String,
}

/// A platform on which a revision can be made, looked at, and put into service.
///
/// Reads may be dropped half-way. So may a wait; what was written stays, and goes on.
#[async_trait]
pub trait RolloutPlatform: Send + Sync {
    /// Reads what is there, and plans to run this image in it: in the container of that name, else in
    /// the only one, else in the one that takes requests.
    async fn plan(
        &self,
        target: &Target,
        image: &str,
        container: Option<&str>,
    ) -> Result<PlannedRollout, RolloutError>;

    /// What the new revision will be called; the job, where there are no revisions.
    fn name(&self, planned: &PlannedRollout, judged: &Judged) -> String;

    /// Writes what was planned and judged, and lets what serves now go on serving. Refuses if what was
    /// read has changed.
    async fn stage(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
    ) -> Result<Staged, RolloutError>;

    /// Waits until it has come out, for as long as the caller does.
    async fn came_out(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        staged: &Staged,
    ) -> Result<CameOut, RolloutError>;

    /// Takes back what was staged: the resource is as it was, and what came out is deleted.
    async fn discard(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        came_out: &CameOut,
    ) -> Result<(), RolloutError>;

    /// Gives all traffic (all instances) to what came out. Tags stay where they are; one that followed
    /// the latest revision follows to it.
    async fn shift(
        &self,
        planned: &PlannedRollout,
        judged: &Judged,
        came_out: &CameOut,
    ) -> Result<(), RolloutError>;
}

/// Why a step was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RolloutError {
    /// It cannot be asked for like this.
    #[error("{0}")]
    Mistake(String),
    /// Somebody else has changed the resource in the meantime.
    #[error("{0}")]
    Changed(String),
    /// The platform did what it was asked, and it did not work.
    #[error("{0}")]
    Failed(String),
    /// It could not be asked, or whether it did anything is not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
