//! How cases are walked, as the configuration has it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use postern_core::case::Case;
use postern_core::finding::{Category, Severity};
use postern_host::config::Config;
use regex::Regex;

use crate::owners::{Owners, OwnersError};

/// The rules by which cases are opened, walked and escalated.
#[derive(Debug, Clone)]
pub struct Rules {
    /// From which severity on closing needs a second person.
    pub two_person: Severity,
    /// Characters that a justification has at least, without superfluous blanks.
    pub min_length: usize,
    /// What must be found in a ticket or a justification.
    pub ticket: Option<Regex>,
    /// Whether a text that justified another case may be used again.
    pub allow_repeats: bool,
    /// How long an exception may stand at most.
    pub max_exception: SignedDuration,
    /// How long the next step may take.
    pub due: BTreeMap<Severity, SignedDuration>,
    /// Whose case it is.
    pub owners: Owners,
}

/// Why there are no rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A pattern cannot be understood.
    #[error("{key} is no regular expression: {reason}")]
    Pattern {
        /// Its place in the configuration.
        key: &'static str,
        /// Why.
        reason: String,
    },
    /// The owners cannot be understood.
    #[error("the owners have mistakes:\n  {0}")]
    Owners(#[from] OwnersError),
}

impl Default for Rules {
    fn default() -> Self {
        let hours = [
            (Severity::Critical, 4),
            (Severity::High, 24),
            (Severity::Medium, 72),
            (Severity::Low, 168),
        ];
        Self {
            two_person: Severity::High,
            min_length: 10,
            ticket: None,
            allow_repeats: false,
            max_exception: SignedDuration::from_hours(30 * 24),
            due: hours
                .map(|(severity, hours)| (severity, SignedDuration::from_hours(hours)))
                .into(),
            owners: Owners::default(),
        }
    }
}

impl Rules {
    /// The rules that a configuration states, with the defaults where it says nothing; `owners` is
    /// the text of the file that it names.
    ///
    /// # Errors
    /// If the ticket's pattern or the owners cannot be understood.
    pub fn of_config(config: &Config, owners: Option<&str>) -> Result<Self, RulesError> {
        let (cases, default) = (&config.cases, Self::default());
        let (key, ticket) = match &cases.justification.ticket {
            Some(ticket) => ("cases.justification.ticket", Some(ticket)),
            None => ("breakGlass.ticket", config.break_glass.ticket.as_ref()),
        };
        let wrong = |error: regex::Error| RulesError::Pattern {
            key,
            reason: error.to_string(),
        };
        let mut due = default.due;
        due.extend(&cases.due);
        Ok(Self {
            two_person: cases.two_person.unwrap_or(default.two_person),
            min_length: cases.justification.min_length.unwrap_or(default.min_length),
            ticket: ticket
                .map(|text| Regex::new(text))
                .transpose()
                .map_err(wrong)?,
            allow_repeats: cases.justification.allow_repeats,
            max_exception: cases.max_exception.unwrap_or(default.max_exception),
            due,
            owners: Owners::parse(owners.unwrap_or_default())?,
        })
    }

    /// When the next step must have been taken.
    pub fn due(&self, severity: Severity, from: Timestamp) -> Option<Timestamp> {
        let within = self.due.get(&severity).filter(|time| time.is_positive())?;
        from.checked_add(*within).ok()
    }

    /// Whether closing needs a second person.
    pub(crate) fn needs_two(&self, case: &Case) -> bool {
        case.severity >= self.two_person
    }
}

/// Whether something may run that nobody attested: only that, or its end, closes such a case.
pub(crate) const fn is_bypass(category: Category) -> bool {
    matches!(
        category,
        Category::BreakGlass | Category::Bypass | Category::FailOpen
    )
}
