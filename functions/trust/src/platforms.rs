//! `projects/P/platforms/gke/policies` and `…/cloudRun/policies`.

mod attested;
mod evaluate;
mod pods;

use postern_core::platform_policy::{CheckKind, CheckSet, PlatformPolicy};
use postern_core::ports::{Resource, ResourceWrite};
use serde_json::{Value, json};

use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::ApiError;
use crate::page::listed;
use crate::trust::{Trust, etag, is_current};

/// The platforms that have policies.
pub(crate) const PLATFORMS: [&str; 2] = ["cloudRun", "gke"];

/// The service that changes them, in audit logs; there is only one version of it.
const SERVICE: &str = "google.cloud.binaryauthorization.v1.PlatformPolicyManagementService";

/// The platforms of a project.
pub(crate) fn platforms(project: &str) -> Value {
    let platforms =
        PLATFORMS.map(|id| json!({"name": format!("projects/{project}/platforms/{id}")}));
    json!({"platforms": platforms})
}

impl Trust {
    pub(crate) async fn platform_policies(
        &self,
        call: &Call,
        platform: &str,
    ) -> Result<Value, ApiError> {
        let collection = format!("{platform}/policies");
        let (stored, last) = self.listed_resources(&collection, &call.page()?).await?;
        let policies = stored.iter().map(answer).collect();
        Ok(listed("platformPolicies", policies, last.as_deref()))
    }

    pub(crate) async fn platform_policy(&self, name: &str) -> Result<Value, ApiError> {
        Ok(answer(&self.stored_platform_policy(name).await?))
    }

    pub(crate) async fn create_platform_policy(
        &self,
        call: &Call,
        platform: &str,
    ) -> Result<Value, ApiError> {
        let name = format!("{platform}/policies/{}", call.id("policyId")?);
        let policy = read(call, &name)?;
        if self.store().resource(&name).await?.is_some() {
            return Err(ApiError::exists("platform policy", &name));
        }
        self.keep_platform_policy(call, &name, policy, 0, "Create", "create")
            .await
    }

    /// Replaces a policy as a whole.
    pub(crate) async fn replace_platform_policy(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let policy = read(call, name)?;
        let stored = self.stored_platform_policy(name).await?;
        if !is_current(policy.etag.as_deref(), Some(&stored)) {
            return Err(ApiError::stale(name));
        }
        self.keep_platform_policy(call, name, policy, stored.revision, "Replace", "replace")
            .await
    }

    pub(crate) async fn delete_platform_policy(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let stored = self.stored_platform_policy(name).await?;
        if !is_current(call.parameter("etag"), Some(&stored)) {
            return Err(ApiError::stale(name));
        }
        let write = write(name, stored.revision, None);
        let told = call.told(
            &format!("{SERVICE}.DeletePlatformPolicy"),
            name,
            "binaryauthorization.platformPolicies.delete",
            json!({"name": name}),
        );
        self.write(vec![write], told).await?;
        Ok(json!({}))
    }

    async fn keep_platform_policy(
        &self,
        call: &Call,
        name: &str,
        policy: PlatformPolicy,
        expected: u64,
        method: &str,
        permission: &str,
    ) -> Result<Value, ApiError> {
        let policy = PlatformPolicy {
            name: Some(name.to_owned()),
            etag: None,
            update_time: None,
            ..policy
        };
        let kept =
            serde_json::to_value(&policy).map_err(|error| ApiError::invalid(error.to_string()))?;
        let told = call.told(
            &format!("{SERVICE}.{method}PlatformPolicy"),
            name,
            &format!("binaryauthorization.platformPolicies.{permission}"),
            json!({"name": name, "platformPolicy": kept}),
        );
        self.write(vec![write(name, expected, Some(kept))], told)
            .await?;
        self.platform_policy(name).await
    }

    async fn stored_platform_policy(&self, name: &str) -> Result<Resource, ApiError> {
        let stored = self.store().resource(name).await?;
        stored.ok_or_else(|| ApiError::not_found("platform policy", name))
    }
}

/// The policy that a request has, if it can hold where its name says.
fn read(call: &Call, name: &str) -> Result<PlatformPolicy, ApiError> {
    let policy: PlatformPolicy = typed(call.body()?)?;
    let platform = name.split('/').nth(3).unwrap_or_default();
    policy
        .check(platform)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    for set in policy.gke_policy.iter().flat_map(|gke| &gke.check_sets) {
        usable_keys(set)?;
    }
    Ok(policy)
}

/// A key that verifies nothing is a mistake that would be found too late.
fn usable_keys(set: &CheckSet) -> Result<(), ApiError> {
    for check in &set.checks {
        let Some(CheckKind::SimpleSigningAttestation(check)) = check.kind() else {
            continue;
        };
        if let Some(unusable) = attested::signers(check).unusable_keys().first() {
            return Err(ApiError::invalid(format!(
                "public key {} of attestationAuthenticators: {}",
                unusable.position, unusable.error
            )));
        }
    }
    Ok(())
}

fn write(name: &str, expected: u64, body: Option<Value>) -> ResourceWrite {
    let collection = name.rsplit_once('/').map_or(name, |(of, _)| of);
    ResourceWrite {
        name: name.to_owned(),
        collection: collection.to_owned(),
        expected,
        body,
    }
}

fn answer(stored: &Resource) -> Value {
    let mut policy = fields(stored.body.clone());
    policy.insert("etag".to_owned(), format!("\"{}\"", etag(stored)).into());
    policy.insert("updateTime".to_owned(), stored.updated.to_string().into());
    Value::Object(policy)
}

#[cfg(test)]
mod tests;
