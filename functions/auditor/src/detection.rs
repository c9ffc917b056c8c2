//! Detections as data: one YAML file each, embedded in the program and compiled at start.
//!
//! A file says what it recognises (`match`), what it means (`why`, `whatToDo`, `falsePositives`) and
//! proves itself on `samples`; `detections/README.md` describes the form. Nothing in a file can change
//! what outranks what: that is [`crate::classify`].

mod catalogue;
mod condition;
mod embedded;
mod field;
mod sample;
mod trial;

use std::collections::BTreeSet;

use postern_core::event::{AuditEvent, Stream};
use postern_core::finding::{Category, Severity};
use serde::Deserialize;

pub use self::catalogue::{Catalogue, CatalogueError};
pub use self::condition::ConditionError;
#[cfg(test)]
pub(crate) use self::sample::set;
pub use self::sample::{Sample, SampleError, Samples};
pub use self::trial::{Trial, trials};
use crate::detection::condition::{Condition, RawCondition, compile_all};
use crate::subject::Subject;

/// One detection.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Stable id, such as `gcp.cloud-run.break-glass`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How bad it is, at least.
    pub severity: Severity,
    /// What kind of thing it is.
    pub category: Category,
    /// MITRE ATT&CK technique ids.
    pub attack: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do when it fires.
    pub what_to_do: String,
    /// When it fires without anything being wrong.
    pub false_positives: Vec<String>,
    /// One sentence for people, with placeholders.
    pub summary: String,
    /// Entries that must, and must not, fire it.
    pub samples: Samples,
    matcher: Matcher,
    louder: Vec<Vec<Condition>>,
}

/// What the program itself finds, without an entry that a pattern could match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// A delivery that cannot be read.
    UnreadableEntry,
    /// The key of an entry that is known with other content.
    ReusedId,
    /// The gate let something through on break-glass.
    GateBreakGlass,
    /// The gate let something through that it could not decide.
    GateFailOpen,
    /// Something was put on the revocation list.
    Revoked,
    /// Something was taken off the revocation list.
    Unrevoked,
}

#[derive(Debug, Clone)]
enum Matcher {
    Own(Own),
    Entry(EntryMatcher),
}

#[derive(Debug, Clone)]
struct EntryMatcher {
    stream: Stream,
    service: String,
    resources: BTreeSet<String>,
    methods: Vec<String>,
    conditions: Vec<Condition>,
}

/// A file, as written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawDetection {
    id: String,
    title: String,
    severity: Severity,
    category: Category,
    attack: Vec<String>,
    why: String,
    what_to_do: String,
    false_positives: Vec<String>,
    summary: String,
    #[serde(rename = "match")]
    matches: RawMatch,
    #[serde(default)]
    louder: Vec<Vec<RawCondition>>,
    samples: Samples,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawMatch {
    own: Option<Own>,
    log: Option<Stream>,
    service: Option<String>,
    #[serde(default)]
    resource: BTreeSet<String>,
    #[serde(default)]
    method: Vec<String>,
    #[serde(default, rename = "where")]
    conditions: Vec<RawCondition>,
}

impl Detection {
    /// Compiles one file.
    ///
    /// # Errors
    /// If the YAML or a condition in it cannot be understood.
    pub fn parse(yaml: &str) -> Result<Self, DetectionError> {
        let raw: RawDetection =
            serde_saphyr::from_str(yaml).map_err(|e| DetectionError::Yaml(e.to_string()))?;
        Ok(Self {
            matcher: raw.matches.compile()?,
            louder: raw
                .louder
                .iter()
                .map(|c| compile_all(c))
                .collect::<Result<_, _>>()?,
            id: raw.id,
            title: raw.title,
            severity: raw.severity,
            category: raw.category,
            attack: raw.attack,
            why: raw.why,
            what_to_do: raw.what_to_do,
            false_positives: raw.false_positives,
            summary: raw.summary,
            samples: raw.samples,
        })
    }

