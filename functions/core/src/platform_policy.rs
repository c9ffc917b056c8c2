//! Binary Authorization's platform policies (`projects.platforms.policies`, REST v1): checks of what runs on a
//! GKE cluster, and attestors that stand in the policy itself for Cloud Run.

mod check;
mod directory;
mod validate;

use serde::{Deserialize, Serialize};

use crate::attestor::{AttestorPublicKey, NoteName};
use crate::decision::EnforcementMode;
use crate::image::ImageReference;
use crate::policy::{AdmissionWhitelistPattern, EvaluationMode, Pattern};

pub use self::check::{
    AttestationAuthenticator, AttestationSource, Check, CheckKind, ImageFreshnessCheck,
    PkixPublicKeySet, Severity, SigstoreAuthority, SigstorePublicKey, SigstorePublicKeySet,
    SigstoreSignatureCheck, SimpleSigningAttestationCheck, SlsaCheck, SlsaRule,
    TrustedDirectoryCheck, VulnerabilityCheck,
};
pub use self::directory::{DirectoryPattern, DirectoryPatternError};
pub use self::validate::PlatformPolicyError;

/// A policy of a platform: for GKE, or for Cloud Run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformPolicy {
    /// `projects/P/platforms/gke/policies/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What is checked on GKE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gke_policy: Option<GkePolicy>,
    /// What is asked on Cloud Run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_run_policy: Option<CloudRunPolicy>,
    /// Version of the resource; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Time of the last change; set by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_time: Option<jiff::Timestamp>,
}

/// What is checked of Pods.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GkePolicy {
    /// Images that nothing is checked of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_allowlist: Option<ImageAllowlist>,
    /// One of them holds for a Pod: the first whose scope it is in. None at all allow everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check_sets: Vec<CheckSet>,
}

impl GkePolicy {
    /// The check set that holds for a Pod, and its place; `None` where there are none at all.
    pub fn check_set(&self, namespace: &str, account: &str) -> Option<(usize, &CheckSet)> {
        let mut sets = self.check_sets.iter().enumerate();
        sets.find(|(_, set)| match &set.scope {
            Some(scope) => scope.has(namespace, account),
            None => true,
        })
    }
}

/// Images that are exempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageAllowlist {
    /// Patterns as [`Pattern`] reads them.
    #[serde(default)]
    pub allow_pattern: Vec<String>,
}

impl ImageAllowlist {
    /// The first pattern that an image matches. One that cannot be read matches nothing.
    pub fn matched(&self, image: &ImageReference) -> Option<&str> {
        let mut patterns = self.allow_pattern.iter().map(String::as_str);
        patterns.find(|text| Pattern::parse(text).is_ok_and(|pattern| pattern.matches(image)))
    }
}

/// Checks that all must be satisfied, for the Pods of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckSet {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Which Pods it is for; absent: all that no other set is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<CheckSetScope>,
    /// Images that these checks are not made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_allowlist: Option<ImageAllowlist>,
    /// None at all allow everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// Which Pods a check set is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckSetScope {
    /// Those of `NAMESPACE:SERVICEACCOUNT`.
    KubernetesServiceAccount(String),
    /// Those of a namespace.
    KubernetesNamespace(String),
}

impl CheckSetScope {
    fn has(&self, namespace: &str, account: &str) -> bool {
        match self {
            Self::KubernetesNamespace(own) => own == namespace,
            Self::KubernetesServiceAccount(own) => {
                own.split_once(':') == Some((namespace, account))
            }
        }
    }
}

/// What is asked of images on Cloud Run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudRunPolicy {
    /// Images that nothing is asked of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowlist_patterns: Vec<AdmissionWhitelistPattern>,
    /// What is asked of all others.
    pub rule: CloudRunRule,
}

/// A rule whose attestors stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudRunRule {
    /// What is asked of an image.
    pub evaluation_mode: EvaluationMode,
    /// What is done with a violation.
    pub enforcement_mode: EnforcementMode,
    /// Not empty if and only if attestations are required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_attestors: Vec<InlineAttestor>,
}

/// An attestor that is no resource of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InlineAttestor {
    /// One of its own in the policy.
    pub id: String,
    /// The note that its attestations hang on.
    pub attestation_note: NoteName,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// One valid signature by any of them is enough; without keys there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<AttestorPublicKey>,
}
