//! How bad it is: the stated severity, and what changes it.
//!
//! What lowers a severity is the outcome that the platform states, who made the call, and on what. No
//! text that an actor is free to choose does.

use postern_core::finding::Severity;
use serde::Deserialize;

use super::DetectionError;
use super::condition::{Condition, RawCondition, Scene, compile_all};
use super::field::refused;

/// The severities of a detection.
#[derive(Debug, Clone)]
pub(super) struct Severities {
    /// Where nothing else is said.
    pub(super) base: Severity,
    /// Of an attempt that was refused.
    pub(super) failed: Option<Severity>,
    /// The first that holds is taken.
    pub(super) when: Vec<When>,
    /// Each that holds is one step up.
    pub(super) louder: Vec<Vec<Condition>>,
}

/// A severity under conditions.
#[derive(Debug, Clone)]
pub(super) struct When {
    pub(super) conditions: Vec<Condition>,
    pub(super) severity: Severity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhen {
    when: Vec<RawCondition>,
    severity: Severity,
}

impl Severities {
    pub(super) fn compile(
        base: Severity,
        failed: Option<Severity>,
        when: Vec<RawWhen>,
        louder: Vec<Vec<RawCondition>>,
    ) -> Result<Self, DetectionError> {
        let compiled = |raw: RawWhen| {
            Ok(When {
                conditions: compile_all(raw.when)?,
                severity: raw.severity,
            })
        };
        let severities = Self {
            base,
            failed,
            when: when
                .into_iter()
                .map(compiled)
                .collect::<Result<_, DetectionError>>()?,
            louder: louder
                .into_iter()
                .map(compile_all)
                .collect::<Result<_, _>>()?,
        };
        severities.guard()?;
        Ok(severities)
    }

    /// An entry that is below what would hold without it must not depend on an actor's text.
    fn guard(&self) -> Result<(), DetectionError> {
        for (place, when) in self.when.iter().enumerate() {
            let later = self.when[place + 1..].iter().map(|later| later.severity);
            let otherwise = later.fold(self.base, Severity::max);
            let text = when.conditions.iter().find_map(Condition::actors_text);
            if let Some(field) = text.filter(|_| when.severity < otherwise) {
                return Err(DetectionError::Lowered(field.to_string()));
            }
        }
        Ok(())
    }

    /// The severity of this.
    pub(super) fn of(&self, scene: Scene<'_>) -> Severity {
        if let Some(failed) = self.failed_of(scene) {
            return failed;
        }
        let holds = |conditions: &[Condition]| conditions.iter().all(|c| c.holds(scene));
        let first = self.when.iter().find(|when| holds(&when.conditions));
        let stated = first.map_or(self.base, |when| when.severity);
        let louder = self.louder.iter().filter(|conditions| holds(conditions));
        louder.fold(stated, |severity, _| severity.one_up())
    }

    /// The severity as a refused attempt; `None` where it is none, or where that makes no difference.
    pub(super) fn failed_of(&self, scene: Scene<'_>) -> Option<Severity> {
        self.failed.filter(|_| refused(scene.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(when: &str) -> Result<Severities, DetectionError> {
        let when = serde_saphyr::from_str(when).unwrap();
        Severities::compile(Severity::High, None, when, Vec::new())
    }

    #[rstest::rstest]
    #[case(
        "[{when: [{field: justification, contains: drill}], severity: LOW}]",
        "justification"
    )]
    #[case(
        "[{when: [{field: userAgent, contains: terraform}], severity: LOW}]",
        "userAgent"
    )]
    #[case("[{when: [{field: via, in: ci}], severity: LOW}]", "via")]
    #[case(
        "[{when: [{field: 'labels[\"a\"]', equals: b}], severity: LOW}]",
        "labels[\"a\"]"
    )]
    #[case(
        "[{when: [{any: [{not: {field: userAgent, equals: x}}]}], severity: LOW}]",
        "userAgent"
    )]
    #[case(
        "[{when: [{field: request.a.description, equals: b}], severity: LOW}]",
        "request.a.description"
    )]
    // As high as the base, but it would stand in the way of what is higher.
    #[case(
        "[{when: [{field: userAgent, equals: x}], severity: HIGH}, {when: [{configured: ci}], severity: CRITICAL}]",
        "userAgent"
    )]
    fn no_text_of_an_actor_lowers_a_severity(#[case] when: &str, #[case] field: &str) {
        let expected = DetectionError::Lowered(field.to_owned());
        assert_eq!(compile(when).unwrap_err(), expected);
    }

    #[rstest::rstest]
    #[case("[{when: [{field: userAgent, contains: curl}], severity: CRITICAL}]")]
    #[case("[{when: [{field: principal, in: operators}], severity: LOW}]")]
    #[case("[{when: [{not: {field: resource, in: keys}}], severity: LOW}]")]
    fn what_raises_it_may_look_at_anything(#[case] when: &str) {
        assert!(compile(when).is_ok());
    }
}
