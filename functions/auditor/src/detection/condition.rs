//! Conditions: tests of fields, joined by all, any and not.

use postern_core::event::AuditEvent;
use serde::Deserialize;

use super::field::Field;
use crate::subject::Subject;

/// A compiled condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Test(Vec<Field>, Test),
}

/// What a value at a field must be.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Exactly one of these.
    Equals(Vec<String>),
    /// With one of these in it, whatever the case.
    Contains(Vec<String>),
    /// Ending in one of these.
    EndsWith(Vec<String>),
    /// There and not empty; blank is not empty.
    Present(bool),
}

/// A condition as written: exactly one of `all`, `any`, `not`, or a `field` with one test.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawCondition {
    all: Option<Vec<RawCondition>>,
    any: Option<Vec<RawCondition>>,
    not: Option<Box<RawCondition>>,
    field: Option<OneOrMore>,
    equals: Option<OneOrMore>,
    contains: Option<OneOrMore>,
    ends_with: Option<OneOrMore>,
    present: Option<bool>,
}

/// A text, or a list of alternatives.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Why a condition cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// No place of that name.
    #[error("{0:?} is no field; see detections/README.md")]
    Field(String),
    /// Not exactly one form.
    #[error(
        "a condition is one of `all`, `any`, `not`, or `field` with one of `equals`, `contains`, `endsWith`, `present`"
    )]
    Form,
}

/// Compiles a list, all of which must hold.
pub(super) fn compile_all(raw: &[RawCondition]) -> Result<Vec<Condition>, ConditionError> {
    raw.iter().map(RawCondition::compile).collect()
}

impl Condition {
    pub(super) fn holds(&self, event: &AuditEvent, subject: &Subject) -> bool {
        match self {
            Self::All(all) => all.iter().all(|c| c.holds(event, subject)),
            Self::Any(any) => any.iter().any(|c| c.holds(event, subject)),
            Self::Not(not) => !not.holds(event, subject),
            Self::Test(fields, test) => {
                let found = fields
                    .iter()
                    .any(|f| f.any(event, subject, &|value| test.passes(value)));
                found != matches!(test, Test::Present(false))
            }
        }
    }
}

impl Test {
    fn passes(&self, value: &str) -> bool {
        match self {
            Self::Equals(any) => any.iter().any(|expected| expected == value),
            Self::Contains(any) => {
                let value = value.to_lowercase();
                any.iter().any(|part| value.contains(part))
            }
            Self::EndsWith(any) => any.iter().any(|end| value.ends_with(end)),
            Self::Present(_) => !value.is_empty(),
        }
    }
}

impl RawCondition {
    fn compile(&self) -> Result<Condition, ConditionError> {
        match self {
            Self {
                all: Some(all),
                any: None,
                not: None,
                field: None,
                ..
            } if self.tests() == 0 => Ok(Condition::All(compile_all(all)?)),
            Self {
                all: None,
                any: Some(any),
                not: None,
                field: None,
                ..
            } if self.tests() == 0 => Ok(Condition::Any(compile_all(any)?)),
            Self {
                all: None,
                any: None,
                not: Some(not),
                field: None,
                ..
            } if self.tests() == 0 => Ok(Condition::Not(Box::new(not.compile()?))),
            Self {
                all: None,
                any: None,
                not: None,
                field: Some(fields),
                ..
            } if self.tests() == 1 => {
                let fields = fields
                    .list()
                    .iter()
                    .map(|f| Field::parse(f))
                    .collect::<Result<_, _>>()?;
                Ok(Condition::Test(
                    fields,
                    self.test().ok_or(ConditionError::Form)?,
                ))
            }
            _ => Err(ConditionError::Form),
        }
    }

    fn tests(&self) -> usize {
        let lists = [&self.equals, &self.contains, &self.ends_with];
        lists.iter().filter(|list| list.is_some()).count() + usize::from(self.present.is_some())
    }

    fn test(&self) -> Option<Test> {
        let lower = |list: &OneOrMore| list.list().iter().map(|t| t.to_lowercase()).collect();
        None.or(self.equals.as_ref().map(|list| Test::Equals(list.list())))
            .or(self
                .contains
                .as_ref()
                .map(|list| Test::Contains(lower(list))))
            .or(self
                .ends_with
                .as_ref()
                .map(|list| Test::EndsWith(list.list())))
            .or(self.present.map(Test::Present))
    }
}

impl OneOrMore {
    fn list(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::More(texts) => texts.clone(),
        }
    }
}
