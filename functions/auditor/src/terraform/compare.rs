//! What there is, held against what Terraform would have there be.
//!
//! The provider of Google Cloud compares attestors by their last word and may send others than it shows, so
//! neither a plan without changes nor the state says what the live policy is.

use std::collections::BTreeSet;

use postern_core::attestor::{Attestor, AttestorName, AttestorPublicKey, ProjectNumbers};
use postern_core::decision::EnforcementMode;
use postern_core::image::{Digest, shortened};
use postern_core::policy::{AdmissionRule, GlobalPolicyEvaluationMode, Policy, Scope};
use serde::Serialize;

/// One thing that is otherwise than configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The policy or attestor, by its name in the API.
    pub resource: String,
    /// Where in it, in the words of the API; empty for all of it.
    pub field: String,
    /// What Terraform has; `None`: nothing.
    pub configured: Option<String>,
    /// What there is; `None`: nothing.
    pub live: Option<String>,
}

/// How the live policy of a project differs. What only the server sets does not count.
pub fn policies(
    project: &str,
    configured: &Policy,
    live: Option<&Policy>,
    projects: &ProjectNumbers,
) -> Vec<Difference> {
    let mut found = Differences::of(format!("projects/{project}/policy"));
    let Some(live) = live else {
        found.add("", Some("a policy".to_owned()), None);
        return found.differences;
    };
    if configured.description.is_some() {
        let texts = (&configured.description, &live.description);
        found.differ("description", texts.0.clone(), texts.1.clone());
    }
    if configured.global_policy_evaluation_mode.is_some() {
        let field = "globalPolicyEvaluationMode";
        found.differ(field, Some(evaluates(configured)), Some(evaluates(live)));
    }
    let patterns = |policy: &Policy| -> BTreeSet<String> {
        let patterns = policy.admission_whitelist_patterns.iter();
        patterns
            .map(|pattern| pattern.name_pattern.clone())
            .collect()
    };
    let patterns = (patterns(configured), patterns(live));
    found.sets("admissionWhitelistPatterns", &patterns.0, &patterns.1);
    for scope in Scope::ALL {
        let (ours, theirs) = (configured.scoped_rules(scope), live.scoped_rules(scope));
        let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let field = format!("{}.{}", scope.field(), shortened(key));
            found.rules(&field, ours.get(key), theirs.get(key), projects);
        }
    }
    let (ours, theirs) = (
        &configured.default_admission_rule,
        &live.default_admission_rule,
    );
    found.rules("defaultAdmissionRule", Some(ours), Some(theirs), projects);
    found.differences
}

/// How a live attestor differs: its note, and its keys by id and by what they are.
pub fn attestors(
    configured: &Attestor,
    live: Option<&Attestor>,
    projects: &ProjectNumbers,
) -> Vec<Difference> {
    let mut found = Differences::of(configured.name.to_string());
    let Some(live) = live else {
        found.add("", Some("an attestor".to_owned()), None);
        return found.differences;
    };
    let (ours, theirs) = (
        &configured.user_owned_grafeas_note,
        &live.user_owned_grafeas_note,
    );
    let notes = (&ours.note_reference, &theirs.note_reference);
    if !projects.same_note(notes.0, notes.1) {
        let field = "userOwnedGrafeasNote.noteReference";
        found.add(field, Some(notes.0.to_string()), Some(notes.1.to_string()));
    }
    let mut left: Vec<&AttestorPublicKey> = theirs.public_keys.iter().collect();
    for key in &ours.public_keys {
        // A key without an id is given one by the service.
        let same = |other: &&AttestorPublicKey| match &key.id {
            Some(id) => other.id.as_ref() == Some(id),
            None => material(other) == material(key),
        };
        let place = left.iter().position(same);
        let other = place.map(|place| material(left.remove(place)));
        found.differ(&field_of(key), Some(material(key)), other);
    }
    for key in left {
        found.add(&field_of(key), None, Some(material(key)));
    }
    found.differences
}

