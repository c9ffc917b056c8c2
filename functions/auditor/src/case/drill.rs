//! Drills: uses of the emergency door for practice, declared beforehand.

use jiff::{SignedDuration, Timestamp};
use postern_core::case::{Case, Drill};
use postern_core::finding::{Category, Finding};
use postern_core::target::Target;
use postern_host::config::Right;
use serde::Deserialize;

use super::walk::missing;
use super::{Actor, Refusal};

/// A drill that lasts longer would be a hole.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Characters of a reason that are kept.
const REASON_LIMIT: usize = 1000;

/// What someone declares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrillRequest {
    /// Where.
    pub target: String,
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
    /// What is practised.
    pub reason: String,
}

/// Declares a drill, or says why not.
///
/// # Errors
/// If the actor may not, it is at no named target, or its time has passed or is too long.
pub fn declare(
    request: &DrillRequest,
    actor: &Actor,
    now: Timestamp,
    id: String,
) -> Result<Drill, Refusal> {
    if !actor.may(Right::Approve) {
        return Err(missing(actor, "approve"));
    }
    let target: Target = request.target.parse().map_err(|_| Refusal::DrillTarget)?;
    if matches!(target, Target::CloudRun { resource: None, .. }) {
        return Err(Refusal::DrillTarget);
    }
    if request.until <= request.from {
        return Err(Refusal::DrillTime("the drill ends before it starts"));
    }
    if request.until <= now {
        return Err(Refusal::DrillTime("the drill is over already"));
    }
    if request.until.duration_since(request.from) > LONGEST {
        return Err(Refusal::DrillTime("the drill is longer than 24 hours"));
    }
    let reason = request.reason.trim();
    if reason.is_empty() {
        return Err(Refusal::CommentMissing);
    }
    if reason.chars().nth(REASON_LIMIT).is_some() {
        return Err(Refusal::TextTooLong {
            what: "reason",
            limit: REASON_LIMIT,
        });
    }
    Ok(Drill {
        id,
        target: target.to_string(),
        from: request.from,
        until: request.until,
        reason: reason.to_owned(),
        declared_by: actor.name.clone(),
        declared_at: now,
    })
}

/// The drill that a finding was part of.
pub(crate) fn drill_of<'a>(finding: &Finding, drills: &'a [Drill]) -> Option<&'a Drill> {
    let target = finding.target.as_deref()?;
    let covers = |drill: &&Drill| drill.covers(target, finding.at);
    let is_use = finding.category == Category::BreakGlass;
    drills.iter().find(covers).filter(|_| is_use)
}

/// The drill that a case is still part of once a finding has joined it.
pub(crate) fn still_of(case: &Case, finding: &Finding, drills: &[Drill]) -> Option<String> {
    let drill = drill_of(finding, drills)?;
    case.drill.clone().filter(|id| *id == drill.id)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn request() -> DrillRequest {
        DrillRequest {
            target: "cloud-run:demo-mart/europe-west1/web".to_owned(),
            from: time("2026-03-03T05:00:00Z"),
            until: time("2026-03-03T06:00:00Z"),
            reason: "quarterly drill".to_owned(),
        }
    }

    #[rstest]
    #[case::no_target(|r: &mut DrillRequest| r.target = "web".to_owned(), "DRILL_TARGET")]
    #[case::any_service(|r: &mut DrillRequest| r.target = "cloud-run".to_owned(), "DRILL_TARGET")]
    #[case::backwards(|r: &mut DrillRequest| r.until = time("2026-03-03T05:00:00Z"), "DRILL_TIME")]
    #[case::over(|r: &mut DrillRequest| { r.from = time("2026-03-03T02:00:00Z"); r.until = time("2026-03-03T04:00:00Z"); }, "DRILL_TIME")]
    #[case::endless(|r: &mut DrillRequest| r.until = time("2026-03-04T05:00:01Z"), "DRILL_TIME")]
    #[case::without_reason(|r: &mut DrillRequest| r.reason = " ".to_owned(), "COMMENT_MISSING")]
    fn refused(#[case] change: fn(&mut DrillRequest), #[case] code: &str) {
        let mut request = request();
        change(&mut request);
        let actor = Actor::local("local:dana");
        let refusal = declare(
            &request,
            &actor,
            time("2026-03-03T04:30:00Z"),
            "d".to_owned(),
        );
        assert_eq!(refusal.unwrap_err().code(), code);
    }

    #[test]
    fn only_an_approver_declares_one() {
        let now = time("2026-03-03T04:30:00Z");
        let mut actor = Actor::local("local:dana");
        assert!(declare(&request(), &actor, now, "d".to_owned()).is_ok());
        actor.rights.remove(&Right::Approve);
        let refusal = declare(&request(), &actor, now, "d".to_owned()).unwrap_err();
        assert_eq!(refusal.code(), "RIGHT_MISSING");
    }
}
