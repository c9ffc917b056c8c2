//! Policies and attestors as files: YAML and JSON as `gcloud` exports them.
//!
//! YAML goes through `serde-saphyr`, whose budget refuses alias bombs; text that starts with `{` or
//! `[` goes through `serde_json`, whose errors are exact for JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter as _};

use super::document::looks_like_json;
use super::{AdmissionRule, EvaluationMode, Policy};
use crate::attestor::{Attestor, AttestorName, UserOwnedGrafeasNote};
use crate::decision::EnforcementMode;

/// The largest policy, attestor or table file that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// How many aliases a file may replay: what a person writes, not what a bomb needs.
const MAX_ALIAS_EVENTS: usize = 10_000;
/// The longest message that quotes a file, in characters.
const MAX_MESSAGE: usize = 300;

impl Policy {
    /// Reads a policy as `gcloud container binauthz policy export` writes it, YAML or JSON.
    ///
    /// Unknown fields, repeated keys and rules whose mode contradicts their attestors are errors.
    /// What is well-formed but unwise is [`super::lint()`]'s business.
    ///
    /// # Errors
    /// With line, column and a fix.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        one(text)
    }
}

/// Reads attestors: one resource, several YAML documents, a list, or the reply of
/// `attestors.list` (`{"attestors": […]}`).
///
/// # Errors
/// With line, column and a fix; a list that says it goes on (`nextPageToken`) is refused.
pub fn parse_attestors(text: &str) -> Result<Vec<Attestor>, PolicyError> {
    check_size(text)?;
    let parts: Vec<AttestorFile> = if looks_like_json(text) {
        vec![serde_json::from_str(text).map_err(|error| PolicyError::json(&error))?]
    } else {
        serde_saphyr::from_str_multiple_with_options(text, options())
            .map_err(|error| PolicyError::yaml(&error))?
    };
    Ok(parts
        .into_iter()
        .flat_map(|AttestorFile(attestors)| attestors)
        .collect())
}

/// Reads exactly one document.
pub(super) fn one<T: DeserializeOwned>(text: &str) -> Result<T, PolicyError> {
    check_size(text)?;
    if looks_like_json(text) {
        serde_json::from_str(text).map_err(|error| PolicyError::json(&error))
    } else {
        serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| PolicyError::yaml(&error))
    }
}

/// Where in a file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is no policy, no attestors, no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// More than [`MAX_BYTES`].
    #[error("the file has {0} bytes; at most {MAX_BYTES} are read")]
    TooLarge(usize),
    /// Nothing but space and comments.
    #[error("the file is empty; `gcloud container binauthz policy export` writes a policy")]
    Empty,
    /// Something in it is wrong.
    #[error("{at}: {message}{}", after_semicolon(fix.as_deref()))]
    Malformed {
        /// Where.
        at: Position,
        /// What.
        message: String,
        /// What to write instead.
        fix: Option<String>,
    },
}

impl PolicyError {
    /// Where the mistake is, if it has a place.
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Malformed { at, .. } => Some(*at),
            Self::TooLarge(_) | Self::Empty => None,
        }
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let message = text
            .rfind(" at line ")
            .map_or(text.as_str(), |end| &text[..end]);
        Self::malformed(error.line() as u64, error.column() as u64, message)
    }

    fn yaml(error: &serde_saphyr::Error) -> Self {
        use serde_saphyr::Error;
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line(), at.column()));
        let one_of = |expected: &[&str]| format!(", expected one of {}", quoted(expected));
        let message = match error.without_snippet() {
            Error::SerdeUnknownField {
                field, expected, ..
            } => {
                format!("unknown field `{field}`{}", one_of(expected))
            }
            Error::SerdeUnknownVariant {
                variant, expected, ..
            } => {
                format!("unknown variant `{variant}`{}", one_of(expected))
            }
            Error::DuplicateMappingKey { key, .. } => {
                let key = crate::image::shortened(key.as_deref().unwrap_or_default());
                format!("the key {key:?} is there twice")
            }
            Error::MultipleDocuments { .. } => "a second document; one is expected".to_owned(),
            other => DefaultMessageFormatter.format_message(other).into_owned(),
        };
        Self::malformed(line, column, &message)
    }

    pub(super) fn malformed(line: u64, column: u64, message: &str) -> Self {
        let (message, fix) = with_fix(message);
        let at = Position {
            line: line.max(1),
            column: column.max(1),
        };
        Self::Malformed { at, message, fix }
    }
}

fn after_semicolon(fix: Option<&str>) -> String {
    fix.map(|fix| format!("; {fix}")).unwrap_or_default()
}

pub(super) fn check_size(text: &str) -> Result<(), PolicyError> {
    if text.len() > MAX_BYTES {
        return Err(PolicyError::TooLarge(text.len()));
    }
    let blank = |line: &str| {
        let line = line.trim();
        line.is_empty() || line == "---" || line.starts_with('#')
    };
    if text.trim_start_matches('\u{feff}').lines().all(blank) {
        return Err(PolicyError::Empty);
    }
    Ok(())
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIAS_EVENTS,
        },
    }
}

