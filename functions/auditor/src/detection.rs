//! Detections as data: one YAML file each, embedded in the program and compiled at start.
//!
//! A file says what it recognises (`match`), what it means (`why`, `whatToDo`, `falsePositives`) and
//! proves itself on `samples`; `detections/README.md` describes the form. Nothing in a file can change
//! what outranks what: that is [`crate::classify`].

mod catalogue;
mod condition;
mod embedded;
pub mod export;
mod field;
mod folder;
mod index;
mod matcher;
mod method;
mod needles;
mod path;
mod sample;
mod schema;
mod severity;
mod shape;
mod trial;
mod trust;

use postern_core::finding::{Category, Severity};
use serde::Deserialize;

pub use self::catalogue::{Catalogue, CatalogueError, Mistake};
pub use self::condition::ConditionError;
pub(crate) use self::condition::Scene;
#[cfg(test)]
pub(crate) use self::sample::set;
pub use self::sample::{Sample, SampleError, Samples};
pub use self::schema::SCHEMA;
pub use self::trial::{Trial, never_firing, trials};
pub use self::trust::Trust;
use crate::classify::summary;
use crate::detection::condition::{RawCondition, all_of};
use crate::detection::matcher::{Matcher, RawMatch};
use crate::detection::severity::{RawWhen, Severities};
use crate::parse::Head;

/// One detection.
#[derive(Debug, Clone)]
pub struct Detection {
    /// Stable id, such as `gcp.cloud-run.break-glass`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How bad it is where nothing else is said.
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
    severities: Severities,
}

/// What the program itself finds, without an entry that a pattern could match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// A delivery that cannot be read.
    UnreadableEntry,
    /// The key of an entry that is known with other content.
    ReusedId,
    /// Entries that stand in the log at its source and never arrived.
    Gap,
    /// The gate let something through on break-glass.
    GateBreakGlass,
    /// The gate let something through that it could not decide.
    GateFailOpen,
    /// Something was put on the revocation list.
    Revoked,
    /// Something was taken off the revocation list.
    Unrevoked,
    /// The same justification opened the door of the same target again.
    StickyBreakGlass,
    /// A break-glass image that was not attested in time.
    NeverAttested,
    /// A break-glass image of which nobody could tell whether it was attested.
    NotVerified,
    /// The policy was weakened, something was deployed, and the policy was put back.
    OpenDeployClose,
    /// A deployment that no decision of the gate allowed.
    DeployedWithoutDecision,
    /// A deployment that the gate had denied.
    DeployedAfterDenial,
    /// Traffic to a revision that no decision allowed.
    TrafficToUnverified,
    /// A signature of a key of ours, without an attestation.
    UnreconciledSignature,
    /// Nothing came for too long.
    Silence,
    /// Parts of a split entry are missing.
    IncompleteEntry,
    /// A step of a case was not taken in time.
    CaseOverdue,
    /// The exception of a case has ended.
    ExceptionLapsed,
}

/// Where samples begin in a file.
const SAMPLES: &str = "\nsamples:\n";

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
    failed: Option<Severity>,
    #[serde(default)]
    severity_when: Vec<RawWhen>,
    #[serde(default)]
    louder: Vec<Vec<RawCondition>>,
    samples: Samples,
}

impl Detection {
    /// Compiles one file.
    ///
    /// # Errors
    /// If the YAML or something in it cannot be understood, or an actor's text could make it quiet.
    pub fn parse(yaml: &str) -> Result<Self, DetectionError> {
        let raw = serde_saphyr::from_str(yaml).map_err(|e| DetectionError::Yaml(e.to_string()))?;
        Self::compile(raw)
    }

    /// As [`parse`](Self::parse), of an embedded file, whose samples come last and are read later.
    fn embedded(yaml: &'static str) -> Result<Self, DetectionError> {
        let Some((rule, samples)) = yaml.split_once(SAMPLES) else {
            return Self::parse(yaml);
        };
        Ok(Self {
            samples: Samples::written(samples),
            ..Self::parse(&format!("{rule}{SAMPLES}  []\n"))?
        })
    }

