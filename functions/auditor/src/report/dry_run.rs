//! What would break if enforcement were switched on.
//!
//! Cloud Run writes about one rollout twice, as a revision and as a service; it counts once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use postern_core::attestor::AttestorName;
use postern_core::decision::{Decision, EnforcementMode};
use postern_core::event::{AuditEvent, Stream};
use postern_core::finding::{Category, Finding};
use postern_core::reason::{ReasonCode, Verdict};
use serde::Serialize;

use super::once::Once;
use super::period::Period;
use crate::input::Classified;
use crate::subject::Subject;

/// Groups that are kept apart; what comes after is counted together.
const GROUPS: usize = 10_000;
/// Names that are listed for a group.
const NAMES: usize = 100;
/// Where nobody is named.
const NOT_SAID: &str = "(not said)";
const ALWAYS_DENY: &str = "(a rule that denies everything)";
const OTHERS: &str = "(others)";

/// Collects what is seen; [`DryRun::report`] says what came of it.
#[derive(Debug, Default)]
pub struct DryRun {
    period: Period,
    once: Once,
    deployments: u64,
    would_be_denied: u64,
    unreadable: u64,
    services: BTreeMap<String, Group>,
    attestors: BTreeMap<String, Group>,
}

#[derive(Debug)]
struct Group {
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
    images: Names,
    principals: Names,
    others: Names,
}

#[derive(Debug, Default)]
struct Names {
    listed: BTreeSet<String>,
    more: bool,
}

/// What would break.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunReport {
    /// From when to when.
    #[serde(flatten)]
    pub period: Period,
    /// Deployments that were seen and went through, with or without a violation.
    pub deployments: u64,
    /// Those among them that would have been denied.
    pub would_be_denied: u64,
    /// Their share of all; absent where only violations are seen.
    pub share: Option<f64>,
    /// Entries that could not be read: what they would have said is missing here.
    pub unreadable: u64,
    /// By target, the most affected first.
    pub by_service: Vec<Affected>,
    /// By the attestor that is missing, the most affected first.
    pub by_attestor: Vec<Affected>,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Affected {
    /// The target, or the attestor.
    pub name: String,
    /// Deployments that would have been denied.
    pub count: u64,
    /// The first of them.
    pub first_at: Timestamp,
    /// The last of them.
    pub last_at: Timestamp,
    /// Distinct images, by digest where there is one; at most 100.
    pub images: Vec<String>,
    /// Who deployed; at most 100.
    pub principals: Vec<String>,
    /// The attestors of a target, or the targets of an attestor; at most 100.
    pub concerns: Vec<String>,
    /// Whether a list is cut.
    pub cut: bool,
}

/// One deployment that would have been denied.
struct Denied<'a> {
    key: String,
    at: Timestamp,
    target: &'a str,
    images: &'a [String],
    principal: Option<&'a str>,
    attestors: BTreeSet<String>,
}

impl DryRun {
    /// Looks only at this period.
    pub fn within(period: Period) -> Self {
        Self {
            period,
            ..Self::default()
        }
    }

    /// Takes in an entry of a log.
    pub fn entry(&mut self, entry: &Classified) {
        let Some(event) = &entry.event else {
            self.unreadable += 1;
            return;
        };
        if !self.period.has(event.at) {
            return;
        }
        let subject = Subject::of(event);
        let key = key(
            subject.target.as_deref(),
            subject.revision.as_deref(),
            &event.key(),
        );
        let findings = entry.observed.iter().map(|observed| &observed.finding);
        let denied = findings.filter(|f| f.category == Category::DryRun);
        for finding in denied {
            self.denied_by_platform(finding, &key, &event.status_message);
        }
        if is_deployment(event, &subject) {
            self.deployed(&key);
        }
    }

    /// Takes in a finding that was kept.
    pub fn finding(&mut self, finding: &Finding) {
        if finding.category != Category::DryRun || !self.period.has(finding.at) {
            return;
        }
        let key = match &finding.decision_id {
            Some(id) => format!("decision:{id}"),
            None => key(
                finding.target.as_deref(),
                finding.revision.as_deref(),
                &format!("{}|{}", finding.source.id, finding.at),
            ),
        };
        self.denied_by_platform(finding, &key, &finding.summary);
    }

    /// Takes in a decision of the gate.
    pub fn decision(&mut self, decision: &Decision) {
        if !decision.allowed || !self.period.has(decision.decided_at) {
            return;
        }
        let key = format!("decision:{}", decision.id);
        self.deployed(&key);
        let dry_run = decision.enforcement == EnforcementMode::DryRun
            && decision.verdict != Verdict::Conformant
            && decision.break_glass.is_none();
        if !dry_run {
            return;
        }
        let failing = || {
            decision
                .images
                .iter()
                .filter(|image| image.verdict != Verdict::Conformant)
        };
        let images: Vec<String> = failing()
            .map(|image| match &image.resolved {
                Some(resolved) => resolved.to_string(),
                None => image.image.clone(),
            })
            .collect();
        let reasons = failing().flat_map(|image| &image.reasons);
        let attestors = reasons.filter(|reason| reason.code.verdict() != Verdict::Conformant);
        let principal = decision.caller.as_ref().map(|caller| caller.display_name());
        self.denied(Denied {
            key,
            at: decision.decided_at,
            target: &decision.target.to_string(),
            images: &images,
            principal,
            attestors: attestors
                .filter_map(|reason| match reason.code {
                    ReasonCode::AlwaysDeny => Some(ALWAYS_DENY.to_owned()),
                    _ => reason.attestor.clone(),
                })
                .collect(),
        });
    }

