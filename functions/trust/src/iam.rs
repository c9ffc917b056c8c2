//! Who may do what: IAM policies as they are stored, and the question that every call asks of them.

use std::collections::BTreeSet;

use postern_core::ports::{Resource, ResourceWrite};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::body::{fields, typed};
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::roles;
use crate::trust::{Trust, etag, is_current};

/// What IAM policies are listed with; nobody lists them.
const COLLECTION: &str = "iamPolicies";

/// Who is calling, as bindings name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever reaches a listener on loopback where no authentication is configured.
    Local,
    /// `user:E-MAIL`, `serviceAccount:E-MAIL`, or `principal:ISSUER/SUBJECT` where there is no e-mail.
    Member(String),
}

impl Who {
    /// Whether a binding's member means them. An e-mail's case makes no difference.
    fn is(&self, member: &str) -> bool {
        match (self, member) {
            (_, "allUsers") => true,
            (Self::Local, _) => false,
            (Self::Member(_), "allAuthenticatedUsers") => true,
            (Self::Member(own), _) => match member.strip_prefix("domain:") {
                Some(domain) => own
                    .strip_prefix("user:")
                    .and_then(|email| email.rsplit_once('@'))
                    .is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain)),
                None => own.eq_ignore_ascii_case(member),
            },
        }
    }
}

/// A policy as the request has it. Unknown fields of it are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Policy {
    #[serde(skip_serializing_if = "is_zero")]
    version: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bindings: Vec<Binding>,
    #[serde(skip_serializing)]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audit_configs: Vec<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Binding {
    role: String,
    #[serde(default)]
    members: BTreeSet<String>,
    /// Kept, and never met: conditions are not evaluated here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(version: &u8) -> bool {
    *version == 0
}

impl Trust {
    /// Refuses callers whom neither the resource's bindings nor those of what it is in give the permission.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, whether there is such a resource or not; or an outage.
    pub(crate) async fn require(
        &self,
        who: &Who,
        permission: &str,
        resource: &str,
    ) -> Result<(), ApiError> {
        match self.allows(who, permission, resource).await? {
            true => Ok(()),
            false => Err(ApiError::new(
                Code::PermissionDenied,
                format!(
                    "Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
                ),
            )),
        }
    }

