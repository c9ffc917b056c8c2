//! `projects/P/policy`.

use postern_core::attestor::AttestorName;
use postern_core::policy::{Policy, Scope};
use postern_core::ports::{Resource, ResourceWrite};
use serde_json::{Map, Value, json};

use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::ApiError;
use crate::trust::{Trust, etag, is_current};

const COLLECTION: &str = "policies";

impl Trust {
    /// The policy of a project; of one that never set any, the one that allows everything, as Google has it.
    pub(crate) async fn policy(&self, project: &str) -> Result<Value, ApiError> {
        let name = name_of(project);
        Ok(match self.store().resource(&name).await? {
            Some(stored) => answer(&stored),
            None => json!({
                "name": name,
                "globalPolicyEvaluationMode": "ENABLE",
                "defaultAdmissionRule": {
                    "evaluationMode": "ALWAYS_ALLOW",
                    "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
                },
            }),
        })
    }

    /// Replaces the policy of a project as a whole.
    pub(crate) async fn update_policy(
        &self,
        call: &Call,
        project: &str,
    ) -> Result<Value, ApiError> {
        let name = name_of(project);
        let body = call.body()?;
        let stored = self.store().resource(&name).await?;
        let policy: Policy = typed(body)?;
        if !is_current(policy.etag.as_deref(), stored.as_ref()) {
            return Err(ApiError::stale(&name));
        }
        self.check(&policy).await?;
        let policy = Policy {
            name: Some(name.clone()),
            etag: None,
            update_time: None,
            ..policy
        };
        let kept =
            serde_json::to_value(&policy).map_err(|error| ApiError::invalid(error.to_string()))?;
        let write = ResourceWrite {
            name: name.clone(),
            collection: COLLECTION.to_owned(),
            expected: stored.map_or(0, |stored| stored.revision),
            body: Some(kept.clone()),
        };
        let method = call.binauthz_method("UpdatePolicy");
        let request = json!({"policy": kept});
        let told = call.told(&method, &name, "binaryauthorization.policy.update", request);
        self.write(vec![write], told).await?;
        self.policy(project).await
    }

    /// What Google refuses besides rules that contradict themselves, which are none: more than one kind of
    /// scoped rules, and attestors that are not there.
    async fn check(&self, policy: &Policy) -> Result<(), ApiError> {
        let scoped = Scope::ALL.map(|scope| policy.scoped_rules(scope));
        if scoped.iter().filter(|rules| !rules.is_empty()).count() > 1 {
            return Err(ApiError::invalid(
                "only one kind of scoped rules may be set: for clusters, namespaces, service accounts or \
                 Istio identities",
            ));
        }
        for attestor in policy.required_attestors() {
            self.check_attestor(attestor).await?;
        }
        Ok(())
    }

    async fn check_attestor(&self, attestor: &AttestorName) -> Result<(), ApiError> {
        match self.store().resource(&attestor.to_string()).await? {
            Some(_) => Ok(()),
            None => Err(ApiError::invalid(format!(
                "the policy requires attestations by {attestor}, which does not exist: create it first"
            ))),
        }
    }
}

/// `projects/P/policy`.
pub(crate) fn name_of(project: &str) -> String {
    format!("projects/{project}/policy")
}

fn answer(stored: &Resource) -> Value {
    let mut policy: Map<String, Value> = fields(stored.body.clone());
    policy.insert("etag".to_owned(), format!("\"{}\"", etag(stored)).into());
    policy.insert("updateTime".to_owned(), stored.updated.to_string().into());
    Value::Object(policy)
}