    /// As [`parse`](Self::parse), of a file that was read before.
    #[cfg(test)]
    fn of(file: serde_json::Value) -> Result<Self, DetectionError> {
        let raw = serde_json::from_value(file).map_err(|e| DetectionError::Yaml(e.to_string()))?;
        Self::compile(raw)
    }

    fn compile(raw: RawDetection) -> Result<Self, DetectionError> {
        if let Some(place) = summary::unknown_placeholder(&raw.summary) {
            return Err(DetectionError::Placeholder(place.to_owned()));
        }
        Ok(Self {
            matcher: raw.matches.compile()?,
            severities: Severities::compile(
                raw.severity,
                raw.failed,
                raw.severity_when,
                raw.louder,
            )?,
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

    /// When its severity is another one, in words: one line each, in the order in which it is asked.
    pub fn severities_in_words(&self) -> Vec<(Option<Severity>, String)> {
        let Severities {
            failed,
            when,
            louder,
            ..
        } = &self.severities;
        let refused = failed.map(|failed| (Some(failed), "if the call was refused".to_owned()));
        let when = when.iter().map(|when| {
            let severity = Some(when.severity);
            (severity, format!("if {}", all_of(&when.conditions)))
        });
        let louder = louder
            .iter()
            .map(|conditions| (None, format!("if {}", all_of(conditions))));
        refused.into_iter().chain(when).chain(louder).collect()
    }

    /// Whether stream, service and method are such that it may fire.
    pub(crate) fn concerns(&self, head: &Head<'_>) -> bool {
        match &self.matcher {
            Matcher::Own(_) => false,
            Matcher::Entry(matcher) => matcher.concerns(head),
        }
    }

    /// Whether it may fire on an entry with these bytes, of which none hides behind an escape.
    pub(crate) fn may_fire_on(&self, bytes: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Own(_) => false,
            Matcher::Entry(matcher) => matcher.needles.may_be_in(bytes),
        }
    }

    /// Whether it fires on this.
    pub(crate) fn fires(&self, scene: Scene<'_>) -> bool {
        match &self.matcher {
            Matcher::Own(_) => false,
            Matcher::Entry(matcher) => matcher.fires(scene),
        }
    }

    /// The severity for this: of a refused attempt `failed`, else the first of `severityWhen` that
    /// holds or the stated one, and one step up for each of `louder` that holds.
    pub(crate) fn severity_of(&self, scene: Scene<'_>) -> Severity {
        self.severities.of(scene)
    }

    /// Whether this is told as an attempt that was refused.
    pub(crate) fn is_refused(&self, scene: Scene<'_>) -> bool {
        self.severities.failed_of(scene).is_some()
    }
}

/// Why a file is no detection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectionError {
    /// No YAML, or not of this form.
    #[error("{0}")]
    Yaml(String),
    /// Neither `own` alone nor `log` with something else.
    #[error(
        "`match` needs either `own` alone, or `log` with at least one of `service`, `resource`, \
         `method` and `where`"
    )]
    Match,
    /// A condition that cannot be understood.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// A placeholder that nothing fills.
    #[error("{{{0}}} is no placeholder of a summary; see detections/README.md")]
    Placeholder(String),
    /// What an actor writes would lower the severity.
    #[error(
        "`severityWhen` lowers the severity by {0}: no text that an actor controls lowers a severity; \
         decide by `principal`, `resource`, `outcome` or `configured`"
    )]
    Lowered(String),
    /// What an actor writes would make the detection quiet.
    #[error(
        "`where` does not hold because of {0}: no text that an actor controls makes a detection quiet; \
         decide by `principal`, `resource`, `outcome` or `configured`"
    )]
    Quieted(String),
}
