//! The way from a policy to the one rule that holds for an image at a place.
//!
//! Order (Binary Authorization, "policy evaluation"): the system policy where it is switched on
//! and the target is GKE; the exempt patterns; the most specific scoped rule, on GKE; the default
//! rule.

use serde::Serialize;

use super::{
    AdmissionRule, AdmissionWhitelistPattern, EvaluationMode, GlobalPolicyEvaluationMode, Pattern,
    PatternError, Place, Policy, Scope,
};
use crate::attestor::AttestorName;
use crate::decision::EnforcementMode;
use crate::image::ImageReference;
use crate::target::Target;

/// The rule that holds: where it stands, what it asks, what is done with a violation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ruling {
    /// Where the rule stands.
    pub place: Place,
    /// What is done with a violation.
    pub enforcement: EnforcementMode,
    /// What is asked of the image.
    pub demand: Demand,
}

/// What a rule asks of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Demand {
    /// Nothing: this pattern matches.
    Allowlisted(String),
    /// Nothing, of any image.
    AlwaysAllow,
    /// The impossible.
    AlwaysDeny,
    /// An attestation by each of these, none named twice.
    RequireAttestation(Vec<AttestorName>),
}

/// Finds the rule that holds for an image.
///
/// For Cloud Run, Lambda and ECS the image comes with its digest: there a tag is resolved before
/// the policy is asked, so patterns with tags match nothing. `system` is consulted only where
/// `policy` switches it on and the target is GKE, and only its patterns count. A pattern that
/// cannot be read matches nothing.
pub fn route(
    policy: &Policy,
    system: Option<&Policy>,
    target: &Target,
    image: &ImageReference,
) -> Ruling {
    walk(policy, system, target, image, &mut |_| {})
}

