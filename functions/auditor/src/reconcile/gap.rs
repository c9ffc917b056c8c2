//! Where entries are missing: per log and hour, and hours that follow each other are one gap. Pure.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

const HOUR: i64 = 3600;

/// Hours in a row in each of which entries of one log are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The full name of the log.
    pub log: String,
    /// The start of its first hour.
    pub from: Timestamp,
    /// How many entries are missing.
    pub missing: u64,
    /// When the first of them happened.
    pub first: Timestamp,
    /// When the last of them happened.
    pub last: Timestamp,
    /// Its hours.
    pub hours: Vec<Hour>,
}

/// What is missing of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// The start of the hour.
    pub from: Timestamp,
    /// How many entries are missing.
    pub missing: u64,
    /// When the first of them happened.
    pub first: Timestamp,
    /// When the last of them happened.
    pub last: Timestamp,
}

/// What is missing, as it is found, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Missing(BTreeMap<(String, i64), Hour>);

impl Missing {
    /// An entry of this log and time never arrived.
    pub(super) fn add(&mut self, log: &str, at: Timestamp) {
        let hour = at.as_second().div_euclid(HOUR);
        let known = self.0.entry((log.to_owned(), hour)).or_insert(Hour {
            // The start of the hour of a time that there is.
            from: Timestamp::from_second(hour * HOUR).unwrap_or(at),
            missing: 0,
            first: at,
            last: at,
        });
        known.missing += 1;
        known.first = known.first.min(at);
        known.last = known.last.max(at);
    }

    /// The gaps, by log and time.
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for ((log, _), hour) in &self.0 {
            match gaps.last_mut() {
                Some(gap) if gap.log == *log && gap.goes_on_with(hour) => gap.extend(*hour),
                _ => gaps.push(Gap {
                    log: log.clone(),
                    from: hour.from,
                    missing: hour.missing,
                    first: hour.first,
                    last: hour.last,
                    hours: vec![*hour],
                }),
            }
        }
        gaps
    }
}

impl Gap {
    fn goes_on_with(&self, hour: &Hour) -> bool {
        let last = self.hours.last().map_or(self.from, |last| last.from);
        hour.from.as_second() - last.as_second() == HOUR
    }

    fn extend(&mut self, hour: Hour) {
        self.missing += hour.missing;
        self.last = hour.last;
        self.hours.push(hour);
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = match self.missing {
            1 => "1 entry",
            _ => &format!("{} entries", self.missing),
        };
        write!(
            f,
            "{entries} of {} from {} to {} never arrived",
            self.log, self.first, self.last
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVITY: &str = "projects/demo-mart/logs/cloudaudit.googleapis.com%2Factivity";
    const SYSTEM: &str = "projects/demo-mart/logs/cloudaudit.googleapis.com%2Fsystem_event";

    fn missing(entries: &[(&str, &str)]) -> Vec<Gap> {
        let mut missing = Missing::default();
        for (log, at) in entries {
            missing.add(log, at.parse().unwrap());
        }
        missing.gaps()
    }

    #[test]
    fn hours_in_a_row_are_one_gap_and_logs_are_apart() {
        let gaps = missing(&[
            (ACTIVITY, "2026-05-05T10:59:59.9Z"),
            (SYSTEM, "2026-05-05T11:30:00Z"),
            (ACTIVITY, "2026-05-05T11:00:00Z"),
            (ACTIVITY, "2026-05-05T10:00:00Z"),
            (ACTIVITY, "2026-05-05T13:00:00Z"),
        ]);
        let said: Vec<_> = gaps.iter().map(Gap::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        3 entries of projects/demo-mart/logs/cloudaudit.googleapis.com%2Factivity from 2026-05-05T10:00:00Z to 2026-05-05T11:00:00Z never arrived
        1 entry of projects/demo-mart/logs/cloudaudit.googleapis.com%2Factivity from 2026-05-05T13:00:00Z to 2026-05-05T13:00:00Z never arrived
        1 entry of projects/demo-mart/logs/cloudaudit.googleapis.com%2Fsystem_event from 2026-05-05T11:30:00Z to 2026-05-05T11:30:00Z never arrived
        ");
        let hours: Vec<_> = gaps[0].hours.iter().map(|hour| hour.missing).collect();
        assert_eq!(hours, [2, 1]);
    }

    #[test]
    fn nothing_missing_is_no_gap() {
        assert_eq!(missing(&[]), []);
    }
}
