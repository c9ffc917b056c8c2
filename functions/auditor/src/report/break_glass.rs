//! Every use of the emergency door, and what became of it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState, ClosedAs};
use postern_core::finding::{Category, Finding, Severity};
use postern_core::reason::Verdict;
use serde::Serialize;

use super::period::Period;

/// One use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub target: Option<String>,
    /// The revision, where there is one.
    pub revision: Option<String>,
    /// Who.
    pub principals: Vec<String>,
    /// Through which identities.
    pub via: Vec<String>,
    /// What was deployed.
    pub images: Vec<String>,
    /// Why, in their words.
    pub justification: Option<String>,
    /// The ticket in it.
    pub ticket: Option<String>,
    /// What would have been the verdict, where it is known.
    pub bypassed: Option<Verdict>,
    /// How bad it is.
    pub severity: Severity,
    /// Its case; absent where there is none, as in a log.
    pub case: Option<CaseSummary>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseSummary {
    /// The case.
    pub id: String,
    /// Where it stands.
    pub state: CaseState,
    /// Whose it is.
    pub owner: Option<String>,
    /// Seconds from its opening until somebody took it.
    pub acknowledged_after_seconds: Option<i64>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// How it was closed.
    pub closed_as: Option<ClosedAs>,
}

/// All uses, newest first, and their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakGlassReport {
    /// From when to when.
    #[serde(flatten)]
    pub period: Period,
    /// Sums.
    pub totals: Totals,
    /// Every use, newest first.
    pub uses: Vec<Use>,
}

/// Sums over the uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Uses.
    pub uses: usize,
    /// Those whose case is not closed.
    pub open: usize,
    /// Those whose case is closed.
    pub closed: usize,
    /// Those that nobody has looked at yet.
    pub unacknowledged: usize,
    /// Those that really bypassed a denial.
    pub bypassed: usize,
    /// Those without a justification.
    pub without_justification: usize,
    /// Those without a ticket.
    pub without_ticket: usize,
    /// The mean time until somebody took a case, in seconds.
    pub mean_seconds_to_acknowledge: Option<i64>,
}

/// The use that a case is about. `None`: it is about something else, or another time.
///
/// `ticket` finds the ticket that the gate's decision names.
pub fn of_case(
    case: &Case,
    period: Period,
    ticket: impl Fn(&Finding) -> Option<String>,
) -> Option<Use> {
    let findings = || {
        case.findings
            .iter()
            .filter(|finding| finding.category == Category::BreakGlass)
    };
    let at = findings().map(|finding| finding.at).min()?;
    if case.category != Category::BreakGlass || !period.has(at) {
        return None;
    }
    let acknowledged = case.history.iter().find(|step| {
        matches!(
            step.action,
            CaseAction::Acknowledged | CaseAction::Justified | CaseAction::Closed
        )
    });
    let mut closings = case.history.iter().rev();
    let closed = closings.find(|step| step.action == CaseAction::Closed);
    let closed = closed.filter(|_| case.state == CaseState::Closed);
    let mut found = merged(findings(), ticket)?;
    // A case knows more than the findings that it keeps: who is behind them, and their images.
    let more: Vec<_> = case
        .actors
        .iter()
        .filter(|name| !found.via.contains(name))
        .cloned()
        .collect();
    merge(&mut found.principals, &more);
    merge(
        &mut found.images,
        &case.images().map(str::to_owned).collect::<Vec<_>>(),
    );
    found.target = case.target.clone().or(found.target);
    found.severity = case.severity;
    found.ticket = case.ticket.clone().or(found.ticket);
    found.case = Some(CaseSummary {
        id: case.id.clone(),
        state: case.state,
        owner: case.owner.clone(),
        acknowledged_after_seconds: acknowledged
            .map(|step| step.at.duration_since(case.opened_at).as_secs().max(0)),
        closed_at: closed.map(|step| step.at),
        closed_as: case.closed_as,
    });
    Some(found)
}

/// The use that a single finding of a log is about.
pub fn of_finding(finding: &Finding, period: Period) -> Option<Use> {
    if finding.category != Category::BreakGlass || !period.has(finding.at) {
        return None;
    }
    merged([finding].into_iter(), |_| None)
}

