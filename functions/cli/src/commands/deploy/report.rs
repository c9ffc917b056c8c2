//! What became of a deployment.

use std::fmt::Write as _;

use postern_core::decision::Decision;
use postern_core::reason::Verdict;
use postern_core::target::Target;
use serde::Serialize;

use crate::escape::terminal;
use crate::outcome::Exit;
use crate::render;

/// A deployment that came to an end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) target: Target,
    pub(super) outcome: Outcome,
    /// Whether there was no such resource before.
    pub(super) created: bool,
    /// The revision that came out, or the job.
    pub(super) revision: Option<String>,
    /// What it runs, as the platform says.
    pub(super) images: Vec<String>,
    /// What came out otherwise than it was judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) differences: Vec<String>,
    /// The command that gives it all traffic, where it has none.
    pub(super) forward: Option<String>,
    /// The command that goes back to what served before.
    pub(super) back: Option<String>,
    pub(super) decision: Decision,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Outcome {
    /// It may not be deployed, or whether it may is not known.
    Refused,
    /// What came out was not what was judged, and is deleted.
    Discarded,
    /// It is there, and gets no traffic.
    Staged,
    /// It is what runs now.
    Deployed,
}

impl Report {
    pub(super) fn exit(&self) -> Exit {
        match (self.outcome, self.decision.verdict) {
            (Outcome::Staged | Outcome::Deployed, _) => Exit::Done,
            (Outcome::Refused, Verdict::Undetermined) => Exit::Undetermined,
            (Outcome::Refused | Outcome::Discarded, _) => Exit::No,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = render::decision(&self.decision);
        let revision = terminal(self.revision.as_deref().unwrap_or_default());
        let line = match (self.outcome, self.created) {
            (Outcome::Refused, _) => "Nothing was deployed".to_owned(),
            (Outcome::Discarded, _) => {
                format!(
                    "{revision} did not come out as it was judged; it was deleted, and nothing else changed"
                )
            }
            (Outcome::Staged, _) => {
                format!("{revision} is there as it was judged, and gets no traffic")
            }
            (Outcome::Deployed, true) => format!(
                "{revision} was made, and runs; nothing served before it, so its traffic was not held back"
            ),
            (Outcome::Deployed, false) => format!("{revision} is what runs now"),
        };
        let _ = write!(text, "\n\n{line}");
        for image in &self.images {
            let _ = write!(text, "\n  {}", terminal(image));
        }
        for difference in &self.differences {
            let _ = write!(text, "\n  {}", terminal(difference));
        }
        if let Some(command) = &self.forward {
            let _ = write!(text, "\n\nGo on\n  {}", terminal(command));
        }
        if let Some(command) = &self.back {
            let _ = write!(text, "\n\nGo back\n  {}", terminal(command));
        }
        text
    }
}
