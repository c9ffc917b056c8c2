//! Paths into foreign JSON.
//!
//! A path goes through arrays by itself: any element will do. Names are the same in camelCase and
//! snake_case, as they are for protobuf's JSON, so that neither spelling slips through.

use postern_core::glob::Glob;
use std::fmt;

use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A member by its name, in either case convention.
    Name(String),
    /// A member by its exact name: `["a.b/c"]`.
    Quoted(String),
    /// Members whose name looks like this.
    Like(Glob),
}

impl Segment {
    /// Whether a member of this name is meant.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => same_name(own, name),
            Self::Quoted(own) => own == name,
            Self::Like(glob) => {
                glob.matches(name)
                    || name.contains('_') && glob.matches(&camel(name).collect::<String>())
            }
        }
    }

    /// The name, where it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Quoted(name) => Some(name),
            Self::Like(_) => None,
        }
    }
}

/// Reads `a.b`, `a.*.c`, `a.names*`, `a["x.y/z"]`; `[]`, for any element, may stand and says nothing.
/// `None` if it is no path.
pub(super) fn segments(written: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("[]") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("[\"") {
            let (name, after) = after.split_once("\"]")?;
            segments.push(segment(name, Segment::Quoted));
            rest = after;
        } else {
            let word = match rest.strip_prefix('.') {
                Some(word) => word,
                None if segments.is_empty() => rest,
                None => return None,
            };
            let end = word.find(['.', '[']).unwrap_or(word.len());
            let (name, after) = word.split_at(end);
            if name.is_empty() {
                return None;
            }
            segments.push(segment(name, Segment::Name));
            rest = after;
        }
    }
    Some(segments)
}

fn segment(name: &str, plain: fn(String) -> Segment) -> Segment {
    if name.contains('*') {
        Segment::Like(Glob::new(name))
    } else {
        plain(name.to_owned())
    }
}

/// A value as a text to compare with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) text: &'a str,
    /// Whether there is nothing: an empty text, null or an empty object. An empty array has no value.
    pub(super) is_empty: bool,
}

impl<'a> From<&'a str> for Seen<'a> {
    fn from(text: &'a str) -> Self {
        Self {
            text,
            is_empty: text.is_empty(),
        }
    }
}

/// Whether any value at the end of the path passes.
pub(super) fn any(
    value: Option<&Value>,
    path: &[Segment],
    passes: &dyn Fn(Seen<'_>) -> bool,
) -> bool {
    let Some(value) = value else { return false };
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().any(|e| any(Some(e), path, passes)),
        (Value::String(text), []) => passes(text.as_str().into()),
        (Value::Null, []) => passes("".into()),
        (value, []) => passes(Seen {
            text: &value.to_string(),
            is_empty: value.as_object().is_some_and(serde_json::Map::is_empty),
        }),
        (Value::Object(members), [segment, rest @ ..]) => members
            .iter()
            .any(|(name, value)| segment.names(name) && any(Some(value), rest, passes)),
        _ => false,
    }
}

fn same_name(a: &str, b: &str) -> bool {
    // The first letter is the same in both conventions: most names need no further look.
    a.as_bytes().first() == b.as_bytes().first()
        && (a == b || ((a.contains('_') || b.contains('_')) && camel(a).eq(camel(b))))
}

/// `snake_case` as `camelCase`.
pub(super) fn camel(name: &str) -> impl Iterator<Item = char> {
    let mut characters = name.chars().peekable();
    let mut first = true;
    std::iter::from_fn(move || {
        let next = characters.next()?;
        let began = std::mem::replace(&mut first, false);
        let joint = next == '_' && !began;
        match characters.next_if(|c| joint && c.is_ascii_alphanumeric()) {
            Some(letter) => Some(letter.to_ascii_uppercase()),
            None => Some(next),
        }
    })
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, ".{name}"),
            Self::Quoted(name) => write!(f, "[\"{name}\"]"),
            Self::Like(glob) => {
                let glob = glob.to_string();
                if glob.contains(['.', '/']) {
                    write!(f, "[\"{glob}\"]")
                } else {
                    write!(f, ".{glob}")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, value: &Value, expected: &str) -> bool {
        any(Some(value), &segments(path).unwrap(), &|seen| {
            seen.text == expected
        })
    }

    #[rstest::rstest]
    #[case("a.b", "1", true)]
    #[case("a.c", "1", false)]
    #[case("*.b", "1", true)]
    #[case("list.k", "y", true)]
    #[case("list[].k", "y", true)]
    #[case("list.k", "z", false)]
    #[case("nested.k", "deep", true)]
    #[case("texts", "two", true)]
    #[case(r#"["x.y/z"].b"#, "3", true)]
    #[case(r#"["x*/z"].b"#, "3", true)]
    #[case(r#"["y*/z"].b"#, "3", false)]
    #[case("empty", "{}", true)]
    #[case("flag", "false", true)]
    fn paths_find_any_value(#[case] path: &str, #[case] expected: &str, #[case] is: bool) {
        let value = json!({
            "a": {"b": 1}, "list": [{"k": "x"}, {"k": "y"}], "x.y/z": {"b": "3"},
            "nested": [[{"k": ["no"]}], [[{"k": ["deep"]}]]], "texts": ["one", "two"],
            "empty": {}, "flag": false
        });
        assert_eq!(found(path, &value, expected), is);
    }

    #[rstest::rstest]
    #[case("updateMask", "update_mask", true)]
    #[case("update_mask", "updateMask", true)]
    #[case("sandboxTemplate*", "sandbox_template_names", true)]
    #[case("updateMask", "updatemask", false)]
    #[case("updateMask", "UpdateMask", false)]
    #[case("a", "_a", false)]
    fn both_case_conventions_are_one_name(
        #[case] path: &str,
        #[case] member: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(found(path, &json!({member: "x"}), "x"), expected);
    }

    #[test]
    fn a_quoted_name_is_exact() {
        assert!(!found(r#"["a_b"]"#, &json!({"aB": "x"}), "x"));
    }

    #[test]
    fn both_spellings_at_once_are_both_looked_at() {
        let both = json!({"update_mask": "x", "updateMask": "y"});
        assert!(found("updateMask", &both, "x"));
        assert!(found("updateMask", &both, "y"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for written in ["a..b", "[\"a", "a[0]", "a[\"b\"]c"] {
            assert_eq!(segments(written), None, "{written}");
        }
    }
}
