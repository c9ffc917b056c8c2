//! Alerts of several cases that go out as one message.
//!
//! Which ones do is worked out of the outbox each time it is asked for, and nothing is remembered
//! between: alerts that were sent together once are due at the same time ever after, and new ones are due
//! since they were written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::change::Notification;
use postern_core::image::Digest;
use postern_core::ports::DueDelivery;
use postern_host::config::{GroupBy, Grouping};

use crate::body::view::word;
use crate::route::project;

/// Of so many alerts that are due groups are formed, longest due first.
pub(crate) const WINDOW: u32 = 500;
/// So many characters of the hash make an id.
const ID: usize = 32;

/// Alerts that go out as one message: each of a case of its own, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertGroup {
    /// The same for the same alerts, however often they are sent.
    pub id: String,
    /// What they have in common, as far as it is known.
    pub shared: Vec<(GroupBy, String)>,
    /// The alerts.
    pub alerts: Vec<Notification>,
}

impl AlertGroup {
    /// A group of alerts that have this in common.
    pub(crate) fn of(alerts: Vec<Notification>, by: &[GroupBy]) -> Self {
        let mut ids: Vec<_> = alerts.iter().map(|alert| alert.id.as_str()).collect();
        ids.sort_unstable();
        let hash = Digest::of(ids.join("\n").as_bytes()).hex().to_owned();
        let shared = alerts.first().into_iter().flat_map(|first| {
            let each = by.iter();
            each.filter_map(|what| Some((*what, value(*what, first)?)))
        });
        Self {
            id: format!("group-{}", hash.get(..ID).unwrap_or(&hash)),
            shared: shared.collect(),
            alerts,
        }
    }
}

/// Of the deliveries that are due, longest due first, those that go out next, together. None while all
/// of them wait for others. What is always told goes by itself, and first.
pub(crate) fn next(due: Vec<DueDelivery>, how: &Grouping, now: Timestamp) -> Vec<DueDelivery> {
    let mut groups: BTreeMap<_, Vec<DueDelivery>> = BTreeMap::new();
    for delivery in due {
        if delivery.notification.is_always_told() {
            return vec![delivery];
        }
        let shared = how.by.iter().map(|by| value(*by, &delivery.notification));
        let key = (together_before(&delivery), shared.collect::<Vec<_>>());
        groups.entry(key).or_default().push(delivery);
    }
    let most = usize::try_from(how.most).unwrap_or(usize::MAX);
    let ready = groups
        .into_iter()
        .filter(|((before, _), group)| {
            before.is_some() || group.len() >= most || is_over(group, how, now)
        })
        .map(|(_, group)| group);
    let longest_due = ready.min_by_key(|group| group.first().map(|delivery| delivery.due));
    let mut next = longest_due.unwrap_or_default();
    next.truncate(most);
    next
}

/// What was sent together, or was to be, stays together and apart from all others: only so is it known
/// again where it arrives twice.
fn together_before(delivery: &DueDelivery) -> Option<Timestamp> {
    // The outbox keeps no nanoseconds.
    let is_new = delivery.due.as_microsecond() == delivery.notification.at.as_microsecond();
    (!is_new).then_some(delivery.due)
}

/// Whether the oldest has waited for long enough.
fn is_over(group: &[DueDelivery], how: &Grouping, now: Timestamp) -> bool {
    let oldest = group.iter().map(|delivery| delivery.due).min();
    oldest.is_some_and(|oldest| now.duration_since(oldest) >= how.wait)
}

fn value(by: GroupBy, alert: &Notification) -> Option<String> {
    let case = &alert.case;
    match by {
        GroupBy::Category => Some(word(case.category)),
        GroupBy::Severity => Some(word(case.severity)),
        GroupBy::Project => project(alert),
        GroupBy::Target => case.target.clone(),
        GroupBy::Owner => case.owner.clone(),
    }
}

#[cfg(test)]
mod tests;