/// Unspecified is as disabled.
fn evaluates(policy: &Policy) -> String {
    match policy.global_policy_evaluation_mode {
        Some(GlobalPolicyEvaluationMode::Enable) => "ENABLE".to_owned(),
        _ => "DISABLE".to_owned(),
    }
}

const fn word(mode: EnforcementMode) -> &'static str {
    match mode {
        EnforcementMode::DryRun => "DRYRUN_AUDIT_LOG_ONLY",
        EnforcementMode::Enforced => "ENFORCED_BLOCK_AND_AUDIT_LOG",
    }
}

fn field_of(key: &AttestorPublicKey) -> String {
    let id = key.id.as_deref().unwrap_or("without an id");
    format!("userOwnedGrafeasNote.publicKeys[{}]", shortened(id))
}

/// What a key is, in one line: its algorithm and a hash of it. White space of a PEM does not count.
fn material(key: &AttestorPublicKey) -> String {
    let hash = |bytes: &[u8]| Digest::of(bytes).hex();
    match (&key.pkix_public_key, &key.ascii_armored_pgp_public_key) {
        (Some(pkix), _) => {
            let bytes = pkix.der();
            let bytes = bytes.unwrap_or_else(|| pkix.public_key_pem.trim().into());
            format!("{} {}", pkix.signature_algorithm, hash(&bytes))
        }
        (None, Some(armored)) => {
            let lines: Vec<&str> = armored.split_ascii_whitespace().collect();
            format!("OpenPGP {}", hash(lines.join("\n").as_bytes()))
        }
        (None, None) => "no key".to_owned(),
    }
}

/// Differences of one resource.
struct Differences {
    resource: String,
    differences: Vec<Difference>,
}

impl Differences {
    const fn of(resource: String) -> Self {
        Self {
            resource,
            differences: Vec::new(),
        }
    }

    fn add(&mut self, field: &str, configured: Option<String>, live: Option<String>) {
        self.differences.push(Difference {
            resource: self.resource.clone(),
            field: field.to_owned(),
            configured,
            live,
        });
    }

    fn differ(&mut self, field: &str, configured: Option<String>, live: Option<String>) {
        if configured != live {
            self.add(field, configured, live);
        }
    }

    /// One difference for each element that only one of them has.
    fn sets(&mut self, field: &str, configured: &BTreeSet<String>, live: &BTreeSet<String>) {
        for missing in configured.difference(live) {
            self.add(field, Some(missing.clone()), None);
        }
        for surplus in live.difference(configured) {
            self.add(field, None, Some(surplus.clone()));
        }
    }

    fn rules(
        &mut self,
        field: &str,
        configured: Option<&AdmissionRule>,
        live: Option<&AdmissionRule>,
        projects: &ProjectNumbers,
    ) {
        let (Some(ours), Some(theirs)) = (configured, live) else {
            let mode = |rule: Option<&AdmissionRule>| rule.map(|r| r.evaluation_mode.to_string());
            return self.add(field, mode(configured), mode(live));
        };
        let at = |name: &str| format!("{field}.{name}");
        self.differ(
            &at("evaluationMode"),
            Some(ours.evaluation_mode.to_string()),
            Some(theirs.evaluation_mode.to_string()),
        );
        self.differ(
            &at("enforcementMode"),
            Some(word(ours.enforcement_mode).to_owned()),
            Some(word(theirs.enforcement_mode).to_owned()),
        );
        let same = |a: &AttestorName, b: &AttestorName| {
            a.id == b.id && projects.same_project(&a.project, &b.project)
        };
        let only = |of: &AdmissionRule, not: &AdmissionRule| -> BTreeSet<String> {
            let names = of.require_attestations_by.iter();
            let only = names.filter(|a| !not.require_attestations_by.iter().any(|b| same(a, b)));
            only.map(ToString::to_string).collect()
        };
        let (missing, surplus) = (only(ours, theirs), only(theirs, ours));
        self.sets(&at("requireAttestationsBy"), &missing, &surplus);
    }
}

#[cfg(test)]
mod tests;