    async fn allows(&self, who: &Who, permission: &str, resource: &str) -> Result<bool, ApiError> {
        let is_owner = self.owners().iter().any(|owner| who.is(owner));
        if *who == Who::Local || is_owner {
            return Ok(true);
        }
        for place in places(resource) {
            if let Some(stored) = self.store().resource(&name_of(&place)).await? {
                let policy: Policy = typed(fields(stored.body))?;
                let gives = |binding: &Binding| {
                    binding.condition.is_none()
                        && roles::gives(&binding.role, permission)
                        && binding.members.iter().any(|member| who.is(member))
                };
                if policy.bindings.iter().any(gives) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// `RESOURCE:getIamPolicy`.
    pub(crate) async fn iam_policy(&self, resource: &str) -> Result<Value, ApiError> {
        Ok(answer(
            self.store().resource(&name_of(resource)).await?.as_ref(),
        ))
    }

    /// `RESOURCE:setIamPolicy`.
    pub(crate) async fn set_iam_policy(
        &self,
        call: &Call,
        resource: &str,
        permission: &str,
    ) -> Result<Value, ApiError> {
        self.exists(resource).await?;
        let mut body = call.body()?;
        let policy = body.remove("policy").map(fields).unwrap_or_default();
        let policy: Policy = typed(policy)?;
        let name = name_of(resource);
        let stored = self.store().resource(&name).await?;
        if !is_current(policy.etag.as_deref(), stored.as_ref()) {
            return Err(ApiError::stale(resource));
        }
        let kept =
            serde_json::to_value(&policy).map_err(|error| ApiError::invalid(error.to_string()))?;
        let before = match &stored {
            Some(stored) => typed(fields(stored.body.clone()))?,
            None => Policy::default(),
        };
        let request = json!({"resource": resource, "policy": kept});
        let write = ResourceWrite {
            name: name.clone(),
            collection: COLLECTION.to_owned(),
            expected: stored.map_or(0, |stored| stored.revision),
            body: Some(kept),
        };
        // Cloud KMS tells of its methods by their short names.
        let method = match resource.contains("/keyRings/") {
            true => "SetIamPolicy",
            false => "google.iam.v1.IAMPolicy.SetIamPolicy",
        };
        let mut told = call.told(method, resource, permission, request);
        told.delta = Some(delta(&before, &policy));
        self.write(vec![write], told).await?;
        self.iam_policy(resource).await
    }

    /// Bindings are set on what is there: on attestors, notes, keys and occurrences that were made; projects and
    /// their policies always are.
    async fn exists(&self, resource: &str) -> Result<(), ApiError> {
        let kind = resource.split('/').nth(2);
        let is_there = match kind {
            Some("attestors" | "notes" | "locations") => {
                self.store().resource(resource).await?.is_some()
            }
            Some("occurrences") => self.store().occurrence(resource).await?.is_some(),
            _ => true,
        };
        match is_there {
            true => Ok(()),
            false => Err(ApiError::not_found("resource", resource)),
        }
    }

    /// `RESOURCE:testIamPermissions`.
    pub(crate) async fn test_iam_permissions(
        &self,
        call: &Call,
        resource: &str,
    ) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        struct Asked {
            #[serde(default)]
            permissions: Vec<String>,
        }
        let asked: Asked = typed(call.body()?)?;
        let mut given = Vec::new();
        for permission in asked.permissions.into_iter().take(100) {
            if self.allows(&call.who(), &permission, resource).await? {
                given.push(permission);
            }
        }
        Ok(match given.is_empty() {
            true => json!({}),
            false => json!({"permissions": given}),
        })
    }
}

/// Where bindings for a resource are looked for: at itself, and at what it is in.
fn places(resource: &str) -> Vec<String> {
    let segments: Vec<&str> = resource.split('/').collect();
    let lengths = match segments.get(2) {
        // Of a key's version: at the key, its ring, the project.
        Some(&"locations") => [8, 6, 2],
        _ => [segments.len(), 2, 2],
    };
    let within = lengths
        .into_iter()
        .filter(|length| *length <= segments.len());
    let mut places: Vec<String> = within.map(|length| segments[..length].join("/")).collect();
    places.dedup();
    places
}

/// What a new policy has that the old one had not, and the other way round, as audit logs tell it.
fn delta(before: &Policy, after: &Policy) -> Value {
    let only_in = |one: &Policy, other: &Policy, action: &str| -> Vec<Value> {
        let has = |role: &str, member: &str, condition: &Option<Value>| {
            other.bindings.iter().any(|binding| {
                binding.role == role
                    && binding.condition == *condition
                    && binding.members.contains(member)
            })
        };
        let mut deltas = Vec::new();
        for binding in &one.bindings {
            let new = |member: &&String| !has(&binding.role, member, &binding.condition);
            for member in binding.members.iter().filter(new) {
                let mut delta = json!({"action": action, "role": binding.role, "member": member});
                if let Some(condition) = &binding.condition {
                    delta["condition"] = condition.clone();
                }
                deltas.push(delta);
            }
        }
        deltas
    };
    let mut deltas = only_in(after, before, "ADD");
    deltas.extend(only_in(before, after, "REMOVE"));
    deltas.into()
}

/// What the store calls a resource's IAM policy.
fn name_of(resource: &str) -> String {
    format!("{resource}/iamPolicy")
}

/// A policy as it is answered. What was never set has an etag as well (`ACAB`, as Google's).
fn answer(stored: Option<&Resource>) -> Value {
    let mut policy = stored.map_or_else(Map::new, |stored| fields(stored.body.clone()));
    let tag = stored.map_or_else(|| "ACAB".to_owned(), etag);
    policy.insert("etag".to_owned(), tag.into());
    Value::Object(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_whom_they_name() {
        let alice = Who::Member("user:alice@example.com".to_owned());
        for member in [
            "user:Alice@example.com",
            "allUsers",
            "allAuthenticatedUsers",
            "domain:example.com",
        ] {
            assert!(alice.is(member), "{member}");
        }
        for member in [
            "user:bob@example.com",
            "serviceAccount:alice@example.com",
            "domain:ample.com",
            "group:all@example.com",
        ] {
            assert!(!alice.is(member), "{member}");
        }
        let account = Who::Member("serviceAccount:ci@example.com".to_owned());
        assert!(!account.is("domain:example.com"));
    }
}
