//! Places in an event that a condition looks at.

use std::borrow::Cow;

use postern_core::event::AuditEvent;
use serde_json::Value;

use super::condition::ConditionError;
use crate::subject::Subject;

/// A place: a fact about the event, or a path into its labels, request or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// The platform's own words, [`Subject::text`].
    Text,
    Method,
    Resource,
    StatusCode,
    /// Whether the deployment went through: `true`, `false`, or nothing.
    WentThrough,
    Justification,
    /// A path that starts in the entry's labels.
    Labels(Segment),
    Request(Vec<Segment>),
    Response(Vec<Segment>),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A member by its name.
    Key(String),
    /// Members whose name has these parts in this order (`*` between them).
    Pattern(Vec<String>),
    /// Any element of an array.
    Elements,
}

impl Field {
    /// Reads `text`, `method`, `labels["a.b/c"]`, `request.*.metadata.annotations["k"]`,
    /// `response.status.conditions[].reason`.
    pub(super) fn parse(written: &str) -> Result<Self, ConditionError> {
        let unknown = || ConditionError::Field(written.to_owned());
        let segments = segments(written).ok_or_else(unknown)?;
        let (first, rest) = segments.split_first().ok_or_else(unknown)?;
        let Segment::Key(first) = first else {
            return Err(unknown());
        };
        match (first.as_str(), rest) {
            ("text", []) => Ok(Self::Text),
            ("method", []) => Ok(Self::Method),
            ("resource", []) => Ok(Self::Resource),
            ("statusCode", []) => Ok(Self::StatusCode),
            ("wentThrough", []) => Ok(Self::WentThrough),
            ("justification", []) => Ok(Self::Justification),
            ("labels", [key]) => Ok(Self::Labels(key.clone())),
            ("request", [_, ..]) => Ok(Self::Request(rest.to_vec())),
            ("response", [_, ..]) => Ok(Self::Response(rest.to_vec())),
            _ => Err(unknown()),
        }
    }

    /// Whether any value at this place passes.
    pub(super) fn any(
        &self,
        event: &AuditEvent,
        subject: &Subject,
        passes: &dyn Fn(&str) -> bool,
    ) -> bool {
        match self {
            Self::Text => passes(&subject.text),
            Self::Method => passes(&event.method),
            Self::Resource => passes(&event.resource),
            Self::StatusCode => passes(&event.status_code.to_string()),
            Self::WentThrough => subject
                .went_through
                .is_some_and(|yes| passes(&yes.to_string())),
            Self::Justification => subject.justification.as_deref().is_some_and(passes),
            Self::Labels(key) => event
                .labels
                .iter()
                .any(|(name, value)| key.names(name) && passes(value)),
            Self::Request(path) => walk(event.request.as_ref(), path, passes),
            Self::Response(path) => walk(event.response.as_ref(), path, passes),
        }
    }
}

impl Segment {
    fn names(&self, name: &str) -> bool {
        match self {
            Self::Key(key) => key == name,
            Self::Pattern(parts) => matches_parts(parts, name),
            Self::Elements => false,
        }
    }
}

fn walk(value: Option<&Value>, path: &[Segment], passes: &dyn Fn(&str) -> bool) -> bool {
    let Some(value) = value else { return false };
    let Some((segment, rest)) = path.split_first() else {
        return passes(&scalar(value));
    };
    match (segment, value) {
        (Segment::Elements, Value::Array(elements)) => elements
            .iter()
            .any(|element| walk(Some(element), rest, passes)),
        (Segment::Key(key), Value::Object(members)) => walk(members.get(key), rest, passes),
        (pattern @ Segment::Pattern(_), Value::Object(members)) => members
            .iter()
            .any(|(name, value)| pattern.names(name) && walk(Some(value), rest, passes)),
        _ => false,
    }
}

fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// The parts between the stars of a pattern, in order; the first and last are anchored.
fn matches_parts(parts: &[String], name: &str) -> bool {
    let [first, middle @ .., last] = parts else {
        return false;
    };
    let Some(mut rest) = name
        .strip_prefix(first.as_str())
        .and_then(|n| n.strip_suffix(last.as_str()))
    else {
        return false;
    };
    for part in middle {
        match rest.split_once(part.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

fn segments(written: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[]") {
            segments.push(Segment::Elements);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let (name, after) = after.split_once("\"]")?;
            segments.push(segment(name));
            rest = after;
        } else {
            let word = rest.strip_prefix('.').unwrap_or(rest);
            let end = word.find(['.', '[']).unwrap_or(word.len());
            let (name, after) = word.split_at(end);
            if name.is_empty() {
                return None;
            }
            segments.push(segment(name));
            rest = after;
        }
    }
    Some(segments)
}

fn segment(name: &str) -> Segment {
    if name.contains('*') {
        Segment::Pattern(name.split('*').map(str::to_owned).collect())
    } else {
        Segment::Key(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(field: &str, value: &Value, expected: &str) -> bool {
        let Field::Response(path) = Field::parse(field).unwrap() else {
            panic!("{field}")
        };
        walk(Some(value), &path, &|text| text == expected)
    }

    #[rstest::rstest]
    #[case("response.a.b", "1", true)]
    #[case("response.a.c", "1", false)]
    #[case("response.*.b", "1", true)]
    #[case("response.list[].k", "y", true)]
    #[case("response.list[].k", "z", false)]
    #[case(r#"response["x.y/z"].b"#, "3", true)]
    #[case(r#"response["x*/z"].b"#, "3", true)]
    #[case(r#"response["y*/z"].b"#, "3", false)]
    fn paths_find_any_value(#[case] field: &str, #[case] expected: &str, #[case] found: bool) {
        let value = json!({"a": {"b": 1}, "list": [{"k": "x"}, {"k": "y"}], "x.y/z": {"b": "3"}});
        assert_eq!(holds(field, &value, expected), found);
    }

    #[test]
    fn unknown_places_are_refused() {
        for field in [
            "",
            "nothing",
            "labels",
            "response",
            "text.more",
            "request..a",
            "labels[\"a",
        ] {
            assert!(Field::parse(field).is_err(), "{field}");
        }
    }
}
