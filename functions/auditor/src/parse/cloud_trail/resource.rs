//! What a call was about: AWS has no one place for it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::not_a_record;
use crate::parse::Unreadable;

/// Parameters that name what a call is about, the more special before the more general: a call about
/// a function's alias has `functionName` and `name`.
const NAMES: [&str; 42] = [
    "functionName",
    "keyId",
    "targetKeyId",
    "aliasName",
    "ruleName",
    "rule",
    "topicArn",
    "subscriptionArn",
    "queueUrl",
    "trailName",
    "trail",
    "roleName",
    "roleArn",
    "openIDConnectProviderArn",
    "sAMLProviderArn",
    "repositoryName",
    "bucketName",
    "service",
    "serviceName",
    "serviceArn",
    "family",
    "taskDefinition",
    "codeSigningConfigArn",
    "deploymentId",
    "deploymentGroupName",
    "currentDeploymentGroupName",
    "applicationName",
    "typeArn",
    "typeName",
    "stackName",
    "profileName",
    "logGroupName",
    "policyArn",
    "policyId",
    "userName",
    "groupName",
    "uUID",
    "resourceArn",
    "resource",
    "arn",
    "name",
    "cluster",
];

/// An element of `resources`.
#[derive(Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "ARN", alias = "arn", default)]
    arn: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

impl Listed {
    /// Its name.
    pub(super) fn arn(&self) -> Option<String> {
        self.arn.clone().filter(|arn| !arn.is_empty())
    }

    /// Its kind, such as `AWS::KMS::Key`; empty where it has none.
    pub(super) fn kind(&self) -> String {
        self.kind.clone().unwrap_or_default()
    }
}

/// The resources that the record lists.
pub(super) fn listed(raw: Option<&RawValue>) -> Result<Vec<Listed>, Unreadable> {
    raw.map_or(Ok(Vec::new()), |raw| {
        serde_json::from_str(raw.get()).map_err(not_a_record)
    })
}

/// The first parameter that names a resource, or else the first resource that is listed.
pub(super) fn named(request: Option<&Value>, resources: &[Listed]) -> String {
    let text = |name: &&str| {
        request?
            .get(*name)?
            .as_str()
            .filter(|text| !text.is_empty())
    };
    let asked = NAMES.iter().find_map(|name| text(name).map(str::to_owned));
    asked
        .or_else(|| resources.iter().find_map(Listed::arn))
        .unwrap_or_default()
}
