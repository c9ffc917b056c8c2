//! The forwarding gate.

use serde::Deserialize;

use super::RemoteGate;

/// The forwarding gate: it stands in front of the Cloud Run Admin API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Forward {
    /// The hosts that callers take for the API's: `HOST`, or `*-HOST` with any region in place of the
    /// asterisk, as gcloud puts it there. Empty: nothing is forwarded.
    pub hosts: Vec<String>,
    /// The API, instead of `https://run.googleapis.com`. Regions come before its host.
    pub upstream: Option<String>,
    /// Regions that are forwarded to, instead of those that Cloud Run is known to have.
    pub regions: Vec<String>,
    /// The gate that decides, where it is another process. It should be: this one holds callers' tokens,
    /// that one reads what anybody attests. Absent: the gate of this process.
    pub gate: Option<RemoteGate>,
    /// In whose name is written.
    pub deploy_as: DeployAs,
    /// With `deployAs: gate`: the permission on the project that shows that a caller may deploy through
    /// this gate, besides `iam.serviceAccounts.actAs`.
    pub permission: Option<String>,
    /// What becomes of a break-glass that was honoured.
    pub break_glass: ForwardedBreakGlass,
    /// When jobs are refused.
    pub jobs: JobChecks,
}

/// In whose name is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeployAs {
    /// The caller's, whose token goes on to the API.
    #[default]
    Caller,
    /// The gate's, which then is the only one that needs the permission to deploy.
    Gate,
}

/// What becomes of a break-glass that was honoured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForwardedBreakGlass {
    /// It goes on to the API, which asks for it, too, where Binary Authorization is switched on.
    #[default]
    Keep,
    /// It is taken off, so that it does not stand on the service until the next deployment.
    Strip,
}

/// When jobs are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobChecks {
    /// When they are to run, as Binary Authorization does; before that it is only reported.
    #[default]
    Execution,
    /// When they are written, too.
    Strict,
}
