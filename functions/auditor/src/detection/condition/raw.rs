//! Conditions as they are written.

use regex::RegexBuilder;
use serde::Deserialize;

use super::{Condition, ConditionError, Test};
use crate::detection::field::Field;
use crate::detection::trust::Ours;

/// The most memory that one regular expression may take, compiled.
const EXPRESSION_LIMIT: usize = 1 << 20;

/// A condition as written: exactly one of `all`, `any`, `not`, `configured`, or a `field` with one test.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::detection) struct RawCondition {
    all: Option<Vec<RawCondition>>,
    any: Option<Vec<RawCondition>>,
    not: Option<Box<RawCondition>>,
    configured: Option<Ours>,
    field: Option<OneOrMore<String>>,
    equals: Option<OneOrMore<String>>,
    contains: Option<OneOrMore<String>>,
    starts_with: Option<OneOrMore<String>>,
    ends_with: Option<OneOrMore<String>>,
    matches: Option<String>,
    present: Option<bool>,
    #[serde(rename = "in")]
    within: Option<Ours>,
}

/// One value, or a list of alternatives.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "it has to be one text, or a list of texts")]
pub(in crate::detection) enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl<T> OneOrMore<T> {
    pub(in crate::detection) fn list(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::More(values) => values,
        }
    }
}

/// Compiles a list, all of which must hold.
pub(in crate::detection) fn compile_all(
    raw: Vec<RawCondition>,
) -> Result<Vec<Condition>, ConditionError> {
    raw.into_iter().map(RawCondition::compile).collect()
}

impl RawCondition {
    fn compile(self) -> Result<Condition, ConditionError> {
        let Self {
            all,
            any,
            not,
            configured,
            field,
            equals,
            contains,
            starts_with,
            ends_with,
            matches,
            present,
            within,
        } = self;
        let lower = |texts: Vec<String>| texts.iter().map(|t| t.to_lowercase()).collect();
        let tests = [
            equals.map(|list| filled(list).map(Test::Equals)),
            contains.map(|list| filled(list).map(|texts| Test::Contains(lower(texts)))),
            starts_with.map(|list| filled(list).map(Test::StartsWith)),
            ends_with.map(|list| filled(list).map(Test::EndsWith)),
            matches.map(|expression| matching(&expression)),
            present.map(|present| Ok(Test::Present(present))),
            within.map(|ours| Ok(Test::In(ours))),
        ];
        let mut tests = tests.into_iter().flatten();
        let joined = [
            all.map(|list| Ok(Condition::All(compile_all(some(list)?)?))),
            any.map(|list| Ok(Condition::Any(compile_all(some(list)?)?))),
            not.map(|not| Ok(Condition::Not(Box::new(not.compile()?)))),
            configured.map(|ours| Ok(Condition::Configured(ours))),
        ];
        let mut joined = joined.into_iter().flatten();
        match (
            joined.next(),
            joined.next(),
            field,
            tests.next(),
            tests.next(),
        ) {
            (Some(joined), None, None, None, None) => joined,
            (None, None, Some(fields), Some(test), None) => {
                let fields = filled(fields)?;
                let fields = fields.iter().map(|f| Field::parse(f));
                Ok(Condition::Test(fields.collect::<Result<_, _>>()?, test?))
            }
            _ => Err(ConditionError::Form),
        }
    }
}

fn filled(list: OneOrMore<String>) -> Result<Vec<String>, ConditionError> {
    some(list.list())
}

fn some<T>(list: Vec<T>) -> Result<Vec<T>, ConditionError> {
    if list.is_empty() {
        Err(ConditionError::Empty)
    } else {
        Ok(list)
    }
}

fn matching(expression: &str) -> Result<Test, ConditionError> {
    RegexBuilder::new(expression)
        .size_limit(EXPRESSION_LIMIT)
        .build()
        .map(Test::Matches)
        .map_err(|error| ConditionError::Expression {
            expression: expression.to_owned(),
            reason: error.to_string(),
        })
}
