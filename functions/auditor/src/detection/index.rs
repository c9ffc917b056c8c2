//! Which detections an entry is worth being held against, told from its first few members.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::Detection;
use super::matcher::{EntryMatcher, Matcher};
use super::method::{last_part, undated};
use super::trust::Trust;
use crate::parse::Head;

/// Places by a word. Outsiders look words up and never add one, so that the hash need not withstand them.
type Lists = HashMap<String, Vec<usize>, RandomState>;

/// Detections by what an entry must have for them. Looking up allocates nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// By the last part of a method's name.
    methods: Lists,
    /// By service, where any method counts.
    services: Lists,
    /// Where any service counts, too.
    any: Vec<usize>,
    /// Those that want an exported key.
    keyed: Vec<bool>,
}

impl Index {
    /// Those detections that can fire where this is what is ours.
    pub(super) fn new(detections: &[Detection], trust: &Trust) -> Self {
        let mut index = Self {
            keyed: vec![false; detections.len()],
            ..Self::default()
        };
        for (place, detection) in detections.iter().enumerate() {
            if let Matcher::Entry(matcher) = &detection.matcher
                && matcher.conditions.iter().all(|c| c.possible(trust))
            {
                index.add(place, matcher);
            }
        }
        index
    }

    fn add(&mut self, place: usize, matcher: &EntryMatcher) {
        let into = |lists: &mut Lists, key: &str| {
            let list = lists.entry(key.to_owned()).or_default();
            if list.last() != Some(&place) {
                list.push(place);
            }
        };
        self.keyed[place] = matcher.conditions.iter().any(|c| c.needs_key());
        for method in &matcher.methods {
            into(&mut self.methods, last_part(method));
        }
        if matcher.methods.is_empty() {
            for service in &matcher.services {
                into(&mut self.services, service);
            }
            if matcher.services.is_empty() {
                self.any.push(place);
            }
        }
    }

    /// The places of those that an entry is worth being held against, each once.
    pub(super) fn places(&self, head: Head<'_>) -> impl Iterator<Item = usize> {
        let has_key = head.has_key;
        let method = last_part(head.method);
        let bare = undated(head.stream, method);
        let logged = self.methods.get(method);
        let undated = (bare != method).then(|| self.methods.get(bare)).flatten();
        let again = move |place: &&usize| !logged.is_some_and(|list| list.contains(place));
        slice(logged)
            .iter()
            .chain(slice(undated).iter().filter(again))
            .chain(slice(self.services.get(head.service)))
            .chain(&self.any)
            .copied()
            .filter(move |place| has_key || !self.keyed[*place])
    }
}

fn slice(list: Option<&Vec<usize>>) -> &[usize] {
    list.map_or(&[], Vec::as_slice)
}
