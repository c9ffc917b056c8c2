//! The evidence pack: what the entries of an export add up to, for whoever audits.
//!
//! A dossier is a pure fold over an export and the texts that were disclosed with it, so whoever has the
//! pack can do it again and compare.

mod controls;
mod disclosed;
mod evidence;

use std::collections::BTreeMap;
use std::io::BufRead;

use jiff::Timestamp;
use postern_core::case::{CaseAction, CaseStep};
use postern_core::entry::{Entry, Record};
use postern_core::finding::{Category, Finding, Severity};
use postern_core::personal;
use serde::Deserialize as _;

pub use self::controls::{Control, Framework, frameworks};
pub use self::disclosed::Disclosed;
pub use self::evidence::Evidence;
use super::form::{Line, case_of};
use super::gaps::Gaps;
use super::verify::{LINE_LIMIT, NotVerified};
use crate::input::read_line;
use crate::ledger::Broken;

/// What an export adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dossier {
    /// Entries by the word of their kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Entries by what they are evidence of.
    pub evidence: BTreeMap<Evidence, u64>,
    /// Decisions by verdict and whether the deployment went on.
    pub decisions: BTreeMap<(String, bool), u64>,
    /// Findings by severity, the worst first in [`severities`](Self::severities).
    findings: BTreeMap<Severity, u64>,
    /// Cases by id.
    pub cases: BTreeMap<String, CaseFile>,
    /// Uses of the emergency door, in the order in which they were recorded.
    pub uses: Vec<Use>,
    /// What the record knows to be missing.
    pub gaps: Gaps,
    /// Entries of which nothing but the hash is there.
    pub pruned: u64,
}

/// What the entries say of one case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseFile {
    /// The worst severity of its findings.
    pub severity: Option<Severity>,
    /// How many findings.
    pub findings: u64,
    /// What they are about, as far as they say.
    pub target: Option<String>,
    /// The one sentence of its first finding.
    pub summary: Option<String>,
    /// Its steps, in the order in which they were recorded.
    pub steps: Vec<CaseStep>,
    /// How many alerts about it were delivered.
    pub deliveries: u64,
}

/// One use of the emergency door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The entry's place.
    pub index: u64,
    /// When it was used.
    pub at: Timestamp,
    /// Who says so: a detection, or the gate.
    pub source: String,
    /// Who, as far as it is known.
    pub who: Option<String>,
    /// Where.
    pub target: Option<String>,
    /// Why, in their words.
    pub justification: Option<String>,
    /// The case it went to.
    pub case: Option<String>,
}

impl Dossier {
    /// Adds an export up, which is to be verified besides.
    ///
    /// # Errors
    /// If it cannot be read, or a line is no entry.
    pub fn of(export: &mut dyn BufRead, texts: &Disclosed) -> Result<Self, NotVerified> {
        let mut dossier = Self::default();
        let mut line = Vec::new();
        let mut number = 1;
        read_line(export, &mut line, LINE_LIMIT)?;
        while read_line(export, &mut line, LINE_LIMIT)? {
            number += 1;
            match opened(number, &line, texts)? {
                Some((index, entry)) => dossier.add(index, &entry),
                None => dossier.pruned += 1,
            }
        }
        Ok(dossier)
    }

    /// Findings by severity, the worst first.
    pub fn severities(&self) -> impl Iterator<Item = (Severity, u64)> + '_ {
        let worst_first = self.findings.iter().rev();
        worst_first.map(|(severity, count)| (*severity, *count))
    }

    /// How many entries are evidence of this.
    pub fn count(&self, evidence: Evidence) -> u64 {
        self.evidence.get(&evidence).copied().unwrap_or_default()
    }

    fn add(&mut self, index: u64, entry: &Entry) {
        *self.kinds.entry(entry.record.kind()).or_default() += 1;
        for evidence in Evidence::of(&entry.record) {
            *self.evidence.entry(evidence).or_default() += 1;
        }
        self.gaps.look_at(index, entry);
        if let Some(case) = case_of(&entry.record) {
            self.cases.entry(case.to_owned()).or_default().add(entry);
        }
        match &entry.record {
            Record::Decision(decision) => {
                let verdict = serde_json::to_value(decision.verdict);
                let verdict = verdict.ok().and_then(|v| v.as_str().map(str::to_owned));
                let key = (verdict.unwrap_or_default(), decision.allowed);
                *self.decisions.entry(key).or_default() += 1;
                if let Some(used) = &decision.break_glass {
                    let caller = decision.caller.as_ref();
                    self.uses.push(Use {
                        index,
                        at: decision.decided_at,
                        source: "the gate".to_owned(),
                        who: caller.map(|c| c.email.clone().unwrap_or_else(|| c.subject.clone())),
                        target: Some(decision.target.to_string()),
                        justification: used.justification.clone(),
                        case: None,
                    });
                }
            }
            Record::Finding(finding) => {
                *self.findings.entry(finding.severity).or_default() += 1;
                if finding.category == Category::BreakGlass {
                    self.uses.push(used(index, finding));
                }
            }
            _ => {}
        }
    }
}

/// The places of the entries of an export whose content is there.
///
/// # Errors
/// If it cannot be read, or a line is no entry.
pub fn places(export: &mut dyn BufRead) -> Result<Vec<u64>, NotVerified> {
    let mut places = Vec::new();
    let mut line = Vec::new();
    let mut number = 1;
    read_line(export, &mut line, LINE_LIMIT)?;
    while read_line(export, &mut line, LINE_LIMIT)? {
        number += 1;
        if let Some((index, _)) = opened(number, &line, &Disclosed::default())? {
            places.push(index);
        }
    }
    Ok(places)
}

impl CaseFile {
    fn add(&mut self, entry: &Entry) {
        match &entry.record {
            Record::Finding(finding) => {
                self.findings += 1;
                self.severity = self.severity.max(Some(finding.severity));
                self.target = self.target.take().or_else(|| finding.target.clone());
                let summary = self.summary.take();
                self.summary = summary.or_else(|| Some(finding.summary.clone()));
            }
            Record::CaseStep(step) => self.steps.push(step.step.clone()),
            Record::Delivery(_) => self.deliveries += 1,
            _ => {}
        }
    }

    /// The last step that says how the case stands.
    pub fn standing(&self) -> Option<&CaseStep> {
        let says = |step: &&CaseStep| {
            !matches!(
                step.action,
                CaseAction::FindingAdded | CaseAction::Escalated
            )
        };
        self.steps.iter().rev().find(says)
    }
}

fn used(index: u64, finding: &Finding) -> Use {
    Use {
        index,
        at: finding.at,
        source: finding.detection.clone(),
        who: finding.actor.principal.clone(),
        target: finding.target.clone(),
        justification: finding.justification.clone(),
        case: finding.case_id.clone(),
    }
}

/// The entry of a line, with its texts in place of their commitments.
fn opened(number: u64, line: &[u8], texts: &Disclosed) -> Result<Option<(u64, Entry)>, Broken> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| Broken::Line {
        line: number,
        reason: error.to_string(),
    })?;
    let Some(raw) = line.entry else {
        return Ok(None);
    };
    let index = line.index;
    let unreadable = |error: serde_json::Error| Broken::Entry {
        index,
        reason: error.to_string(),
    };
    let mut value: serde_json::Value = serde_json::from_str(raw.get()).map_err(unreadable)?;
    personal::open(&mut value, &|commitment| texts.of(index, commitment));
    let entry = Entry::deserialize(&value).map_err(unreadable)?;
    Ok(Some((index, entry)))
}
