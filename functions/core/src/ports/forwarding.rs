//! What stands on either side of the forwarding gate: the Cloud Run Admin API in front of which it is, and
//! the gate that decides.

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use super::Unavailable;
use crate::decision::Decision;
use crate::target::Target;

/// A value of the header `Authorization`. Passed on, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(pub String);

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

/// In whose name a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InTheNameOf {
    /// The caller's: the header goes on as it came.
    Caller(Authorization),
    /// This process's own.
    Gate,
}

/// Which of Google's APIs is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoogleApi {
    /// The Cloud Run Admin API: of a region, such as `us-central1`, or the one for all.
    Run {
        /// The region, one of those that there are.
        region: Option<String>,
    },
    /// The Resource Manager, which knows what may be done in a project.
    ResourceManager,
}

/// A call that goes on to Google.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleCall {
    /// Which API.
    pub api: GoogleApi,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// From the first slash, without a query.
    pub path: String,
    /// Names and values, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Header fields that go with it, besides those that are made here.
    pub headers: Vec<(String, String)>,
    /// Who calls.
    pub name: InTheNameOf,
    /// JSON.
    pub body: Option<Value>,
}

/// What Google answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Header fields that concern the caller.
    pub headers: Vec<(String, String)>,
    /// The body, whatever it is.
    pub body: Vec<u8>,
}

/// Calls Google's APIs as they are asked to be called.
#[async_trait]
pub trait GoogleApis: Send + Sync {
    /// Calls once, and gives the answer back whatever its status.
    ///
    /// # Errors
    /// If there is no whole answer.
    async fn call(&self, call: GoogleCall) -> Result<GoogleAnswer, Unavailable>;
}

/// A deployment as it will be once somebody's write is through.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedDeployment {
    /// Manifests as the gate reads them (`POST /v1/decisions`), one or a list.
    pub manifest: Value,
    /// Where.
    pub target: Target,
    /// Whether only the answer is wanted: nothing follows from it, so nothing is recorded.
    pub dry_run: bool,
}

/// Decides about a deployment in the name of whoever forwards it.
#[async_trait]
pub trait DeploymentGate: Send + Sync {
    /// The decision, recorded unless it is a dry run.
    ///
    /// # Errors
    /// If the gate cannot be reached, cannot record, or cannot read the manifest.
    async fn decide(&self, proposed: &ProposedDeployment) -> Result<Decision, GateRefusal>;
}

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateRefusal {
    /// The gate cannot read what it was asked.
    #[error("{0}")]
    Unreadable(String),
    /// The gate cannot be asked, or cannot record its answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
