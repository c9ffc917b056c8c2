//! Which cases are meant.

use jiff::Timestamp;

use crate::case::CaseState;
use crate::finding::{Category, Severity};

/// What cases are asked for; what is not said passes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseFilter {
    /// In this state.
    pub state: Option<CaseState>,
    /// Of this category.
    pub category: Option<Category>,
    /// At least this bad.
    pub severity: Option<Severity>,
    /// Of this owner.
    pub owner: Option<String>,
    /// About exactly this target.
    pub target: Option<String>,
    /// Opened at this time or later.
    pub since: Option<Timestamp>,
    /// Older than the case of this id: where the page before it ended. An id that nothing has shows
    /// no cases.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
}
