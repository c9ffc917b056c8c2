//! The part of Cloud Logging's query language that sinks are written in, held against an entry.
//!
//! Comparisons (`= != : =~ !~ < <= > >=`) on dotted paths, `AND`, `OR`, `NOT`, `-`, parentheses,
//! alternatives of a value, text without a field, comments and `log_id(…)`. `OR` binds tighter than
//! `AND`, and what only stands side by side is joined by `AND`. Everything else is not known rather
//! than guessed.

mod compare;
mod parse;
mod token;

use serde_json::Value;

use super::answer::Answer;

/// Cloud Logging's own limit, in bytes.
const LIMIT: usize = 20_000;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(Expression);

/// Why a text is no filter that is understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter is not understood: {0}")]
pub struct FilterError(String);

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    /// A text in any field.
    Text(String),
    Compare {
        path: Vec<String>,
        operator: Operator,
        value: String,
    },
    LogId(String),
    /// A function that is not evaluated here.
    Function(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Has,
    Equal,
    NotEqual,
    Matches,
    DoesNotMatch,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Reads a filter. An empty one lets everything pass.
    ///
    /// # Errors
    /// If it is longer than Cloud Logging takes, or not of the part of the language that is known.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > LIMIT {
            return Err(FilterError(format!("it is longer than {LIMIT} bytes")));
        }
        Ok(Self(parse::expression(token::tokens(text)?)?))
    }

    /// Whether an entry passes. The entry is a sample: comparisons with what is made up in it are not
    /// known unless they hold.
    pub fn passes(&self, entry: &Value) -> Answer {
        self.0.holds(entry)
    }
}

impl Expression {
    fn holds(&self, entry: &Value) -> Answer {
        match self {
            Self::All(parts) => parts
                .iter()
                .fold(Answer::Yes, |all, part| all.and(part.holds(entry))),
            Self::Any(parts) => parts
                .iter()
                .fold(Answer::No, |any, part| any.or(part.holds(entry))),
            Self::Not(part) => !part.holds(entry),
            Self::Text(text) => Answer::of(compare::says(entry, &text.to_lowercase())),
            Self::Compare {
                path,
                operator,
                value,
            } => compare::compare(entry, path, *operator, value),
            Self::LogId(id) => compare::log_id(entry, id),
            Self::Function(name) => {
                Answer::Unknown(format!("the function {name}(…) is not evaluated"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
