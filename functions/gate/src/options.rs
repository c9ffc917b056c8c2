//! What the operator chose.

use postern_core::attestor::ProjectNumbers;
use postern_core::policy::Policy;
use postern_host::config::{Config, OnUndetermined};
use regex::Regex;

use crate::break_glass::BreakGlassRules;
use crate::observe::Observed;

/// How the gate decides where the policy leaves a choice.
#[derive(Debug, Clone, Default)]
pub struct GateOptions {
    /// Whether undetermined requests are let through. Each one is a fail-open finding.
    pub allow_undetermined: bool,
    /// Whether a payload must name the repository being deployed from, too.
    pub compare_repository: bool,
    /// Whether an attestation of an index covers the manifests that it lists.
    pub index_covers_manifests: bool,
    /// Whether references by digest are looked up, too, for the manifests of an index.
    pub resolve_digests: bool,
    /// Fields that may bring code outside of an image, by name.
    pub allow_code_outside_image: Vec<String>,
    /// Targets at which the gate does not stand in the way yet.
    pub observe: Observed,
    /// Which project number belongs to which project id.
    pub projects: ProjectNumbers,
    /// What the system policy lets through on GKE.
    pub system_policy: Option<Policy>,
    /// The emergency door.
    pub break_glass: BreakGlassRules,
}

/// A part of the configuration that the gate cannot use.
#[derive(Debug, Clone, thiserror::Error)]
#[error("breakGlass.ticket is no regular expression: {0}")]
pub struct OptionsError(#[from] regex::Error);

impl GateOptions {
    /// The options of a configuration. References by digest are looked up where the registry is a
    /// source of attestations: it is asked anyway.
    ///
    /// # Errors
    /// If the ticket pattern is no regular expression.
    pub fn from_config(config: &Config, system_policy: Policy) -> Result<Self, OptionsError> {
        Ok(Self {
            allow_undetermined: config.gate.on_undetermined == OnUndetermined::Allow,
            compare_repository: config.gate.compare_repository,
            index_covers_manifests: config.gate.index_covers_manifests,
            resolve_digests: config
                .attestations
                .iter()
                .any(|source| source == "registry")
                || config.gate.index_covers_manifests,
            allow_code_outside_image: config.gate.allow_code_outside_image.clone(),
            observe: Observed::new(&config.gate.observe),
            projects: config.projects.clone(),
            system_policy: Some(system_policy),
            break_glass: BreakGlassRules {
                ticket: config
                    .break_glass
                    .ticket
                    .as_deref()
                    .map(Regex::new)
                    .transpose()?,
                max_per_day: config.break_glass.max_per_day,
            },
        })
    }
}