/// Splits serde's "unknown field `a`, expected one of `b`, `c`" into what is wrong and a
/// suggestion; other messages stay as they are.
fn with_fix(message: &str) -> (String, Option<String>) {
    let known = ["unknown field", "unknown variant"];
    let Some((what, expected)) = message.split_once(", expected ") else {
        return (clipped(message), None);
    };
    if !known.iter().any(|start| what.starts_with(start)) {
        return (clipped(message), None);
    }
    let words: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let written = what.split('`').nth(1).unwrap_or_default();
    (clipped(what), Some(suggestion(written, &words)))
}

/// What to write instead of an unknown word.
pub(super) fn suggestion(written: &str, known: &[&str]) -> String {
    let written: String = written.chars().take(80).collect();
    let nearest = known
        .iter()
        .map(|word| {
            (
                distance(&written.to_ascii_lowercase(), &word.to_ascii_lowercase()),
                word,
            )
        })
        .min();
    match nearest {
        Some((far, word)) if far <= word.len() / 3 => format!("did you mean `{word}`?"),
        _ if known.len() == 1 => format!("write {}", quoted(known)),
        _ => format!("write one of {}", quoted(known)),
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn clipped(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The fields of a rule before they are known to agree with each other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RuleFields {
    evaluation_mode: EvaluationMode,
    enforcement_mode: EnforcementMode,
    #[serde(default)]
    require_attestations_by: Vec<AttestorName>,
}

impl TryFrom<RuleFields> for AdmissionRule {
    type Error = String;

    fn try_from(fields: RuleFields) -> Result<Self, Self::Error> {
        let required = fields.evaluation_mode == EvaluationMode::RequireAttestation;
        match (required, fields.require_attestations_by.is_empty()) {
            (true, true) => Err(
                "REQUIRE_ATTESTATION without attestors: list them in requireAttestationsBy".into(),
            ),
            (false, false) => Err(format!(
                "requireAttestationsBy has no effect with {}: write evaluationMode: \
                 REQUIRE_ATTESTATION, or remove the list",
                fields.evaluation_mode
            )),
            _ => Ok(Self {
                evaluation_mode: fields.evaluation_mode,
                enforcement_mode: fields.enforcement_mode,
                require_attestations_by: fields.require_attestations_by,
            }),
        }
    }
}

/// Reads a map in which a repeated key is an error. `serde_json` would keep the last and say
/// nothing, and which of two rules holds must not be left to the parser.
pub(super) fn each_key_once<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(EachKeyOnce(PhantomData))
}

struct EachKeyOnce<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for EachKeyOnce<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of rules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let key = crate::image::shortened(&key);
                return Err(A::Error::custom(format!("the key {key:?} is there twice")));
            }
            map.insert(key, entries.next_value()?);
        }
        Ok(map)
    }
}

/// One document of an attestor file, in any of its shapes.
struct AttestorFile(Vec<Attestor>);

impl<'de> Deserialize<'de> for AttestorFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttestorShapes)
    }
}

struct AttestorShapes;

impl<'de> Visitor<'de> for AttestorShapes {
    type Value = AttestorFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attestor, a list of attestors or {\"attestors\": […]}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut attestors = Vec::new();
        while let Some(attestor) = items.next_element()? {
            attestors.push(attestor);
        }
        Ok(AttestorFile(attestors))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        let fields =
            EitherShape::deserialize(serde::de::value::MapAccessDeserializer::new(entries))?;
        fields
            .attestors()
            .map(AttestorFile)
            .map_err(A::Error::custom)
    }
}

/// The fields of an attestor and those of `attestors.list`'s reply.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EitherShape {
    attestors: Option<Vec<Attestor>>,
    next_page_token: Option<String>,
    name: Option<AttestorName>,
    description: Option<String>,
    user_owned_grafeas_note: Option<UserOwnedGrafeasNote>,
    etag: Option<String>,
    update_time: Option<jiff::Timestamp>,
}

impl EitherShape {
    fn attestors(self) -> Result<Vec<Attestor>, &'static str> {
        if self.next_page_token.is_some_and(|token| !token.is_empty()) {
            return Err("this is one page of several (nextPageToken): export them all");
        }
        match (self.attestors, self.name, self.user_owned_grafeas_note) {
            (Some(attestors), None, None) => Ok(attestors),
            (None, Some(name), Some(user_owned_grafeas_note)) => Ok(vec![Attestor {
                name,
                description: self.description,
                user_owned_grafeas_note,
                etag: self.etag,
                update_time: self.update_time,
            }]),
            (None, None, _) => Err("missing field `name`: projects/PROJECT/attestors/ID"),
            (None, Some(_), None) => Err("missing field `userOwnedGrafeasNote`"),
            (Some(_), _, _) => Err("either `attestors` or the fields of one attestor, not both"),
        }
    }
}

#[cfg(test)]
mod tests;
