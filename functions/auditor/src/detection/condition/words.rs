//! Conditions in words, for people.

use std::fmt;

use super::{Condition, Test};

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(list) => joined(f, list, " and "),
            Self::Any(list) => joined(f, list, " or "),
            Self::Not(not) => match &**not {
                Self::Configured(ours) => write!(f, "no `{ours}` are configured"),
                other => write!(f, "not ({other})"),
            },
            Self::Configured(ours) => write!(f, "`{ours}` are configured"),
            Self::Test(fields, test) => {
                let fields: Vec<_> = fields.iter().map(ToString::to_string).collect();
                write!(f, "{} {test}", fields.join(" or "))
            }
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |texts: &[String]| {
            let texts: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
            texts.join(" or ")
        };
        match self {
            Self::Equals(texts) => write!(f, "is {}", quoted(texts)),
            Self::Contains(texts) => write!(f, "contains {}", quoted(texts)),
            Self::StartsWith(texts) => write!(f, "starts with {}", quoted(texts)),
            Self::EndsWith(texts) => write!(f, "ends with {}", quoted(texts)),
            Self::Matches(expression) => write!(f, "matches /{expression}/"),
            Self::Present(true) => write!(f, "is there"),
            Self::Present(false) => write!(f, "is not there"),
            Self::In(ours) => write!(f, "is one of your `{ours}`"),
        }
    }
}

/// Conditions, all of which must hold.
pub(in crate::detection) fn all_of(conditions: &[Condition]) -> String {
    let each: Vec<_> = conditions.iter().map(ToString::to_string).collect();
    each.join(", and ")
}

fn joined(f: &mut fmt::Formatter<'_>, list: &[Condition], word: &str) -> fmt::Result {
    for (place, condition) in list.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        match condition {
            Condition::All(inner) | Condition::Any(inner) if inner.len() > 1 => {
                write!(f, "({condition})")?;
            }
            _ => write!(f, "{condition}")?,
        }
    }
    Ok(())
}
