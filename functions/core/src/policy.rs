//! Binary Authorization's policy, complete (`projects.getPolicy`, REST v1).
//!
//! The resource's shape is here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attestor::AttestorName;
use crate::decision::EnforcementMode;

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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cluster_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kubernetes_namespace_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By `NAMESPACE:SERVICEACCOUNT`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kubernetes_service_account_admission_rules: BTreeMap<String, AdmissionRule>,
    /// By `spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT`, with or without the scheme.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
