//! What people are shown of a group of alerts: what they have in common, and a line for each of the
//! first.

use std::borrow::Cow;

use postern_core::change::Notification;
use postern_host::config::GroupBy;

use super::{View, summary, title, word};
use crate::body::text::{fit, plain};
use crate::group::AlertGroup;

/// So many alerts have a line. With what stands around them no more facts than one alert has.
const LINES: usize = 10;
/// UTF-16 units of what it happened to, so that something is left for what happened.
const TARGET: usize = 160;

/// What people are shown of a group.
pub(in crate::body) fn of_group(group: &AlertGroup) -> View {
    let alerts = &group.alerts;
    let of = |what| {
        let mut shared = group.shared.iter();
        shared.find_map(|(by, value)| (*by == what).then(|| value.clone()))
    };
    let shared = [
        ("Project", of(GroupBy::Project)),
        ("Target", of(GroupBy::Target)),
        ("Owner", of(GroupBy::Owner)),
    ];
    let shared = shared
        .into_iter()
        .filter_map(|(name, value)| Some((Cow::Borrowed(name), value?)));
    let lines = alerts.iter().take(LINES);
    let lines = lines.map(|alert| (Cow::Owned(title(&alert.case)), line(alert)));
    let more = match alerts.len().saturating_sub(LINES) {
        0 => None,
        more => Some((
            Cow::Borrowed("Not shown"),
            format!("{more} more; all of them: postern case list"),
        )),
    };
    let id = (Cow::Borrowed("Message"), group.id.clone());
    View {
        title: title_of(alerts, of(GroupBy::Category)),
        target: of(GroupBy::Target).or_else(|| of(GroupBy::Project)),
        summary: span(alerts),
        facts: shared.chain(lines).chain(more).chain([id]).collect(),
    }
}

fn title_of(alerts: &[Notification], category: Option<String>) -> String {
    let worst = alerts.iter().map(|alert| alert.case.severity).max();
    let worst = worst.map(word).unwrap_or_default();
    let count = alerts.len();
    match category {
        Some(category) => format!("{worst}: {} in {count} cases", category.replace('_', " ")),
        None => format!("{worst}: {count} cases"),
    }
}

fn span(alerts: &[Notification]) -> String {
    let times = || alerts.iter().map(|alert| alert.at);
    match (times().min(), times().max()) {
        (Some(first), Some(last)) if first < last => {
            let count = alerts.len();
            format!("{count} cases changed from {first} to {last}.")
        }
        (Some(at), _) => format!("{} cases changed at {at}.", alerts.len()),
        _ => "No cases.".to_owned(),
    }
}

/// The case comes first: whatever is cut, it is found by that.
fn line(alert: &Notification) -> String {
    let case = &alert.case;
    let (id, revision) = (&case.id, case.revision);
    let told = summary(case);
    match &case.target {
        Some(target) => {
            let target = fit(target, TARGET, plain);
            format!("{id} (revision {revision}): {target}: {told}")
        }
        None => format!("{id} (revision {revision}): {told}"),
    }
}