/// What is seen on the way; borrowed, so that [`route`] pays nothing for it.
pub(super) enum Seen<'a> {
    SystemPolicy(SystemPolicy<'a>),
    Pattern {
        index: usize,
        text: &'a str,
        matched: Result<bool, PatternError>,
    },
    /// A scoped map that is not empty, and why it has no say.
    MapSkipped(Scope, &'static str),
    Key {
        scope: Scope,
        key: &'a str,
        found: bool,
    },
    Default,
}

pub(super) enum SystemPolicy<'a> {
    Off,
    NotGke,
    Missing,
    NoMatch(usize),
    Match(&'a str),
}

/// The one way to a rule, for [`route`] and [`super::explain()`] alike.
pub(super) fn walk(
    policy: &Policy,
    system: Option<&Policy>,
    target: &Target,
    image: &ImageReference,
    see: &mut dyn FnMut(Seen<'_>),
) -> Ruling {
    if let Some(pattern) = system_match(policy, system, target, image, see) {
        return exempt(Place::SystemPolicy, pattern);
    }
    let mut patterns = policy.admission_whitelist_patterns.iter().enumerate();
    if let Some((index, pattern)) = patterns.find(|(index, pattern)| {
        let text = pattern.name_pattern.as_str();
        let matched = matches(pattern, image);
        let found = matches!(matched, Ok(true));
        see(Seen::Pattern {
            index: *index,
            text,
            matched,
        });
        found
    }) {
        return exempt(Place::Pattern(index), &pattern.name_pattern);
    }
    if let Some((place, rule)) = scoped_rule(policy, target, see) {
        return ruling(place, rule);
    }
    see(Seen::Default);
    ruling(Place::Default, &policy.default_admission_rule)
}

fn exempt(place: Place, pattern: &str) -> Ruling {
    let demand = Demand::Allowlisted(pattern.to_owned());
    Ruling {
        place,
        enforcement: EnforcementMode::Enforced,
        demand,
    }
}

fn ruling(place: Place, rule: &AdmissionRule) -> Ruling {
    let demand = match rule.evaluation_mode {
        EvaluationMode::AlwaysAllow => Demand::AlwaysAllow,
        EvaluationMode::AlwaysDeny => Demand::AlwaysDeny,
        EvaluationMode::RequireAttestation => {
            let mut attestors: Vec<AttestorName> = Vec::new();
            for attestor in &rule.require_attestations_by {
                if !attestors.contains(attestor) {
                    attestors.push(attestor.clone());
                }
            }
            Demand::RequireAttestation(attestors)
        }
    };
    Ruling {
        place,
        enforcement: rule.enforcement_mode,
        demand,
    }
}

fn matches(
    pattern: &AdmissionWhitelistPattern,
    image: &ImageReference,
) -> Result<bool, PatternError> {
    Pattern::parse(&pattern.name_pattern).map(|pattern| pattern.matches(image))
}

fn system_match<'a>(
    policy: &Policy,
    system: Option<&'a Policy>,
    target: &Target,
    image: &ImageReference,
    see: &mut dyn FnMut(Seen<'_>),
) -> Option<&'a str> {
    let on = policy.global_policy_evaluation_mode == Some(GlobalPolicyEvaluationMode::Enable);
    let (seen, found) = match system {
        _ if !target.is_gke() => (SystemPolicy::NotGke, None),
        _ if !on => (SystemPolicy::Off, None),
        None => (SystemPolicy::Missing, None),
        Some(system) => {
            let mut patterns = system.admission_whitelist_patterns.iter();
            match patterns.find(|pattern| matches(pattern, image) == Ok(true)) {
                Some(AdmissionWhitelistPattern { name_pattern }) => (
                    SystemPolicy::Match(name_pattern),
                    Some(name_pattern.as_str()),
                ),
                None => (
                    SystemPolicy::NoMatch(system.admission_whitelist_patterns.len()),
                    None,
                ),
            }
        }
    };
    see(Seen::SystemPolicy(seen));
    found
}

/// The most specific rule, though Google lets only one of the maps be filled.
fn scoped_rule<'a>(
    policy: &'a Policy,
    target: &Target,
    see: &mut dyn FnMut(Seen<'_>),
) -> Option<(Place, &'a AdmissionRule)> {
    for scope in Scope::ALL {
        let map = policy.scoped_rules(scope);
        if map.is_empty() {
            continue;
        }
        let keys = match keys(policy, target, scope) {
            Ok(keys) => keys,
            Err(why) => {
                see(Seen::MapSkipped(scope, why));
                continue;
            }
        };
        for key in keys {
            let rule = map.get(&key);
            see(Seen::Key {
                scope,
                key: &key,
                found: rule.is_some(),
            });
            if let Some(rule) = rule {
                return Some((Place::Scoped(scope, key), rule));
            }
        }
    }
    None
}

/// What a target is called in a scoped map, or why it has no name there.
fn keys(policy: &Policy, target: &Target, scope: Scope) -> Result<Vec<String>, &'static str> {
    let Target::Gke {
        location,
        cluster,
        namespace,
        service_account,
        project,
    } = target
    else {
        return Err("scoped rules apply to GKE only");
    };
    // Kubernetes gives a Pod that names no service account the namespace's `default`.
    let account = service_account.as_deref().unwrap_or("default");
    Ok(match scope {
        Scope::Cluster => vec![format!("{location}.{cluster}")],
        Scope::Namespace => vec![namespace.clone()],
        Scope::ServiceAccount => vec![format!("{namespace}:{account}")],
        Scope::IstioServiceIdentity => {
            let project = project.as_deref().or_else(|| policy.project());
            let project = project.ok_or(
                "the identity's domain is PROJECT.svc.id.goog, and neither the target nor the \
                 policy's name says which project",
            )?;
            let identity = format!("{project}.svc.id.goog/ns/{namespace}/sa/{account}");
            vec![format!("spiffe://{identity}"), identity]
        }
    })
}

#[cfg(test)]
mod tests;
