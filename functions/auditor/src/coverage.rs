//! Which detections are blind, and why.
//!
//! Every positive sample of a detection is asked: would it be logged, would it be routed to us? A
//! detection is covered only if all of its samples are; what cannot be told is said as such.

mod answer;
mod audit_log;
mod aws;
pub mod filter;
mod google;
pub mod live;
mod pattern;
pub mod plan;
mod sink;
mod tree;
mod workload;

use std::collections::BTreeSet;

use postern_core::finding::{Category, Severity};
use serde::Serialize;
use serde_json::Value;

use self::plan::Plan;
use crate::detection::{Detection, SampleError};

/// What is known about one detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The detection's id.
    pub detection: String,
    /// What it is called.
    pub title: String,
    /// Its severity.
    pub severity: Severity,
    /// Its category.
    pub category: Category,
    /// The worst of its gaps.
    pub state: State,
    /// What is in its way; empty if it is covered.
    pub gaps: Vec<Gap>,
}

/// Whether a detection would see what it is made for. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Every sample would reach us.
    Covered,
    /// Something could not be read.
    CannotTell,
    /// A sample would not reach us.
    Blind,
}

/// Something in the way of a detection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// Whether it is certain.
    pub state: State,
    /// What is in the way.
    pub why: String,
    /// What mends it: a piece of Terraform, or a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The samples that it concerns.
    pub samples: BTreeSet<String>,
}

/// What is not in the plan.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Topics that we read, `projects/P/topics/T`. Empty: those with a subscription in the plan.
    pub topics: BTreeSet<String>,
    /// Projects that must be covered, besides those in the plan.
    pub projects: BTreeSet<String>,
}

/// Everything that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One per detection, in the order of the catalogue.
    pub detections: Vec<Coverage>,
    /// Detections about a cloud, or a level above projects, of which nothing is there to judge by.
    #[serde(rename = "notJudged")]
    pub not_judged: Vec<String>,
}

impl Report {
    /// The worst state of all; `None` if nothing was judged.
    pub fn worst(&self) -> Option<State> {
        self.detections.iter().map(|coverage| coverage.state).max()
    }
}

impl Gap {
    fn blind(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            state: State::Blind,
            why: why.into(),
            remedy: Some(remedy.into()),
            samples: BTreeSet::new(),
        }
    }

    fn cannot_tell(why: impl Into<String>) -> Self {
        Self {
            state: State::CannotTell,
            why: why.into(),
            remedy: None,
            samples: BTreeSet::new(),
        }
    }
}

/// Judges every detection that reads entries.
///
/// # Errors
/// If a sample stands for no entry.
pub fn judge<'a>(
    detections: impl IntoIterator<Item = &'a Detection>,
    plan: &Plan,
    known: &Known,
) -> Result<Report, SampleError> {
    let google = google::Setup::of(plan, known);
    let aws = aws::Setup::of(plan);
    let mut report = Report {
        detections: Vec::new(),
        not_judged: Vec::new(),
    };
    for detection in detections {
        // What the program finds by itself needs no log.
        if detection.own().is_some() {
            continue;
        }
        let mut gaps: Vec<Gap> = Vec::new();
        let mut judged = false;
        for (sample, bytes) in detection.samples.bytes()? {
            let Some(entry) = serde_json::from_slice(&bytes).ok().filter(|_| sample.fires) else {
                continue;
            };
            let found = match (&google, &aws) {
                (Some(google), _) if is_log_entry(&entry) => {
                    google.gaps(&entry, detection.category)
                }
                (_, Some(aws)) if is_record(&entry) => Some(aws.gaps(&entry)),
                _ => None,
            };
            judged |= found.is_some();
            for gap in found.into_iter().flatten() {
                add(&mut gaps, gap, &sample.name);
            }
        }
        // Its cloud is not there, or nothing that could make one of its entries.
        if !judged {
            report.not_judged.push(detection.id.clone());
            continue;
        }
        gaps.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.why.cmp(&b.why)));
        report.detections.push(Coverage {
            detection: detection.id.clone(),
            title: detection.title.clone(),
            severity: detection.severity,
            category: detection.category,
            state: gaps
                .iter()
                .map(|gap| gap.state)
                .max()
                .unwrap_or(State::Covered),
            gaps,
        });
    }
    Ok(report)
}

/// Samples with the same thing in their way are told together.
fn add(gaps: &mut Vec<Gap>, mut gap: Gap, sample: &str) {
    let known = gaps
        .iter_mut()
        .find(|known| known.state == gap.state && known.why == gap.why);
    match known {
        Some(known) => {
            known.samples.insert(sample.to_owned());
        }
        None => {
            gap.samples.insert(sample.to_owned());
            gaps.push(gap);
        }
    }
}

fn is_log_entry(entry: &Value) -> bool {
    entry["logName"].is_string()
}

fn is_record(entry: &Value) -> bool {
    entry["eventSource"].is_string() && entry["eventName"].is_string()
}

#[cfg(test)]
mod tests;
