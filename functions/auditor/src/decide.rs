//! What is known + what arrived → what changes. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState, CaseStep};
use postern_core::change::{Change, Correlation, Notification, Quarantined, SeenEvent};
use postern_core::entry::{CaseRecord, Entry, EventReceipt, Record};
use postern_core::finding::Finding;
use postern_core::memory::{Expectation, Fact};
use postern_core::ports::Snapshot;

use crate::case::{Rules, drill_of, still_of};
use crate::classify::Observed;
use crate::correlation::{is_news, is_same_rollout, is_same_use, keys, may_join, pairs};
use crate::owners::Labels;

/// What arrived, read and classified.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// The event by its key and content.
    pub seen: SeenEvent,
    /// What the journal says about the delivery; absent for what came from the journal itself.
    pub receipt: Option<EventReceipt>,
    /// The bytes, where they could not be read.
    pub quarantine: Option<Quarantined>,
    /// Journal entries to take in under their own ids.
    pub entries: Vec<Entry>,
    /// What was found.
    pub observed: Vec<Observed>,
    /// The labels of what it is about.
    pub labels: Labels,
    /// What it says for later events.
    pub sequel: Sequel,
}

/// What an arrival says for later ones, and what it was weighed against.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequel {
    /// Keys of facts, each with the mark that it had.
    pub remembered: Vec<(String, i64)>,
    /// What to remember.
    pub facts: Vec<Fact>,
    /// What should happen now.
    pub expectations: Vec<Expectation>,
    /// Ids of expectations that this settles.
    pub settled: Vec<String>,
    /// Whose event it is, and when it arrived.
    pub heard: Option<(String, Timestamp)>,
    /// Who is behind findings that name machines only, by the finding's id.
    pub behind: BTreeMap<String, Vec<String>>,
}

/// How an arrival stands to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has seen it.
    New,
    /// It was taken in before.
    Known,
    /// Its key was taken in before, with other content.
    Reused,
}

impl Intake {
    /// Of something that nobody delivered. The same key is taken in once.
    pub(crate) fn of_own(seen: SeenEvent, observed: Vec<Observed>) -> Self {
        Self {
            seen,
            receipt: None,
            quarantine: None,
            entries: Vec::new(),
            observed,
            labels: Labels::default(),
            sequel: Sequel::default(),
        }
    }

    /// The keys that [`decide`] needs the cases of.
    pub fn correlation_keys(&self) -> Vec<String> {
        let each = self.observed.iter().map(keys);
        each.flat_map(|keys| keys.asked()).collect()
    }

    /// How it stands to what is known.
    pub fn standing(&self, snapshot: &Snapshot) -> Standing {
        match snapshot.seen {
            None => Standing::New,
            Some(content) if content == self.seen.content => Standing::Known,
            Some(_) => Standing::Reused,
        }
    }
}

/// Decides what a new arrival changes: every finding opens a case or joins the one of its deployment,
/// and every case that has something new to say is told.
///
/// `ids` gives a new ULID at each call.
pub fn decide(
    snapshot: &Snapshot,
    intake: &Intake,
    rules: &Rules,
    now: Timestamp,
    ids: &mut dyn FnMut() -> String,
) -> Change {
    let mut cases = Cases {
        snapshot,
        rules,
        labels: &intake.labels,
        behind: &intake.sequel.behind,
        drafts: BTreeMap::new(),
        keys: BTreeMap::new(),
    };
    let mut entries = intake.entries.clone();
    let mut entry = |record: Record, ids: &mut dyn FnMut() -> String| {
        entries.push(Entry {
            id: ids(),
            at: now,
            record,
        });
    };
    if let Some(receipt) = &intake.receipt {
        entry(Record::Event(receipt.clone()), ids);
    }
    let mut findings = Vec::new();
    for observed in &intake.observed {
        let finding = cases.take(observed, now, ids);
        entry(Record::Finding(Box::new(finding.clone())), ids);
        findings.push(finding);
    }
    for draft in cases.drafts.values() {
        for step in &draft.steps {
            let record = CaseRecord {
                case_id: draft.case.id.clone(),
                revision: draft.case.revision,
                step: step.clone(),
            };
            entry(Record::CaseStep(record), ids);
        }
    }
    let tell = cases.drafts.values().filter(|draft| draft.tell);
    let outbox = tell
        .map(|draft| Notification::of(&draft.case, now))
        .collect();
    let correlation = |(key, case_id)| Correlation { key, case_id };
    let shown = |key: String| {
        let case_id = snapshot.cases.get(&key).map(|case| case.id.clone());
        (key, case_id)
    };
    Change {
        read: intake.correlation_keys().into_iter().map(shown).collect(),
        seen: Some(intake.seen.clone()),
        quarantine: intake.quarantine.clone(),
        findings,
        correlations: cases.keys.into_iter().map(correlation).collect(),
        cases: cases.drafts.into_values().map(|draft| draft.case).collect(),
        entries,
        outbox,
        remembered: intake.sequel.remembered.clone(),
        facts: intake.sequel.facts.clone(),
        expectations: intake.sequel.expectations.clone(),
        settled: intake.sequel.settled.clone(),
        heard: intake.sequel.heard.clone(),
        ..Change::default()
    }
}

/// The cases as this change leaves them.
struct Cases<'a> {
    snapshot: &'a Snapshot,
    rules: &'a Rules,
    labels: &'a Labels,
    behind: &'a BTreeMap<String, Vec<String>>,
    drafts: BTreeMap<String, Draft>,
    keys: BTreeMap<String, String>,
}

