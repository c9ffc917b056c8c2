//! How the emergency door is used: by whom, where, and how soon somebody looked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction};
use postern_core::finding::Category;
use postern_core::image::ImageReference;
use serde::{Deserialize, Serialize};

use super::Rules;

/// Uses of the emergency door since a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Cases that were opened from then on.
    pub since: Option<Timestamp>,
    /// There are more cases than were looked at; the oldest are left out.
    pub truncated: bool,
    /// All together.
    pub total: Group,
    /// By everyone in the actor chain.
    pub people: Vec<Group>,
    /// By target.
    pub services: Vec<Group>,
    /// By the image's name, without tag and digest.
    pub images: Vec<Group>,
    /// Who used it more than once, drills aside.
    pub repeat_offenders: Vec<String>,
}

/// The cases of one person, service or image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Whose; empty for all together.
    pub name: String,
    /// Cases, drills included.
    pub uses: usize,
    /// Cases that were drills.
    pub drills: usize,
    /// Cases that somebody acknowledged.
    pub acknowledged: usize,
    /// From opening to the first acknowledgement, the median of those that were.
    pub median_seconds_to_acknowledge: Option<i64>,
    /// Cases in which nobody named a ticket.
    pub without_ticket: usize,
    /// Of all uses, from 0 to 1.
    pub share_without_ticket: f64,
}

/// Counts the break-glass cases among these.
pub fn stats<'a>(
    cases: impl IntoIterator<Item = &'a Case>,
    since: Option<Timestamp>,
    truncated: bool,
    rules: &Rules,
) -> Stats {
    let mut total = Tally::default();
    let (mut people, mut services, mut images) = (Tallies::new(), Tallies::new(), Tallies::new());
    let in_time = |case: &&Case| since.is_none_or(|since| case.opened_at >= since);
    let is_use = |case: &&Case| case.category == Category::BreakGlass;
    for case in cases.into_iter().filter(in_time).filter(is_use) {
        let counted = Use::of(case, rules);
        total.add(counted);
        for name in super::actor::names(case) {
            people.entry(name).or_default().add(counted);
        }
        if let Some(name) = &case.target {
            services.entry(name.clone()).or_default().add(counted);
        }
        for name in image_names(case) {
            images.entry(name).or_default().add(counted);
        }
    }
    let people = groups(people);
    let repeats = people.iter().filter(|group| group.uses - group.drills > 1);
    Stats {
        since,
        truncated,
        repeat_offenders: repeats.map(|group| group.name.clone()).collect(),
        total: total.group(String::new()),
        people,
        services: groups(services),
        images: groups(images),
    }
}

type Tallies = BTreeMap<String, Tally>;

#[derive(Clone, Copy)]
struct Use {
    drill: bool,
    ticket: bool,
    acknowledged_after: Option<i64>,
}

#[derive(Default)]
struct Tally(Vec<Use>);

impl Use {
    fn of(case: &Case, rules: &Rules) -> Self {
        let named = |text: &str| {
            rules
                .ticket
                .as_ref()
                .is_some_and(|ticket| ticket.is_match(text))
        };
        let mut said = case
            .findings
            .iter()
            .filter_map(|f| f.justification.as_deref());
        let mut steps = case.history.iter();
        let first = steps.find(|step| step.action == CaseAction::Acknowledged);
        Self {
            drill: case.drill.is_some(),
            ticket: case.ticket.is_some() || said.any(named),
            acknowledged_after: first.map(|step| step.at.as_second() - case.opened_at.as_second()),
        }
    }
}

impl Tally {
    fn add(&mut self, one: Use) {
        self.0.push(one);
    }

    fn group(self, name: String) -> Group {
        let count = |counts: fn(&&Use) -> bool| self.0.iter().filter(counts).count();
        let mut seconds: Vec<_> = self
            .0
            .iter()
            .filter_map(|one| one.acknowledged_after)
            .collect();
        let without_ticket = count(|one| !one.ticket);
        Group {
            name,
            uses: self.0.len(),
            drills: count(|one| one.drill),
            acknowledged: seconds.len(),
            median_seconds_to_acknowledge: median(&mut seconds),
            without_ticket,
            share_without_ticket: match self.0.len() {
                0 => 0.0,
                uses => without_ticket as f64 / uses as f64,
            },
        }
    }
}

/// Most uses first, then by name.
fn groups(tallies: Tallies) -> Vec<Group> {
    let mut groups: Vec<_> = tallies
        .into_iter()
        .map(|(name, tally)| tally.group(name))
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.uses));
    groups
}

fn median(seconds: &mut [i64]) -> Option<i64> {
    seconds.sort_unstable();
    let upper = *seconds.get(seconds.len() / 2)?;
    let lower = seconds[(seconds.len() - 1) / 2];
    Some(lower + (upper - lower) / 2)
}

fn image_names(case: &Case) -> std::collections::BTreeSet<String> {
    let name = |image: String| ImageReference::parse(&image).map_or(image, |parsed| parsed.name());
    super::images(case).into_iter().map(name).collect()
}

#[cfg(test)]
mod tests;
