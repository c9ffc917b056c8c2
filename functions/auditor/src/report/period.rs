//! From when to when a report looks.

use jiff::Timestamp;
use serde::Serialize;

/// A span of time; open where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Period {
    /// The first moment.
    pub since: Option<Timestamp>,
    /// The first moment after it.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether a moment lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}