struct Draft {
    case: Case,
    steps: Vec<CaseStep>,
    tell: bool,
}

impl Cases<'_> {
    /// Puts a finding into its case, and returns it with the case's id.
    fn take(
        &mut self,
        observed: &Observed,
        now: Timestamp,
        ids: &mut dyn FnMut() -> String,
    ) -> Finding {
        let keys = keys(observed);
        let found = |keys: &[String], joins: fn(&Case, &Finding) -> bool| {
            let joins =
                |case: &&Case| may_join(case, &observed.finding) && joins(case, &observed.finding);
            keys.iter().find_map(|key| self.find(key).filter(joins))
        };
        let case = found(&keys.certain, |_, _| true)
            .or_else(|| found(keys.revision.as_slice(), is_same_use))
            .or_else(|| found(keys.rollout.as_slice(), is_same_rollout))
            .or_else(|| found(&keys.near, pairs));
        let mut finding = observed.finding.clone();
        let id = match case.cloned() {
            Some(case) => self.join(case, &mut finding, now),
            None => self.open(ids(), &mut finding, now),
        };
        self.keys.extend(keys.own().map(|key| (key, id.clone())));
        finding
    }

    fn find(&self, key: &str) -> Option<&Case> {
        match self.keys.get(key) {
            Some(id) => self.drafts.get(id).map(|draft| &draft.case),
            None => {
                let known = self.snapshot.cases.get(key)?;
                Some(
                    self.drafts
                        .get(&known.id)
                        .map_or(known, |draft| &draft.case),
                )
            }
        }
        .filter(|case| case.state != CaseState::Closed)
    }

    fn open(&mut self, id: String, finding: &mut Finding, now: Timestamp) -> String {
        finding.case_id = Some(id.clone());
        let step = step(CaseAction::Opened, finding, now);
        let (owner, channel) = self.rules.owners.of(finding, self.labels);
        let case = Case {
            owner,
            channel,
            due_at: self.rules.due(finding.severity, now),
            target: finding.target.clone(),
            labels: labels_of_case(self.labels),
            actors: self.actors(finding),
            last_conformant_revision: finding.last_conformant_revision.clone(),
            rollback: finding.rollback.clone(),
            drill: drill_of(finding, &self.snapshot.drills).map(|drill| drill.id.clone()),
            findings: vec![finding.clone()],
            finding_count: 1,
            history: vec![step.clone()],
            ..Case::new(id.clone(), finding.category, finding.severity, now)
        };
        self.drafts.insert(
            id.clone(),
            Draft {
                case,
                steps: vec![step],
                tell: true,
            },
        );
        id
    }

    fn join(&mut self, mut case: Case, finding: &mut Finding, now: Timestamp) -> String {
        let id = case.id.clone();
        finding.case_id = Some(id.clone());
        let tell = is_news(&case, finding);
        let known = self.drafts.remove(&id);
        if known.is_none() {
            case.revision += 1;
        }
        let step = step(CaseAction::FindingAdded, finding, now);
        for name in self.actors(finding) {
            if !case.actors.contains(&name) {
                case.actors.push(name);
            }
        }
        if finding.severity > case.severity {
            case.severity = finding.severity;
            case.due_at = case
                .due_at
                .into_iter()
                .chain(self.rules.due(finding.severity, now))
                .min();
        }
        for (key, value) in labels_of_case(self.labels) {
            // What was there first stays: nobody takes a case away from who looks at it.
            if case.labels.len() < MOST_LABELS {
                case.labels.entry(key).or_insert(value);
            }
        }
        case.drill = still_of(&case, finding, &self.snapshot.drills);
        let said = |known: &mut Option<String>, says: &Option<String>| {
            if known.is_none() {
                known.clone_from(says);
            }
        };
        said(
            &mut case.last_conformant_revision,
            &finding.last_conformant_revision,
        );
        said(&mut case.rollback, &finding.rollback);
        case.add_finding(finding.clone());
        case.add_step(step.clone());
        let mut draft = known.map_or_else(
            || Draft {
                case: case.clone(),
                steps: Vec::new(),
                tell: false,
            },
            |draft| Draft {
                case: case.clone(),
                ..draft
            },
        );
        draft.tell |= tell;
        draft.steps.push(step);
        self.drafts.insert(id.clone(), draft);
        id
    }

    /// Everyone in the actor chain of a finding, and who is known to be behind it.
    fn actors(&self, finding: &Finding) -> Vec<String> {
        let behind = self.behind.get(&finding.id).into_iter().flatten();
        let principal = finding.actor.principal.iter();
        let names = principal.chain(&finding.actor.via).chain(behind);
        names.cloned().collect()
    }
}

/// Labels that a case keeps, and how long they may be: Kubernetes allows 63 characters, and a prefix of 253
/// in a key.
const MOST_LABELS: usize = 64;
const LONGEST_LABEL: usize = 320;

fn labels_of_case(labels: &Labels) -> Labels {
    let short = |(key, value): &(&String, &String)| {
        key.len() <= LONGEST_LABEL && value.len() <= LONGEST_LABEL
    };
    let labels = labels.iter().filter(short).take(MOST_LABELS);
    labels
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn step(action: CaseAction, finding: &Finding, now: Timestamp) -> CaseStep {
    CaseStep {
        at: now,
        by: "postern".to_owned(),
        action,
        comment: Some(finding.summary.clone()),
    }
}
