//! How AWS is spoken to.

use serde::Deserialize;

/// How AWS is spoken to. Absent: as the AWS SDK finds it in the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Aws {
    /// A role that is taken on as the service account which this process has on Google Cloud, in place
    /// of the credentials of the environment.
    pub web_identity: Option<WebIdentity>,
}

/// A role of AWS that trusts a service account of Google (`sts:AssumeRoleWithWebIdentity`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebIdentity {
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    pub role_arn: String,
    /// Whom the token is for; the role's trust policy compares it (`accounts.google.com:oaud`).
    pub audience: String,
    /// What CloudTrail calls the session.
    #[serde(default = "session_name")]
    pub session_name: String,
    /// The region of STS and of whatever names none itself, in place of that of the environment.
    #[serde(default)]
    pub region: Option<String>,
}

fn session_name() -> String {
    "postern".to_owned()
}