/// Joins a later entry about the same deployment to one that is known. `false`: it is another one.
pub fn join(known: &mut Use, other: &Use) -> bool {
    const WINDOW_SECONDS: i64 = 120;
    let apart = known.at.duration_since(other.at).as_secs().abs();
    let same_revision = match (&known.revision, &other.revision) {
        (Some(a), Some(b)) => a == b,
        _ => apart <= WINDOW_SECONDS,
    };
    if known.target.is_none() || known.target != other.target || !same_revision {
        return false;
    }
    add(known, other);
    true
}

impl BreakGlassReport {
    /// Puts uses in order and sums them up.
    pub fn of(period: Period, mut uses: Vec<Use>) -> Self {
        uses.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.target.cmp(&b.target)));
        let count = |holds: &dyn Fn(&Use) -> bool| uses.iter().filter(|u| holds(u)).count();
        let state = |u: &Use| u.case.as_ref().map(|case| case.state);
        let waits: Vec<i64> = uses
            .iter()
            .filter_map(|u| u.case.as_ref()?.acknowledged_after_seconds)
            .collect();
        let mean = i64::try_from(waits.len())
            .ok()
            .and_then(|n| waits.iter().sum::<i64>().checked_div(n));
        let totals = Totals {
            uses: uses.len(),
            open: count(&|u| state(u).is_some_and(|state| state != CaseState::Closed)),
            closed: count(&|u| state(u) == Some(CaseState::Closed)),
            unacknowledged: count(&|u| {
                u.case
                    .as_ref()
                    .is_some_and(|case| case.acknowledged_after_seconds.is_none())
            }),
            bypassed: count(&|u| u.bypassed == Some(Verdict::NonConformant)),
            without_justification: count(&|u| u.justification.is_none()),
            without_ticket: count(&|u| u.ticket.is_none()),
            mean_seconds_to_acknowledge: mean,
        };
        Self {
            period,
            totals,
            uses,
        }
    }
}

fn merged<'a>(
    findings: impl Iterator<Item = &'a Finding>,
    ticket: impl Fn(&Finding) -> Option<String>,
) -> Option<Use> {
    let mut all: Option<Use> = None;
    for finding in findings {
        let one = Use {
            at: finding.at,
            target: finding.target.clone(),
            revision: finding.revision.clone(),
            principals: finding.actor.principal.iter().cloned().collect(),
            via: finding.actor.via.clone(),
            images: finding.images.clone(),
            justification: finding.justification.clone(),
            ticket: ticket(finding)
                .or_else(|| ticket_in(finding.justification.as_deref().unwrap_or_default())),
            bypassed: match (&finding.bypassed_verdict, finding.bypassed) {
                (Some(verdict), _) => Some(verdict.verdict),
                (None, Some(true)) => Some(Verdict::NonConformant),
                (None, Some(false)) => Some(Verdict::Conformant),
                (None, None) => None,
            },
            severity: finding.severity,
            case: None,
        };
        match &mut all {
            None => all = Some(one),
            Some(known) => add(known, &one),
        }
    }
    all
}

fn add(known: &mut Use, other: &Use) {
    known.at = known.at.min(other.at);
    known.severity = known.severity.max(other.severity);
    known.bypassed = known.bypassed.or(other.bypassed);
    merge(&mut known.principals, &other.principals);
    merge(&mut known.via, &other.via);
    merge(&mut known.images, &other.images);
    for (known, other) in [
        (&mut known.target, &other.target),
        (&mut known.revision, &other.revision),
        (&mut known.justification, &other.justification),
        (&mut known.ticket, &other.ticket),
    ] {
        if known.is_none() {
            known.clone_from(other);
        }
    }
}

fn merge(known: &mut Vec<String>, other: &[String]) {
    let mut all: BTreeSet<String> = known.drain(..).collect();
    all.extend(other.iter().cloned());
    known.extend(all);
}

/// The first word like `INC-123`.
fn ticket_in(text: &str) -> Option<String> {
    let mut words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_ticket = |word: &&str| {
        word.len() <= 64
            && word.split_once('-').is_some_and(|(project, number)| {
                project.len() >= 2
                    && project
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                    && project.starts_with(|c: char| c.is_ascii_uppercase())
                    && !number.is_empty()
                    && number.bytes().all(|b| b.is_ascii_digit())
            })
    };
    words.find(is_ticket).map(str::to_owned)
}

#[cfg(test)]
mod tests;
