//! Alerts of several cases in one message.

use jiff::SignedDuration;
use serde::Deserialize;

/// How alerts are told together. What is always told never is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grouping {
    /// What those have in common that are told together.
    pub by: Vec<GroupBy>,
    /// For so long the oldest of them waits for others.
    #[serde(default = "half_a_minute")]
    pub wait: SignedDuration,
    /// So many are told at once; with as many nothing waits.
    #[serde(default = "fifty")]
    pub most: u32,
}

impl Grouping {
    /// What [`Self::most`] may be. Two are a group, and more than that are no message.
    pub const MOST: std::ops::RangeInclusive<u32> = 2..=200;
    /// The longest time that [`Self::wait`] may be.
    pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
}

/// What alerts may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupBy {
    /// The case's category.
    Category,
    /// The case's severity.
    Severity,
    /// The project, as routes find it.
    Project,
    /// What it happened to.
    Target,
    /// Whose it is.
    Owner,
}

const fn half_a_minute() -> SignedDuration {
    SignedDuration::from_secs(30)
}

const fn fifty() -> u32 {
    50
}