    /// Which of the program's own findings this describes; `None` for one that reads entries.
    pub fn own(&self) -> Option<Own> {
        match &self.matcher {
            Matcher::Own(own) => Some(*own),
            Matcher::Entry(_) => None,
        }
    }

    /// Whether it fires on this event.
    pub fn fires(&self, event: &AuditEvent, subject: &Subject) -> bool {
        match &self.matcher {
            Matcher::Own(_) => false,
            Matcher::Entry(matcher) => matcher.fires(event, subject),
        }
    }

    /// The severity for this event: the stated one, and one step up for each `louder` that holds.
    /// Nothing lowers it.
    pub fn severity_of(&self, event: &AuditEvent, subject: &Subject) -> Severity {
        let holds =
            |conditions: &&Vec<Condition>| conditions.iter().all(|c| c.holds(event, subject));
        self.louder
            .iter()
            .filter(holds)
            .fold(self.severity, |severity, _| one_up(severity))
    }

    fn spine(&self) -> Option<(Stream, &str)> {
        match &self.matcher {
            Matcher::Own(_) => None,
            Matcher::Entry(matcher) => Some((matcher.stream, &matcher.service)),
        }
    }
}

impl EntryMatcher {
    fn fires(&self, event: &AuditEvent, subject: &Subject) -> bool {
        event.stream == self.stream
            && event.service == self.service
            && (self.resources.is_empty() || self.resources.contains(&event.resource_kind))
            && (self.methods.is_empty() || self.methods.iter().any(|m| ends_with(&event.method, m)))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(event, subject))
    }
}

impl RawMatch {
    fn compile(self) -> Result<Matcher, DetectionError> {
        match self {
            Self {
                own: Some(own),
                log: None,
                service: None,
                ..
            } if self.resource.is_empty()
                && self.method.is_empty()
                && self.conditions.is_empty() =>
            {
                Ok(Matcher::Own(own))
            }
            Self {
                own: None,
                log: Some(stream),
                service: Some(service),
                ..
            } => Ok(Matcher::Entry(EntryMatcher {
                stream,
                service,
                resources: self.resource,
                methods: self.method,
                conditions: compile_all(&self.conditions)?,
            })),
            _ => Err(DetectionError::Match),
        }
    }
}

/// Methods are matched from the end, at a dot or slash: long and short forms of one name occur.
fn ends_with(method: &str, suffix: &str) -> bool {
    method
        .strip_suffix(suffix)
        .is_some_and(|head| head.is_empty() || head.ends_with(['.', '/']))
}

/// One step worse.
pub(crate) const fn one_up(severity: Severity) -> Severity {
    severity.one_up()
}

/// Why a file is no detection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectionError {
    /// No YAML, or not of this form.
    #[error("{0}")]
    Yaml(String),
    /// Neither `own` alone nor at least `log` and `service`.
    #[error("`match` needs either `own` alone, or `log` and `service`")]
    Match,
    /// A condition that cannot be understood.
    #[error(transparent)]
    Condition(#[from] ConditionError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_match_at_a_boundary() {
        assert!(ends_with(
            "google.cloud.run.v2.Services.UpdateService",
            "Services.UpdateService"
        ));
        assert!(ends_with(
            "/Services.UpdateService",
            "Services.UpdateService"
        ));
        assert!(ends_with("UpdateService", "UpdateService"));
        assert!(!ends_with(
            "InternalServices.UpdateService",
            "Services.UpdateService"
        ));
    }

    #[test]
    fn a_match_without_a_log_is_refused() {
        let yaml =
            "{id: a, title: a, severity: LOW, category: DENIED, attack: [], why: a, whatToDo: a,
            falsePositives: [], summary: a, match: {service: x}, samples: []}";
        assert_eq!(Detection::parse(yaml).unwrap_err(), DetectionError::Match);
    }
}
