//! What would change if one policy took another's place, in plain words, and what of it lets more through.
//!
//! Scoped rules are compared by what holds: where a policy has none for a cluster, a namespace, a service
//! account or an identity, its default rule does.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{AdmissionRule, EvaluationMode, GlobalPolicyEvaluationMode, Policy, Scope};
use crate::attestor::{AttestorName, ProjectNumbers};
use crate::decision::EnforcementMode;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyChange {
    /// Where, such as `clusterAdmissionRules.us-central1-a.prod`.
    pub place: String,
    /// Whether something may be deployed, or may be deployed unseen, that could not before.
    pub weaker: bool,
    /// What changes.
    pub message: String,
}

/// What changes if `wanted` takes the place of `live`; nothing if they say the same. What only the server
/// sets does not count, nor does the order in which things are listed.
pub fn differences(live: &Policy, wanted: &Policy, numbers: &ProjectNumbers) -> Vec<PolicyChange> {
    let mut changes = Changes {
        numbers,
        list: Vec::new(),
    };
    changes.description(live, wanted);
    changes.global(live, wanted);
    changes.exemptions(live, wanted);
    for scope in Scope::ALL {
        changes.scoped(scope, live, wanted);
    }
    let (before, after) = (&live.default_admission_rule, &wanted.default_admission_rule);
    changes.rule("defaultAdmissionRule", before, after);
    changes.list
}

struct Changes<'a> {
    numbers: &'a ProjectNumbers,
    list: Vec<PolicyChange>,
}

impl Changes<'_> {
    fn add(&mut self, place: &str, weaker: bool, message: String) {
        self.list.push(PolicyChange {
            place: place.to_owned(),
            weaker,
            message,
        });
    }

    fn description(&mut self, live: &Policy, wanted: &Policy) {
        let text = |policy: &Policy| policy.description.clone().unwrap_or_default();
        if text(live) != text(wanted) {
            let message = match text(wanted).as_str() {
                "" => "the description is removed".to_owned(),
                text => format!("the description becomes {text:?}"),
            };
            self.add("description", false, message);
        }
    }

    /// Absent and unspecified are `DISABLE`.
    fn global(&mut self, live: &Policy, wanted: &Policy) {
        let enabled = |policy: &Policy| {
            policy.global_policy_evaluation_mode == Some(GlobalPolicyEvaluationMode::Enable)
        };
        let message = match (enabled(live), enabled(wanted)) {
            (false, true) => "images of the system policy are let through on GKE",
            (true, false) => "images of the system policy are judged like all others",
            _ => return,
        };
        self.add(
            "globalPolicyEvaluationMode",
            enabled(wanted),
            message.to_owned(),
        );
    }

    fn exemptions(&mut self, live: &Policy, wanted: &Policy) {
        let patterns = |policy: &Policy| -> BTreeSet<String> {
            let patterns = policy.admission_whitelist_patterns.iter();
            patterns.map(|one| one.name_pattern.clone()).collect()
        };
        let (before, after) = (patterns(live), patterns(wanted));
        let place = "admissionWhitelistPatterns";
        for added in after.difference(&before) {
            self.add(place, true, format!("images like {added} become exempt"));
        }
        for removed in before.difference(&after) {
            let message = format!("images like {removed} are no longer exempt");
            self.add(place, false, message);
        }
    }

    fn scoped(&mut self, scope: Scope, live: &Policy, wanted: &Policy) {
        let (before, after) = (live.scoped_rules(scope), wanted.scoped_rules(scope));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let place = format!("{}.{key}", scope.field());
            match (before.get(key), after.get(key)) {
                (Some(before), Some(after)) => self.rule(&place, before, after),
                (None, Some(rule)) => {
                    let weaker = self.is_weaker(&live.default_admission_rule, rule);
                    let message = format!(
                        "a rule of its own, in place of the default one: {}",
                        said(rule)
                    );
                    self.add(&place, weaker, message);
                }
                (Some(rule), None) => {
                    let weaker = self.is_weaker(rule, &wanted.default_admission_rule);
                    let message = format!(
                        "the rule is removed ({}); the default one holds: {}",
                        said(rule),
                        said(&wanted.default_admission_rule)
                    );
                    self.add(&place, weaker, message);
                }
                (None, None) => {}
            }
        }
    }

    fn rule(&mut self, place: &str, before: &AdmissionRule, after: &AdmissionRule) {
        let (was, is) = (before.evaluation_mode, after.evaluation_mode);
        if was != is {
            let message = format!("{} → {}", said(before), said(after));
            self.add(place, strictness(is) < strictness(was), message);
        } else {
            for added in self.missing(after, before) {
                self.add(
                    place,
                    false,
                    format!("attestations by {added} are required as well"),
                );
            }
            for removed in self.missing(before, after) {
                let message = format!("attestations by {removed} are no longer required");
                self.add(place, true, message);
            }
        }
        match (before.enforcement_mode, after.enforcement_mode) {
            (EnforcementMode::Enforced, EnforcementMode::DryRun) => {
                let message = "dry run: violations are logged and deployed all the same";
                self.add(place, true, message.to_owned());
            }
            (EnforcementMode::DryRun, EnforcementMode::Enforced) => {
                let message = "enforced: violations are blocked, and no longer only logged";
                self.add(place, false, message.to_owned());
            }
            _ => {}
        }
    }

    fn is_weaker(&self, before: &AdmissionRule, after: &AdmissionRule) -> bool {
        let mut changes = Changes {
            numbers: self.numbers,
            list: Vec::new(),
        };
        changes.rule("", before, after);
        changes.list.iter().any(|change| change.weaker)
    }

    /// The attestors that `of` requires and `than` does not.
    fn missing<'r>(&self, of: &'r AdmissionRule, than: &AdmissionRule) -> Vec<&'r AttestorName> {
        let same = |a: &AttestorName, b: &AttestorName| {
            a.id == b.id && self.numbers.same_project(&a.project, &b.project)
        };
        let known = &than.require_attestations_by;
        let required = of.require_attestations_by.iter();
        required
            .filter(|name| !known.iter().any(|other| same(name, other)))
            .collect()
    }
}

const fn strictness(mode: EvaluationMode) -> u8 {
    match mode {
        EvaluationMode::AlwaysAllow => 0,
        EvaluationMode::RequireAttestation => 1,
        EvaluationMode::AlwaysDeny => 2,
    }
}

/// What a rule does, in words.
fn said(rule: &AdmissionRule) -> String {
    let what = match rule.evaluation_mode {
        EvaluationMode::AlwaysAllow => "every image is allowed (ALWAYS_ALLOW)".to_owned(),
        EvaluationMode::AlwaysDeny => "every image is denied (ALWAYS_DENY)".to_owned(),
        EvaluationMode::RequireAttestation => {
            let names: Vec<String> = rule
                .require_attestations_by
                .iter()
                .map(ToString::to_string)
                .collect();
            format!("attestations by {} are required", names.join(" and "))
        }
    };
    match rule.enforcement_mode {
        EnforcementMode::Enforced => what,
        EnforcementMode::DryRun => format!("{what}, in dry run"),
    }
}

#[cfg(test)]
mod tests;
