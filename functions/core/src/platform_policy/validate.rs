//! What Google refuses of a platform policy besides fields that it does not have.

use std::collections::BTreeSet;

use super::{
    Check, CheckKind, CheckSet, CheckSetScope, CloudRunPolicy, DirectoryPattern, GkePolicy,
    ImageAllowlist, PlatformPolicy,
};
use crate::policy::{EvaluationMode, Pattern};

/// How many projects one check may look in.
const MOST_PROJECTS: usize = 10;

/// Why a policy cannot hold: where it stands, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct PlatformPolicyError {
    place: String,
    reason: String,
}

type Checked = Result<(), PlatformPolicyError>;

fn wrong(place: impl Into<String>, reason: impl ToString) -> PlatformPolicyError {
    PlatformPolicyError {
        place: place.into(),
        reason: reason.to_string(),
    }
}

impl PlatformPolicy {
    /// Whether it can hold on a platform, `gke` or `cloudRun`. Keys are not looked at.
    ///
    /// # Errors
    /// Names the first mistake.
    pub fn check(&self, platform: &str) -> Result<(), PlatformPolicyError> {
        match (platform, &self.gke_policy, &self.cloud_run_policy) {
            ("gke", Some(policy), None) => policy.check(),
            ("cloudRun", None, Some(policy)) => policy.check(),
            ("gke", ..) => Err(wrong("gkePolicy", "this, and nothing else, must be set")),
            _ => Err(wrong(
                "cloudRunPolicy",
                "this, and nothing else, must be set",
            )),
        }
    }
}

impl GkePolicy {
    fn check(&self) -> Checked {
        allowlist(self.image_allowlist.as_ref(), "imageAllowlist")?;
        let last = self.check_sets.len().saturating_sub(1);
        for (index, set) in self.check_sets.iter().enumerate() {
            let place = format!("checkSets[{index}]");
            match (&set.scope, index == last) {
                (None, false) => {
                    let reason =
                        "only the last check set has no scope: nothing behind it is reached";
                    return Err(wrong(place, reason));
                }
                (Some(_), true) => {
                    let reason = "the last check set must have no scope, for whatever is in none";
                    return Err(wrong(place, reason));
                }
                _ => {}
            }
            reached(&self.check_sets[..index], set, &place)?;
            set.check(&place)?;
        }
        Ok(())
    }
}

/// A set behind one that holds for all of its Pods is never the one.
fn reached(before: &[CheckSet], set: &CheckSet, place: &str) -> Checked {
    use CheckSetScope::{KubernetesNamespace, KubernetesServiceAccount};
    let within = |earlier: &CheckSet| match (&earlier.scope, &set.scope) {
        (Some(earlier), Some(own)) if earlier == own => true,
        (Some(KubernetesNamespace(earlier)), Some(KubernetesServiceAccount(own))) => {
            own.split_once(':').is_some_and(|(own, _)| own == earlier)
        }
        _ => false,
    };
    match before.iter().any(within) {
        true => Err(wrong(
            place,
            "an earlier check set holds for all of its Pods: put the more specific one first",
        )),
        false => Ok(()),
    }
}

impl CheckSet {
    fn check(&self, place: &str) -> Checked {
        if let Some(CheckSetScope::KubernetesServiceAccount(account)) = &self.scope
            && !account
                .split_once(':')
                .is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
        {
            let reason = "a service account is written NAMESPACE:NAME";
            return Err(wrong(format!("{place}.scope"), reason));
        }
        allowlist(
            self.image_allowlist.as_ref(),
            &format!("{place}.imageAllowlist"),
        )?;
        for (index, check) in self.checks.iter().enumerate() {
            check.check(&format!("{place}.checks[{index}]"))?;
        }
        Ok(())
    }
}

impl Check {
    fn check(&self, place: &str) -> Checked {
        allowlist(
            self.image_allowlist.as_ref(),
            &format!("{place}.imageAllowlist"),
        )?;
        let kind = self.kind();
        let kind = kind.ok_or_else(|| wrong(place, "exactly one kind of check must be set"))?;
        let some = |is_empty: bool, what: &str| match is_empty {
            true => Err(wrong(place, format!("{what} must not be empty"))),
            false => Ok(()),
        };
        match kind {
            CheckKind::AlwaysDeny => Ok(()),
            CheckKind::ImageFreshness(check) => {
                some(check.max_upload_age_days == 0, "maxUploadAgeDays")
            }
            CheckKind::SigstoreSignature(check) => {
                let authorities = &check.sigstore_authorities;
                let keyless =
                    |of: &super::SigstoreAuthority| of.public_key_set.public_keys.is_empty();
                some(authorities.is_empty(), "sigstoreAuthorities")?;
                some(authorities.iter().any(keyless), "publicKeys")
            }
            CheckKind::SimpleSigningAttestation(check) => {
                let of = &check.attestation_authenticators;
                some(of.is_empty(), "attestationAuthenticators")?;
                let keyless = |of: &super::AttestationAuthenticator| {
                    of.pkix_public_key_set.pkix_public_keys.is_empty()
                };
                some(of.iter().any(keyless), "pkixPublicKeys")?;
                projects(&check.container_analysis_attestation_projects, place)
            }
            CheckKind::Slsa(check) => {
                some(check.rules.is_empty(), "rules")?;
                let mut sources = check
                    .rules
                    .iter()
                    .filter_map(|rule| rule.attestation_source.as_ref());
                sources
                    .try_for_each(|of| projects(&of.container_analysis_attestation_projects, place))
            }
            CheckKind::TrustedDirectory(check) => {
                some(check.trusted_dir_patterns.is_empty(), "trustedDirPatterns")?;
                let patterns = check.trusted_dir_patterns.iter();
                patterns
                    .map(|text| DirectoryPattern::parse(text))
                    .find_map(Result::err)
                    .map_or(Ok(()), |error| Err(wrong(place, error)))
            }
            CheckKind::Vulnerability(check) => {
                projects(&check.container_analysis_vulnerability_projects, place)
            }
        }
    }
}

impl CloudRunPolicy {
    fn check(&self) -> Checked {
        let rule = &self.rule;
        let required = rule.evaluation_mode == EvaluationMode::RequireAttestation;
        let place = "cloudRunPolicy.rule.requiredAttestors";
        match (required, rule.required_attestors.is_empty()) {
            (true, true) => return Err(wrong(place, "name the attestors that are required")),
            (false, false) => return Err(wrong(place, "has no effect by this evaluationMode")),
            _ => {}
        }
        let mut ids = BTreeSet::new();
        for attestor in &rule.required_attestors {
            if attestor.id.is_empty() || !ids.insert(&attestor.id) {
                return Err(wrong(place, "each attestor has an id of its own"));
            }
        }
        Ok(())
    }
}

fn allowlist(list: Option<&ImageAllowlist>, place: &str) -> Checked {
    for text in list.iter().flat_map(|list| &list.allow_pattern) {
        Pattern::parse(text).map_err(|error| wrong(place, error))?;
        if text.ends_with("**") && !text.ends_with("/**") {
            return Err(wrong(place, format!("{text:?}: ** stands only behind a /")));
        }
    }
    Ok(())
}

fn projects(names: &[String], place: &str) -> Checked {
    let is_name = |name: &String| {
        let id = name.strip_prefix("projects/");
        id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
    };
    match names.len() <= MOST_PROJECTS && names.iter().all(is_name) {
        true => Ok(()),
        false => Err(wrong(
            place,
            format!("projects are written projects/ID, and at most {MOST_PROJECTS} are named"),
        )),
    }
}

#[cfg(test)]
mod tests;
