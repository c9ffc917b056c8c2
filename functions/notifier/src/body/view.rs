//! What people are shown of an alert, whatever they are shown it in.

mod group;

use std::borrow::Cow;

use postern_core::case::{Case, CaseState};
use postern_core::change::Notification;
use serde::Serialize;
use serde_json::Value;

pub(super) use self::group::of_group;

/// So many names are spelled out.
const NAMES: usize = 5;

/// An alert for people. All texts are raw: whoever writes them escapes them and cuts them.
pub(super) struct View {
    /// What kind of case, how bad and how it stands. Our own words.
    pub(super) title: String,
    /// What it happened to, where that is known.
    pub(super) target: Option<String>,
    /// What happened, in one sentence.
    pub(super) summary: String,
    /// The rest, each under its name. The names are our own words.
    pub(super) facts: Vec<(Cow<'static, str>, String)>,
}

/// What people are shown.
pub(super) fn of(alert: &Notification) -> View {
    let case = &alert.case;
    View {
        title: title(case),
        target: case.target.clone(),
        summary: summary(case),
        facts: facts(case),
    }
}

/// How our own enumerations are spelled in JSON.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn title(case: &Case) -> String {
    let severity = word(case.severity);
    let category = word(case.category).replace('_', " ");
    let drill = if case.drill.is_some() { "DRILL: " } else { "" };
    match case.state {
        CaseState::Open => format!("{drill}{severity}: {category}"),
        state => format!(
            "{drill}{severity}: {category} ({})",
            word(state).to_lowercase()
        ),
    }
}

fn summary(case: &Case) -> String {
    let Some(first) = case.findings.first() else {
        return "A case without findings.".to_owned();
    };
    match case.finding_count.saturating_sub(1) {
        0 => first.summary.clone(),
        more => format!("{} (and {more} more)", first.summary),
    }
}

fn facts(case: &Case) -> Vec<(Cow<'static, str>, String)> {
    let first = case.findings.first();
    let asked = first.and_then(|finding| finding.justification.clone());
    let images = first.map_or(&[][..], |finding| &finding.images);
    let bypassed = first.and_then(|finding| finding.bypassed).map(|denied| {
        let word = if denied {
            "would have been denied"
        } else {
            "would have been allowed"
        };
        word.to_owned()
    });
    [
        ("Target", case.target.clone()),
        ("Images", names(images)),
        ("Who", names(&case.actors)),
        ("Reason given", asked),
        ("Without it", bypassed),
        ("Justified by", case.justification.clone()),
        ("Ticket", case.ticket.clone()),
        ("Owner", case.owner.clone()),
        ("Due", case.due_at.map(|at| at.to_string())),
        (
            "Exception until",
            case.exception_until.map(|at| at.to_string()),
        ),
        ("Closed as", case.closed_as.map(word)),
        ("Back by", case.rollback.clone()),
        ("Detection", first.map(|finding| finding.detection.clone())),
        ("Opened", Some(case.opened_at.to_string())),
        (
            "Case",
            Some(format!("{} (revision {})", case.id, case.revision)),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)))
    .collect()
}

fn names(all: &[String]) -> Option<String> {
    if all.is_empty() {
        return None;
    }
    let named = all.iter().take(NAMES).map(String::as_str);
    let text = named.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES) {
        0 => Some(text),
        more => Some(format!("{text} and {more} more")),
    }
}
