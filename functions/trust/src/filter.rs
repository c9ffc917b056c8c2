//! Filters of occurrences and notes, as far as Google's own clients write them.
//!
//! `kind = "BUILD" AND (resourceUrl = "…" OR has_suffix(resourceUrl, "sha256:…"))`. Compared are `kind`,
//! `resourceUrl` (the field `resourceUri`), `noteId` and `noteProjectId`.

use serde_json::Value;

use crate::error::ApiError;

/// Longer than any client's, in bytes.
const LONGEST: usize = 8192;
/// More parentheses within each other than any client writes.
const DEEPEST: usize = 32;

/// A filter, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Everything matches.
    Everything,
    /// Each of them.
    All(Vec<Filter>),
    /// One of them.
    Any(Vec<Filter>),
    /// One field.
    Field(Field, Test, String),
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `ATTESTATION`, `VULNERABILITY`, …
    Kind,
    /// What an occurrence is about, as it is written there.
    ResourceUri,
    /// The last part of the note's name.
    NoteId,
    /// The project in the note's name.
    NoteProjectId,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `=`
    Is,
    /// `has_prefix`
    StartsWith,
    /// `has_suffix`
    EndsWith,
}

impl Filter {
    /// Reads a filter; an empty one matches everything.
    ///
    /// # Errors
    /// If it is not of the form above, or too long.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        if text.trim().is_empty() {
            return Ok(Self::Everything);
        }
        if text.len() > LONGEST {
            return Err(ApiError::invalid(format!(
                "the filter is longer than {LONGEST} bytes"
            )));
        }
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let filter = parser.any()?;
        match parser.rest.trim_start().is_empty() {
            true => Ok(filter),
            false => Err(parser.wrong("AND, OR or the end")),
        }
    }

    /// Whether a note or an occurrence is one of those that are asked for.
    pub fn matches(&self, fields: &Value) -> bool {
        match self {
            Self::Everything => true,
            Self::All(filters) => filters.iter().all(|filter| filter.matches(fields)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(fields)),
            Self::Field(field, test, value) => {
                let known = field.of(fields);
                match test {
                    Test::Is => known == value,
                    Test::StartsWith => known.starts_with(value.as_str()),
                    Test::EndsWith => known.ends_with(value.as_str()),
                }
            }
        }
    }
}

impl Field {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "kind" => Self::Kind,
            "resourceUrl" | "resource_url" | "resourceUri" | "resource_uri" => Self::ResourceUri,
            "noteId" | "note_id" => Self::NoteId,
            "noteProjectId" | "note_project_id" => Self::NoteProjectId,
            _ => return None,
        })
    }

    fn of(self, fields: &Value) -> &str {
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        // `projects/P/notes/N`, of an occurrence or of the note itself.
        let note = || match text("noteName") {
            "" => text("name"),
            note => note,
        };
        match self {
            Self::Kind => text("kind"),
            Self::ResourceUri => text("resourceUri"),
            Self::NoteId => note().rsplit('/').next().unwrap_or_default(),
            Self::NoteProjectId => note().split('/').nth(1).unwrap_or_default(),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    /// `A OR B OR …`
    fn any(&mut self) -> Result<Filter, ApiError> {
        let mut filters = vec![self.all()?];
        while self.word("OR") {
            filters.push(self.all()?);
        }
        Ok(one_or(filters, Filter::Any))
    }

    /// `A AND B AND …`
    fn all(&mut self) -> Result<Filter, ApiError> {
        let mut filters = vec![self.one()?];
        while self.word("AND") {
            filters.push(self.one()?);
        }
        Ok(one_or(filters, Filter::All))
    }

    fn one(&mut self) -> Result<Filter, ApiError> {
        if self.sign('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(self.wrong("fewer parentheses"));
            }
            let inner = self.any()?;
            self.depth -= 1;
            self.expect(')')?;
            return Ok(inner);
        }
        let name = self.name();
        let test = match name.as_str() {
            "has_prefix" => Test::StartsWith,
            "has_suffix" => Test::EndsWith,
            _ => {
                let field = self.field(&name)?;
                self.expect('=')?;
                return Ok(Filter::Field(field, Test::Is, self.quoted()?));
            }
        };
        self.expect('(')?;
        let name = self.name();
        let field = self.field(&name)?;
        self.expect(',')?;
        let value = self.quoted()?;
        self.expect(')')?;
        Ok(Filter::Field(field, test, value))
    }

    fn field(&self, name: &str) -> Result<Field, ApiError> {
        Field::named(name).ok_or_else(|| {
            self.wrong("kind, resourceUrl, noteId, noteProjectId, has_prefix or has_suffix")
        })
    }

    fn name(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let end = self
            .rest
            .find(|char| !is_name(char))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.to_owned()
    }

    /// A text in quotes, in which a backslash makes the next sign mean itself.
    fn quoted(&mut self) -> Result<String, ApiError> {
        self.expect('"')?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, char)| char)),
                char => text.push(char),
            }
        }
        Err(self.wrong("a text in quotes"))
    }

    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(after) = rest.strip_prefix(word) else {
            return false;
        };
        if after.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_') {
            return false;
        }
        self.rest = after;
        true
    }

    fn sign(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), ApiError> {
        match self.sign(sign) {
            true => Ok(()),
            false => Err(self.wrong(&format!("{sign:?}"))),
        }
    }

    fn wrong(&self, expected: &str) -> ApiError {
        let rest = postern_core::image::shortened(self.rest.trim_start());
        ApiError::invalid(format!(
            "the filter is not understood: {expected} is expected before {rest:?}"
        ))
    }
}

