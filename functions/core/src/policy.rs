//! Binary Authorization's policy, complete (`projects.getPolicy`, REST v1).
//!
//! The resource's shape is here. [`route`] finds the rule that holds for an image at a place,
//! [`conclude`] turns what became of the attestors it asks for into a verdict; [`explain()`] shows
//! the way that `route` went. [`lint()`] finds mistakes, [`table`] tests a policy by examples, and
//! [`differences`] says what one policy would change if it took another's place.

mod conclude;
mod difference;
mod document;
mod evaluate;
mod explain;
pub mod lint;
mod parse;
mod pattern;
mod place;
mod system;
pub mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::attestor::AttestorName;
use crate::decision::EnforcementMode;

pub use conclude::{Conclusion, conclude};
pub use difference::{PolicyChange, differences};
pub use evaluate::{Demand, Ruling, route};
pub use explain::{Explanation, Step, StepOutcome, explain};
pub use lint::lint;
pub use parse::{MAX_BYTES, PolicyError, Position, parse_attestors};
pub use pattern::{Pattern, PatternError};
pub use place::{Place, Scope};
pub use system::system_policy;

/// A policy: exempt images, one scoped map of rules, and a default rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// `projects/P/policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether Google's own images are let through by the system policy, on GKE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_policy_evaluation_mode: Option<GlobalPolicyEvaluationMode>,
    /// Images that are let through without a look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admission_whitelist_patterns: Vec<AdmissionWhitelistPattern>,
    /// By `LOCATION.CLUSTER`.
    #[serde(
        default,
        deserialize_with = "parse::each_key_once",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub cluster_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By namespace.
    #[serde(
        default,
        deserialize_with = "parse::each_key_once",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub kubernetes_namespace_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By `NAMESPACE:SERVICEACCOUNT`.
    #[serde(
        default,
        deserialize_with = "parse::each_key_once",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub kubernetes_service_account_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By `spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT`, with or without the scheme.
    #[serde(
        default,
        deserialize_with = "parse::each_key_once",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub istio_service_identity_admission_rules: BTreeMap<String, AdmissionRule>,
    /// What holds where nothing else does.
    pub default_admission_rule: AdmissionRule,
    /// Version of the resource; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Time of the last change; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<jiff::Timestamp>,
}

impl Policy {
    /// SHA-256, in hex, of the policy as compact JSON with its fields in the order of the API
    /// reference. What only the server sets (`etag`, `updateTime`) is left out, so that the same
    /// policy has the same hash wherever it was exported.
    pub fn sha256(&self) -> String {
        let content = Self {
            etag: None,
            update_time: None,
            ..self.clone()
        };
        #[expect(
            clippy::expect_used,
            reason = "strings, lists and maps with string keys only"
        )]
        let json = serde_json::to_vec(&content).expect("a policy is JSON");
        hex::encode(sha2::Sha256::digest(json))
    }

    /// The project whose policy this is, by its `name`.
    pub fn project(&self) -> Option<&str> {
        self.name
            .as_deref()?
            .strip_prefix("projects/")?
            .strip_suffix("/policy")
    }

    /// Every attestor that some rule requires, as often as it is named.
    pub fn required_attestors(&self) -> impl Iterator<Item = &AttestorName> {
        let scoped = Scope::ALL
            .into_iter()
            .flat_map(|scope| self.scoped_rules(scope).values());
        scoped
            .chain([&self.default_admission_rule])
            .flat_map(|rule| &rule.require_attestations_by)
    }

    /// The rules of one scoped map.
    pub const fn scoped_rules(&self, scope: Scope) -> &BTreeMap<String, AdmissionRule> {
        match scope {
            Scope::IstioServiceIdentity => &self.istio_service_identity_admission_rules,
            Scope::ServiceAccount => &self.kubernetes_service_account_admission_rules,
            Scope::Namespace => &self.kubernetes_namespace_admission_rules,
            Scope::Cluster => &self.cluster_admission_rules,
        }
    }
}

/// Whether the system policy is consulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GlobalPolicyEvaluationMode {
    /// As `DISABLE`.
    GlobalPolicyEvaluationModeUnspecified,
    /// It is, on GKE.
    Enable,
    /// It is not.
    Disable,
}

/// Images that are exempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AdmissionWhitelistPattern {
    /// A name with an optional trailing `*` or `**`.
    pub name_pattern: String,
}

/// One rule. Reading one refuses attestors that the mode does not ask for and a mode that asks for
/// attestors where none are listed, as Google does: neither can be what its author meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "parse::RuleFields")]
pub struct AdmissionRule {
    /// What is asked of an image.
    pub evaluation_mode: EvaluationMode,
    /// What is done with a violation.
    pub enforcement_mode: EnforcementMode,
    /// All of these must be satisfied; not empty if and only if attestations are required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require_attestations_by: Vec<AttestorName>,
}

/// What a rule asks of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EvaluationMode {
    /// Nothing.
    AlwaysAllow,
    /// Attestations by every listed attestor.
    RequireAttestation,
    /// The impossible.
    AlwaysDeny,
}

impl std::fmt::Display for EvaluationMode {
    /// The API's spelling, such as `ALWAYS_DENY`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_content_not_of_the_file() {
        let yaml = "defaultAdmissionRule:\n  enforcementMode: ENFORCED_BLOCK_AND_AUDIT_LOG\n  \
                    evaluationMode: ALWAYS_DENY\netag: '\"one\"'\n";
        let json = r#"{"defaultAdmissionRule": {"evaluationMode": "ALWAYS_DENY",
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG"}, "etag": "\"two\""}"#;
        let other = json.replace("ALWAYS_DENY", "ALWAYS_ALLOW");
        let hash = |text: &str| Policy::parse(text).unwrap().sha256();
        assert_eq!(hash(yaml), hash(json));
        assert_ne!(hash(json), hash(&other));
        assert_eq!(hash(json).len(), 64);
    }

    #[test]
    fn the_project_is_in_the_name() {
        let named = |name: &str| Policy {
            name: Some(name.to_owned()),
            ..system_policy().clone()
        };
        assert_eq!(named("projects/demo/policy").project(), Some("demo"));
        assert_eq!(named("locations/global/policy").project(), None);
    }
}
