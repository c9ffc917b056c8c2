//! The way that an evaluation went, step by step, for people.

use serde::Serialize;

use super::evaluate::{Seen, SystemPolicy, walk};
use super::{Demand, Place, Policy, Ruling};
use crate::image::ImageReference;
use crate::target::Target;

/// The steps to a rule, and the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// What was looked at, in order.
    pub steps: Vec<Step>,
    /// What it led to: the same as [`super::route`]'s answer.
    pub ruling: Ruling,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Where in the policy, such as `admissionWhitelistPatterns[2]`.
    pub place: String,
    /// What came of it.
    pub outcome: StepOutcome,
    /// What was compared, or why not.
    pub note: String,
}

/// What came of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StepOutcome {
    /// It holds; nothing after it is looked at.
    Matched,
    /// It was looked at and does not hold.
    NotMatched,
    /// It has no say here.
    Skipped,
}

/// Shows the way that [`super::route`] goes: which patterns and which keys were tried, which rule
/// holds and why.
pub fn explain(
    policy: &Policy,
    system: Option<&Policy>,
    target: &Target,
    image: &ImageReference,
) -> Explanation {
    let mut steps = Vec::new();
    let ruling = walk(policy, system, target, image, &mut |seen| {
        steps.push(step(seen))
    });
    Explanation { steps, ruling }
}

impl std::fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Matched => "matched",
            Self::NotMatched => "no match",
            Self::Skipped => "skipped",
        })
    }
}

impl std::fmt::Display for Explanation {
    /// A line per step, and the rule.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = self
            .steps
            .iter()
            .map(|step| step.place.len())
            .max()
            .unwrap_or_default();
        for Step {
            place,
            outcome,
            note,
        } in &self.steps
        {
            writeln!(f, "{outcome:<9} {place:<width$}  {note}")?;
        }
        write!(f, "=> {}", self.ruling)
    }
}

impl std::fmt::Display for Ruling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            place,
            enforcement,
            demand,
        } = self;
        write!(f, "{place}: {demand}")?;
        match (demand, enforcement) {
            (Demand::Allowlisted(_) | Demand::AlwaysAllow, _) => Ok(()),
            (_, crate::decision::EnforcementMode::DryRun) => f.write_str(", dry run: only logged"),
            (_, crate::decision::EnforcementMode::Enforced) => f.write_str(", enforced"),
        }
    }
}

impl std::fmt::Display for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allowlisted(pattern) => write!(f, "exempt by {pattern}"),
            Self::AlwaysAllow => f.write_str("ALWAYS_ALLOW"),
            Self::AlwaysDeny => f.write_str("ALWAYS_DENY"),
            Self::RequireAttestation(attestors) => {
                f.write_str("REQUIRE_ATTESTATION by ")?;
                for (index, attestor) in attestors.iter().enumerate() {
                    write!(f, "{}{attestor}", if index == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
        }
    }
}

fn step(seen: Seen<'_>) -> Step {
    match seen {
        Seen::SystemPolicy(system) => system_step(&system),
        Seen::Pattern {
            index,
            text,
            matched,
        } => {
            let (outcome, note) = match matched {
                Ok(true) => (StepOutcome::Matched, text.to_owned()),
                Ok(false) => (StepOutcome::NotMatched, text.to_owned()),
                Err(error) => (StepOutcome::Skipped, format!("matches nothing: {error}")),
            };
            Step {
                place: Place::Pattern(index).to_string(),
                outcome,
                note,
            }
        }
        Seen::MapSkipped(scope, why) => Step {
            place: scope.field().to_owned(),
            outcome: StepOutcome::Skipped,
            note: why.to_owned(),
        },
        Seen::Key { scope, key, found } => {
            let outcome = if found {
                StepOutcome::Matched
            } else {
                StepOutcome::NotMatched
            };
            Step {
                place: scope.field().to_owned(),
                outcome,
                note: key.to_owned(),
            }
        }
        Seen::Default => Step {
            place: Place::Default.to_string(),
            outcome: StepOutcome::Matched,
            note: "no other rule holds".to_owned(),
        },
    }
}

fn system_step(seen: &SystemPolicy<'_>) -> Step {
    use StepOutcome::{Matched, NotMatched, Skipped};
    let (outcome, note) = match seen {
        SystemPolicy::NotGke => (Skipped, "it applies to GKE only".to_owned()),
        SystemPolicy::Off => (
            Skipped,
            "globalPolicyEvaluationMode is not ENABLE".to_owned(),
        ),
        SystemPolicy::Missing => (Skipped, "no system policy was given".to_owned()),
        SystemPolicy::NoMatch(count) => (NotMatched, format!("none of its {count} patterns")),
        SystemPolicy::Match(pattern) => (Matched, (*pattern).to_owned()),
    };
    Step {
        place: Place::SystemPolicy.to_string(),
        outcome,
        note,
    }
}