    /// What came of it.
    pub fn report(self) -> DryRunReport {
        // A log without entries about successful deployments says nothing about their number.
        let seen_others = self.deployments > self.would_be_denied;
        let share = seen_others.then(|| self.would_be_denied as f64 / self.deployments as f64);
        DryRunReport {
            period: self.period,
            deployments: self.deployments,
            would_be_denied: self.would_be_denied,
            share,
            unreadable: self.unreadable,
            by_service: affected(self.services),
            by_attestor: affected(self.attestors),
        }
    }

    fn deployed(&mut self, key: &str) {
        if self.once.first(&["deployed", key]) {
            self.deployments += 1;
        }
    }

    fn denied_by_platform(&mut self, finding: &Finding, key: &str, said: &str) {
        let reasons = finding.bypassed_verdict.iter().flat_map(|v| &v.reasons);
        let mut attestors: BTreeSet<String> =
            reasons.clone().filter_map(|r| r.attestor.clone()).collect();
        attestors.extend(attestors_in(said));
        let always = reasons
            .into_iter()
            .any(|r| r.code == ReasonCode::AlwaysDeny);
        if always || said.to_lowercase().contains("always_deny") {
            attestors.insert(ALWAYS_DENY.to_owned());
        }
        self.denied(Denied {
            key: key.to_owned(),
            at: finding.at,
            target: finding.target.as_deref().unwrap_or(NOT_SAID),
            images: &finding.images,
            principal: finding.actor.principal.as_deref(),
            attestors,
        });
    }

    /// The second entry about a deployment adds what it knows, and does not count.
    fn denied(&mut self, mut denied: Denied<'_>) {
        self.deployed(&denied.key);
        let new = self.once.first(&["denied", &denied.key]);
        if new {
            self.would_be_denied += 1;
        }
        if denied.attestors.is_empty() && new {
            denied.attestors.insert(NOT_SAID.to_owned());
        }
        let service = group(&mut self.services, denied.target, denied.at);
        service.take(&denied, new, denied.attestors.iter().map(String::as_str));
        for name in &denied.attestors {
            let new = self.once.first(&["attestor", name, &denied.key]);
            let attestor = group(&mut self.attestors, name, denied.at);
            attestor.take(&denied, new, [denied.target].into_iter());
        }
    }
}

fn group<'a>(groups: &'a mut BTreeMap<String, Group>, name: &str, at: Timestamp) -> &'a mut Group {
    let full = groups.len() >= GROUPS && !groups.contains_key(name);
    let name = if full { OTHERS } else { name };
    groups.entry(name.to_owned()).or_insert_with(|| Group {
        count: 0,
        first_at: at,
        last_at: at,
        images: Names::default(),
        principals: Names::default(),
        others: Names::default(),
    })
}

impl Group {
    fn take<'a>(&mut self, denied: &Denied<'_>, new: bool, others: impl Iterator<Item = &'a str>) {
        self.count += u64::from(new);
        self.first_at = self.first_at.min(denied.at);
        self.last_at = self.last_at.max(denied.at);
        denied
            .images
            .iter()
            .for_each(|image| self.images.add(image));
        denied
            .principal
            .iter()
            .for_each(|name| self.principals.add(name));
        others.for_each(|name| self.others.add(name));
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        if self.listed.contains(name) {
            return;
        }
        if self.listed.len() < NAMES {
            self.listed.insert(name.to_owned());
        } else {
            self.more = true;
        }
    }
}

fn affected(groups: BTreeMap<String, Group>) -> Vec<Affected> {
    let mut all: Vec<_> = groups
        .into_iter()
        .map(|(name, group)| Affected {
            name,
            count: group.count,
            first_at: group.first_at,
            last_at: group.last_at,
            cut: group.images.more || group.principals.more || group.others.more,
            images: group.images.listed.into_iter().collect(),
            principals: group.principals.listed.into_iter().collect(),
            concerns: group.others.listed.into_iter().collect(),
        })
        .collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
    all
}

/// One rollout: target and revision; without a revision, the entry itself.
fn key(target: Option<&str>, revision: Option<&str>, event: &str) -> String {
    match (target, revision) {
        (Some(target), Some(revision)) => format!("{target}\n{revision}"),
        _ => event.to_owned(),
    }
}

/// What the platform says about a deployment that went through.
fn is_deployment(event: &AuditEvent, subject: &Subject) -> bool {
    let through = subject.went_through == Some(true);
    match (event.service.as_str(), event.stream) {
        ("run.googleapis.com", Stream::SystemEvent) => through,
        ("k8s.io", Stream::Activity) => through && event.method.ends_with("core.v1.pods.create"),
        _ => false,
    }
}

/// `… denied by attestor projects/P/attestors/A: …`, as often as it is said.
fn attestors_in(said: &str) -> BTreeSet<String> {
    let named = |rest: &str| {
        let rest = rest.strip_prefix("attestor ").unwrap_or(rest);
        let name = rest.split([':', ' ', '\n', '"', '\'']).next()?;
        let name = name.trim_end_matches(['.', ',']);
        name.parse::<AttestorName>().ok()?;
        Some(name.to_owned())
    };
    let lower = said.to_ascii_lowercase();
    lower
        .match_indices("denied by ")
        .filter_map(|(at, words)| named(said.get(at + words.len()..)?))
        .take(NAMES)
        .collect()
}

#[cfg(test)]
mod tests;
