//! Conditions: tests of fields, joined by all, any and not.

mod raw;
mod words;

use postern_core::event::AuditEvent;
use regex::Regex;

pub(super) use self::raw::{OneOrMore, RawCondition, compile_all};
pub(super) use self::words::all_of;
use super::field::{Fact, Field, Root};
use super::path::Seen;
use super::trust::{Ours, Trust};
use crate::subject::Lazily;

/// What conditions look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) event: &'a AuditEvent,
    pub(crate) subject: &'a Lazily<'a>,
    pub(crate) trust: &'a Trust,
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// That list of the trust set is not empty.
    Configured(Ours),
    Test(Vec<Field>, Test),
}

/// What a value at a field must be.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Exactly one of these.
    Equals(Vec<String>),
    /// With one of these in it, whatever the case.
    Contains(Vec<String>),
    StartsWith(Vec<String>),
    EndsWith(Vec<String>),
    /// Matched by this anywhere.
    Matches(Regex),
    /// There and not empty; blank is not empty.
    Present(bool),
    /// In that list of the trust set.
    In(Ours),
}

/// Why a condition cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// No place of that name.
    #[error("{0:?} is no field; see detections/README.md")]
    Field(String),
    /// Not exactly one form.
    #[error(
        "a condition is one of `all`, `any`, `not`, `configured`, or `field` with one of `equals`, \
         `contains`, `startsWith`, `endsWith`, `matches`, `present`, `in`"
    )]
    Form,
    /// No alternatives: such a condition would never hold, or always.
    #[error("a list in a condition has to have something in it")]
    Empty,
    /// No regular expression.
    #[error("{expression:?} is no regular expression: {reason}")]
    Expression {
        /// As written.
        expression: String,
        /// Why.
        reason: String,
    },
}

impl Condition {
    pub(super) fn holds(&self, scene: Scene<'_>) -> bool {
        match self {
            Self::All(all) => all.iter().all(|c| c.holds(scene)),
            Self::Any(any) => any.iter().any(|c| c.holds(scene)),
            Self::Not(not) => !not.holds(scene),
            Self::Configured(ours) => scene.trust.configured(*ours),
            Self::Test(fields, test) => {
                let passes = |seen: Seen<'_>| test.passes(seen, scene.trust);
                let found = fields
                    .iter()
                    .any(|f| f.any(scene.event, scene.subject, &passes));
                found != matches!(test, Test::Present(false))
            }
        }
    }

    /// Whether it can hold at all where this is what is ours.
    pub(super) fn possible(&self, trust: &Trust) -> bool {
        self.settled(trust) != Some(false)
    }

    /// What it is whatever the event, where the trust set alone settles it.
    fn settled(&self, trust: &Trust) -> Option<bool> {
        let of = |list: &[Self], decisive: bool| {
            let settled: Vec<_> = list.iter().map(|c| c.settled(trust)).collect();
            if settled.contains(&Some(decisive)) {
                Some(decisive)
            } else if settled.iter().all(|s| *s == Some(!decisive)) {
                Some(!decisive)
            } else {
                None
            }
        };
        match self {
            Self::All(all) => of(all, false),
            Self::Any(any) => of(any, true),
            Self::Not(not) => not.settled(trust).map(|holds| !holds),
            Self::Configured(ours) => Some(trust.configured(*ours)),
            Self::Test(_, Test::In(ours)) if !trust.configured(*ours) => Some(false),
            Self::Test(..) => None,
        }
    }

    /// Whether it holds only where an exported key was used.
    pub(super) fn needs_key(&self) -> bool {
        match self {
            Self::All(all) => all.iter().any(Self::needs_key),
            Self::Any(any) => any.iter().all(Self::needs_key),
            Self::Test(fields, test) => {
                fields.iter().all(|f| *f == Field::Fact(Fact::KeyName))
                    && !matches!(test, Test::Present(false))
            }
            Self::Not(_) | Self::Configured(_) => false,
        }
    }

    /// Whether it holds only for what is not known to be a mere read.
    pub(super) fn excludes_reads(&self) -> bool {
        let Self::Not(not) = self else { return false };
        let Self::Test(fields, Test::Equals(texts)) = &**not else {
            return false;
        };
        *fields == [Field::Fact(Fact::ReadOnly)] && *texts == ["true"]
    }

    /// The member of the request that has to be true, where it says so and nothing else.
    pub(super) fn requested_flag(&self) -> Option<&str> {
        let Self::Test(fields, Test::Equals(texts)) = self else {
            return None;
        };
        match fields.as_slice() {
            [Field::Path(Root::Request, path)] if *texts == ["true"] => match path.as_slice() {
                [only] => only.name(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The first place that holds an actor's own text.
    pub(super) fn actors_text(&self) -> Option<&Field> {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().find_map(Self::actors_text),
            Self::Not(not) => not.actors_text(),
            Self::Configured(_) => None,
            Self::Test(fields, _) => fields.iter().find(|field| field.is_actors_text()),
        }
    }

    /// The first place that holds an actor's own text and by whose content it stops to hold.
    pub(super) fn quieted_by(&self) -> Option<&Field> {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().find_map(Self::quieted_by),
            Self::Not(not) => not.actors_text(),
            Self::Test(_, Test::Present(false)) => self.actors_text(),
            Self::Configured(_) | Self::Test(..) => None,
        }
    }
}

impl Test {
    fn passes(&self, seen: Seen<'_>, trust: &Trust) -> bool {
        let value = seen.text;
        match self {
            Self::Equals(any) => any.iter().any(|expected| expected == value),
            Self::Contains(any) => {
                let value = value.to_lowercase();
                any.iter().any(|part| value.contains(part))
            }
            Self::StartsWith(any) => any.iter().any(|start| value.starts_with(start)),
            Self::EndsWith(any) => any.iter().any(|end| value.ends_with(end)),
            Self::Matches(expression) => expression.is_match(value),
            Self::Present(_) => !seen.is_empty,
            Self::In(ours) => trust.has(*ours, value),
        }
    }
}

#[cfg(test)]
mod tests;
