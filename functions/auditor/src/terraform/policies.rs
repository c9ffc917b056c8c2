//! What a plan does to policies of Binary Authorization.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use postern_core::image::shortened;
use serde_json::Value;

use super::change::{Change, Text};
use super::finding::{Code, Finding};

pub(super) const POLICY: &str = "google_binary_authorization_policy";

/// What keeps the provider from updating or resetting a policy.
const REPLACE: &str = "set deletion_policy = \"ABANDON\", and replace the policy whenever a rule changes \
    (lifecycle.replace_triggered_by a terraform_data of all its attestors), as the module gcp/trust-chain does";
/// How many names a message tells.
const MAX_NAMES: usize = 10;

/// Which rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    Default,
    Cluster(String),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default rule"),
            Self::Cluster(name) if name.is_empty() => f.write_str("the rule of a cluster"),
            Self::Cluster(name) => write!(f, "the rule of cluster {}", shortened(name)),
        }
    }
}

/// Adds what is found about a policy.
pub(super) fn look(change: &Change<'_>, findings: &mut Vec<Finding>) {
    if change.kind != POLICY {
        return;
    }
    if change.is_destroyed() && change.deletion_policy() == "DELETE" {
        findings.push(reset(change));
    }
    if change.imports {
        findings.push(Finding::new(
            Code::PolicyImported,
            change,
            "the policy is imported: rules by namespace, service account or Istio identity are not in the \
             state, and the next change erases them",
            "export it first (gcloud container binauthz policy export); if it has such rules, keep it out of \
             Terraform",
        ));
    }
    if change.stays() {
        modes(change, findings);
        look_alikes(change, findings);
        attestors(change, findings);
    }
}

fn reset(change: &Change<'_>) -> Finding {
    let message = match change.is_replaced() {
        true => {
            "the policy is replaced: until the new one is written, and for good if that fails, there is one \
             that lets everything through"
        }
        false => {
            "the policy is destroyed, for which the provider writes one that lets everything through"
        }
    };
    let remedy = "apply deletion_policy = \"ABANDON\" first, which leaves the live policy as it is";
    Finding::new(Code::PolicyReset, change, message, remedy)
}

/// What each rule asks, and whether it is enforced.
fn modes(change: &Change<'_>, findings: &mut Vec<Finding>) {
    for (pointer, rule) in pointers(change) {
        let of = |field: &str| change.text(&format!("{pointer}/{field}"));
        match of("evaluation_mode") {
            Text::Is("ALWAYS_ALLOW") => findings.push(Finding::new(
                Code::AllowAll,
                change,
                format!("{rule} lets everything through"),
                "ask for attestations (REQUIRE_ATTESTATION), and exempt single images instead",
            )),
            Text::Is(_) => {}
            Text::Absent | Text::Later => {
                let what = format!("the evaluation mode of {rule}");
                findings.push(Finding::later(Code::AllowAll, change, &what));
            }
        }
        match of("enforcement_mode") {
            Text::Is("DRYRUN_AUDIT_LOG_ONLY") => findings.push(Finding::new(
                Code::DryRun,
                change,
                format!("{rule} is a dry run: violations are logged and deployed"),
                "once `postern report dry-run` shows none that should pass, set ENFORCED_BLOCK_AND_AUDIT_LOG",
            )),
            Text::Is(_) => {}
            Text::Absent | Text::Later => {
                let what = format!("the enforcement mode of {rule}");
                findings.push(Finding::later(Code::DryRun, change, &what));
            }
        }
    }
}

/// Where each rule stands in what the policy will be.
fn pointers(change: &Change<'_>) -> impl Iterator<Item = (String, Rule)> {
    let blocks = blocks(change.after, "cluster_admission_rules");
    let clusters = blocks.enumerate().map(|(index, block)| {
        let pointer = format!("/cluster_admission_rules/{index}");
        (pointer, Rule::Cluster(cluster(block)))
    });
    let default = ("/default_admission_rule/0".to_owned(), Rule::Default);
    std::iter::once(default).chain(clusters)
}

/// Attestors of one short name, which the provider hashes to one element of a set.
fn look_alikes(change: &Change<'_>, findings: &mut Vec<Finding>) {
    for (rule, demand) in demands(change.after, &project(change)) {
        let mut seen = BTreeSet::new();
        let twice = demand.iter().find(|name| !seen.insert(last_word(name)));
        if let Some(name) = twice {
            let name = shortened(last_word(name));
            findings.push(Finding::new(
                Code::AttestorsLookAlike,
                change,
                format!(
                    "{rule} asks for two attestors called {name}, which the provider takes for one"
                ),
                "give one of them another name, or keep the policy out of Terraform",
            ));
        }
    }
}

/// Which attestors each rule asks for, before and after.
fn attestors(change: &Change<'_>, findings: &mut Vec<Finding>) {
    if !change.before.is_object() {
        return;
    }
    if change.has_unknown("/default_admission_rule")
        || change.has_unknown("/cluster_admission_rules")
    {
        let what = "what a rule asks for";
        findings.push(Finding::later(Code::AttestorDropped, change, what));
        return;
    }
    let project = project(change);
    let (before, after) = (
        demands(change.before, &project),
        demands(change.after, &project),
    );
    let nothing = BTreeSet::new();
    for (rule, demand) in &before {
        let gone = demand.difference(after.get(rule).unwrap_or(&nothing));
        let gone: Vec<String> = gone.map(|name| shortened(name)).take(MAX_NAMES).collect();
        if !gone.is_empty() && !denies_all(change.after, rule) {
            findings.push(Finding::new(
                Code::AttestorDropped,
                change,
                format!("{rule} no longer asks for {}", gone.join(", ")),
                "if that is meant, have whoever owns the policy say so",
            ));
        }
    }
    if change.is_updated() && before != after {
        findings.push(Finding::new(
            Code::PolicyUpdateLosesAttestors,
            change,
            "attestors of a rule change in place: the provider then sends the rule without those that were \
             there before, and without any where some are taken away, whatever plan and state say",
            REPLACE,
        ));
    }
}

/// The attestors of every rule that asks for some, by full name.
fn demands(policy: &Value, project: &str) -> BTreeMap<Rule, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (rule, block) in rules(policy) {
        let names = block["require_attestations_by"].as_array();
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        let demand: BTreeSet<String> = names.map(|name| in_full(name, project)).collect();
        if !demand.is_empty() {
            found.insert(rule, demand);
        }
    }
    found
}

fn denies_all(policy: &Value, rule: &Rule) -> bool {
    rules(policy).any(|(found, block)| found == *rule && block["evaluation_mode"] == "ALWAYS_DENY")
}

fn rules(policy: &Value) -> impl Iterator<Item = (Rule, &Value)> {
    let default = blocks(policy, "default_admission_rule").map(|block| (Rule::Default, block));
    let clusters = blocks(policy, "cluster_admission_rules")
        .map(|block| (Rule::Cluster(cluster(block)), block));
    default.chain(clusters)
}

fn blocks<'a>(policy: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    policy[name].as_array().into_iter().flatten()
}

fn cluster(block: &Value) -> String {
    block["cluster"].as_str().unwrap_or_default().to_owned()
}

fn project(change: &Change<'_>) -> String {
    let project = change.after["project"].as_str().unwrap_or_default();
    project.to_owned()
}

/// An attestor's name as the API has it: the provider takes a bare name for one of the policy's project, and
/// URLs.
pub(super) fn in_full(name: &str, project: &str) -> String {
    match name.find("projects/") {
        Some(start) => name[start..].to_owned(),
        None => format!("projects/{project}/attestors/{name}"),
    }
}

fn last_word(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
