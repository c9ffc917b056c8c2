//! Who has a mail already that others are still to get.

use std::collections::{BTreeMap, BTreeSet};

use lettre::Address;

/// So many mails are remembered. One that is forgotten, as after a restart, comes twice, under the same `Message-ID`.
const MAILS: usize = 256;

/// The recipients of each alert who have it.
#[derive(Default)]
pub(super) struct Told(BTreeMap<String, BTreeSet<String>>);

impl Told {
    /// Who has an alert.
    pub(super) fn of(&self, alert: &str) -> BTreeSet<String> {
        self.0.get(alert).cloned().unwrap_or_default()
    }

    /// These have it now, and it is to be sent again.
    pub(super) fn add(&mut self, alert: &str, recipients: &[Address]) {
        if self.0.len() >= MAILS && !self.0.contains_key(alert) {
            // Ids begin with a time: the first is the oldest.
            self.0.pop_first();
        }
        let told = self.0.entry(alert.to_owned()).or_default();
        told.extend(recipients.iter().map(ToString::to_string));
    }

    /// Everybody has it, or it is given up.
    pub(super) fn forget(&mut self, alert: &str) {
        self.0.remove(alert);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let to: Address = "lead@example.org".parse().unwrap();
        let mut told = Told::default();
        for number in 0..=MAILS {
            told.add(&format!("{number:04}-1"), std::slice::from_ref(&to));
        }
        assert!(told.of("0000-1").is_empty());
        assert!(told.of("0001-1").contains("lead@example.org"));
        told.forget("0001-1");
        assert!(told.of("0001-1").is_empty());
    }
}
