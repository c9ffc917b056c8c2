//! Admission rules: modes, attestors, scoped maps and their keys.

use super::Report;
use super::keys;
use crate::attestor::AttestorName;
use crate::image::shortened;
use crate::policy::Scope;
use crate::policy::document::{Entry, Node};

/// Checks what the rules say.
pub(super) fn check(policy: &Node, report: &mut Report) {
    name(policy, report);
    if let Some(rule) = policy.get("defaultAdmissionRule") {
        one_rule(rule, policy, report);
        default_rule(rule, report);
    }
    for scope in Scope::ALL {
        for Entry { key, value } in policy.get(scope.field()).map_or(&[][..], Node::entries) {
            keys::check(scope, key, report);
            one_rule(value, policy, report);
        }
    }
    scoped_maps(policy, report);
    system_policy(policy, report);
}

fn name(policy: &Node, report: &mut Report) {
    let Some(node) = policy.get("name") else {
        return;
    };
    let parts: Vec<&str> = node.text().unwrap_or_default().split('/').collect();
    if !matches!(parts[..], ["projects" | "locations", id, "policy"] if !id.is_empty()) {
        let message = format!(
            "{:?} is no policy's name",
            shortened(node.text().unwrap_or_default())
        );
        report.error(
            "policy-name",
            node,
            message,
            "write projects/PROJECT/policy",
        );
    }
}

fn one_rule(rule: &Node, policy: &Node, report: &mut Report) {
    if let Some(mode) = rule.get("enforcementMode")
        && mode.text() == Some("DRYRUN_AUDIT_LOG_ONLY")
    {
        report.warning(
            "dry-run",
            mode,
            "dry run: violations are logged and deployed all the same".to_owned(),
            "write ENFORCED_BLOCK_AND_AUDIT_LOG once the log shows no violations",
        );
    }
    let attestors = rule.get("requireAttestationsBy");
    let listed = attestors.map_or(&[][..], Node::items);
    match rule
        .get("evaluationMode")
        .and_then(|mode| Some((mode, mode.text()?)))
    {
        Some((mode, "REQUIRE_ATTESTATION")) if listed.is_empty() => report.error(
            "attestors-missing",
            mode,
            "REQUIRE_ATTESTATION without attestors".to_owned(),
            "list them: requireAttestationsBy: [projects/PROJECT/attestors/ID]",
        ),
        Some((_, mode @ ("ALWAYS_ALLOW" | "ALWAYS_DENY"))) if !listed.is_empty() => report.error(
            "attestors-unused",
            attestors.unwrap_or(rule),
            format!("attestors are listed and {mode} does not ask for them"),
            "write evaluationMode: REQUIRE_ATTESTATION, or remove the list",
        ),
        _ => {}
    }
    attestor_names(listed, policy, report);
}

fn attestor_names(listed: &[Node], policy: &Node, report: &mut Report) {
    for (index, node) in listed.iter().enumerate() {
        let Some(text) = node.text() else { continue };
        if let Err(error) = text.parse::<AttestorName>() {
            let project = policy.get("name").and_then(Node::text);
            let project = project
                .and_then(|name| name.split('/').nth(1))
                .unwrap_or("PROJECT");
            let id = text
                .rsplit('/')
                .next()
                .filter(|id| !id.is_empty())
                .unwrap_or("ID");
            let fix = format!("write projects/{project}/attestors/{}", shortened(id));
            report.error("attestor-name", node, error.to_string(), fix);
        } else if listed[..index]
            .iter()
            .any(|earlier| earlier.text() == Some(text))
        {
            let message = format!("{} is listed twice in one rule", shortened(text));
            report.warning("attestor-repeated", node, message, "remove one");
        }
    }
}

fn default_rule(rule: &Node, report: &mut Report) {
    if let Some(mode) = rule.get("evaluationMode")
        && mode.text() == Some("ALWAYS_ALLOW")
    {
        report.warning(
            "default-always-allow",
            mode,
            "every image is allowed where no other rule holds, and always on Cloud Run".to_owned(),
            "write ALWAYS_DENY, or REQUIRE_ATTESTATION with attestors",
        );
    }
}

fn filled(policy: &Node) -> impl Iterator<Item = &Entry> {
    policy.entries().iter().filter(|entry| {
        let scoped = Scope::ALL
            .iter()
            .any(|scope| entry.key.text() == Some(scope.field()));
        scoped && !entry.value.entries().is_empty()
    })
}

fn scoped_maps(policy: &Node, report: &mut Report) {
    let mut maps = filled(policy);
    let Some(first) = maps.next() else { return };
    for map in maps.filter(|map| map.key.text() != first.key.text()) {
        let message = format!(
            "{} and {} are both filled, and only one scoped map may be",
            first.key.text().unwrap_or_default(),
            map.key.text().unwrap_or_default()
        );
        report.error(
            "two-scoped-maps",
            &map.key,
            message,
            "keep one kind of scoped rule",
        );
    }
}

fn system_policy(policy: &Node, report: &mut Report) {
    let mode = policy.get("globalPolicyEvaluationMode");
    let on = mode.and_then(Node::text) == Some("ENABLE");
    if let Some(map) = filled(policy).next()
        && !on
    {
        report.warning(
            "system-policy-off",
            mode.unwrap_or(&map.key),
            "scoped rules are for GKE, and without the system policy they also judge the images \
             that GKE itself runs"
                .to_owned(),
            "write globalPolicyEvaluationMode: ENABLE, or exempt the system images yourself",
        );
    }
}