fn one_or(mut filters: Vec<Filter>, many: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    match filters.pop() {
        Some(only) if filters.is_empty() => only,
        Some(last) => {
            filters.push(last);
            many(filters)
        }
        None => Filter::Everything,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const DIGEST: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    #[rstest]
    #[case("", true)]
    #[case(r#"kind = "ATTESTATION""#, true)]
    #[case(r#"kind="BUILD""#, false)]
    #[case(r#"has_suffix(resourceUrl, "sha256:2222222222222222222222222222222222222222222222222222222222222222")"#, true)]
    #[case(r#"has_prefix(resource_url,"https://eu.example.com/")"#, true)]
    #[case(r#"has_prefix(resource_url,"eu.example.com/")"#, false)]
    #[case(
        r#"((kind = "BUILD") OR (kind = "ATTESTATION")) AND ((noteId = "ci"))"#,
        true
    )]
    #[case(
        r#"kind = "BUILD" OR kind = "ATTESTATION" AND noteProjectId = "other""#,
        false
    )]
    #[case(r#"noteId="ci" AND noteProjectId="demo-mart""#, true)]
    #[case(r#"noteId = "c\i""#, true)]
    fn what_clients_ask_for(#[case] filter: &str, #[case] matches: bool) {
        let occurrence = json!({
            "kind": "ATTESTATION",
            "noteName": "projects/demo-mart/notes/ci",
            "resourceUri": format!("https://eu.example.com/app@{DIGEST}"),
        });
        let filter = Filter::parse(filter).unwrap();
        assert_eq!(filter.matches(&occurrence), matches, "{filter:?}");
    }

    #[rstest]
    #[case(r#"kind = BUILD"#)]
    #[case(r#"kind = "BUILD"#)]
    #[case(r#"severity = "HIGH""#)]
    #[case(r#"kind = "BUILD" ORkind = "X""#)]
    #[case(r#"kind = "BUILD")"#)]
    #[case(r#"has_suffix(resourceUrl "x")"#)]
    #[case("AND")]
    fn what_is_no_filter_is_refused(#[case] filter: &str) {
        assert!(Filter::parse(filter).is_err());
    }

    #[test]
    fn neither_length_nor_depth_is_without_bound() {
        let deep = format!("{}kind=\"X\"{}", "(".repeat(33), ")".repeat(33));
        assert!(Filter::parse(&deep).is_err());
        let long = format!("kind=\"{}\"", "X".repeat(LONGEST));
        assert!(Filter::parse(&long).is_err());
    }
}
