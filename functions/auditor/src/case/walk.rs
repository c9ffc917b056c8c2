//! One step of one person.

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState, CaseStep, ClosedAs};
use postern_core::finding::Severity;
use postern_host::config::Right;

use super::actor::has_known_people;
use super::justification::justification;
use super::rules::is_bypass;
use super::{Actor, Refusal, Rules, Verified};

/// Characters of a comment that are kept.
const COMMENT_LIMIT: usize = 4096;
/// Characters of a ticket that are kept.
const TICKET_LIMIT: usize = 200;

/// What someone wants to do with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What: [`CaseAction::Acknowledged`], `Justified`, `Closed` or `Reopened`.
    pub action: CaseAction,
    /// In their words; for a justification, the justification.
    pub comment: Option<String>,
    /// The ticket, where it is not in the words.
    pub ticket: Option<String>,
    /// Until when an exception is to stand, when closing.
    pub exception_until: Option<Timestamp>,
}

/// What is known of the world besides the case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// What was read for closing.
    pub verified: Verified,
    /// Another case that the same text justifies.
    pub justified_elsewhere: Option<String>,
}

/// Takes a step, or says why not. The new case is one revision on, with the step in its history.
///
/// What was read for closing is looked at only where [`needs_verification`] says so, and after
/// everything else.
///
/// # Errors
/// With the first rule that the step breaks; those about the person come first.
pub fn walk(
    case: &Case,
    step: &Step,
    actor: &Actor,
    now: Timestamp,
    rules: &Rules,
    known: &Known,
) -> Result<Case, Refusal> {
    bounded(step)?;
    let mut next = case.clone();
    let note = match step.action {
        CaseAction::Acknowledged => acknowledge(&mut next, step, actor)?,
        CaseAction::Justified => justify(&mut next, step, actor, rules, known)?,
        CaseAction::Reopened => reopen(&mut next, step, actor)?,
        _ => close(&mut next, step, actor, now, rules, &known.verified)?,
    };
    // Who is in the chain does not stop the clock by it: somebody else has to look.
    let own = actor.is_in(case) && step.action != CaseAction::Reopened;
    next.due_at = match next.state {
        CaseState::Closed => None,
        _ if own => case.due_at,
        _ => rules.due(next.severity, now),
    };
    next.revision += 1;
    next.add_step(CaseStep {
        at: now,
        by: actor.name.clone(),
        action: step.action,
        comment: note,
    });
    Ok(next)
}

/// Whether closing takes a look at the world: at evidence, and at what runs.
pub fn needs_verification(case: &Case, step: &Step) -> bool {
    step.action == CaseAction::Closed
        && is_bypass(case.category)
        && case.drill.is_none()
        && step.exception_until.is_none()
}

fn acknowledge(case: &mut Case, step: &Step, actor: &Actor) -> Result<Option<String>, Refusal> {
    responder(actor)?;
    not_own(case, actor)?;
    no_exception(step)?;
    if case.state != CaseState::Open {
        return Err(wrong_state(case, "only an open case is acknowledged"));
    }
    case.state = CaseState::Acknowledged;
    Ok(said(step))
}

fn justify(
    case: &mut Case,
    step: &Step,
    actor: &Actor,
    rules: &Rules,
    known: &Known,
) -> Result<Option<String>, Refusal> {
    responder(actor)?;
    no_exception(step)?;
    match case.state {
        CaseState::Acknowledged | CaseState::Justified => {}
        CaseState::Open => return Err(wrong_state(case, "acknowledge it first")),
        CaseState::Closed => return Err(wrong_state(case, "reopen it first")),
    }
    let text = step.comment.as_deref().unwrap_or_default();
    let justified = justification(text, step.ticket.as_deref(), rules)?;
    if let Some(other) = known
        .justified_elsewhere
        .clone()
        .filter(|_| !rules.allow_repeats)
    {
        return Err(Refusal::JustificationRepeated { case: other });
    }
    case.state = CaseState::Justified;
    case.justification = Some(justified.text.clone());
    case.ticket = justified.ticket;
    Ok(Some(justified.text))
}

fn reopen(case: &mut Case, step: &Step, actor: &Actor) -> Result<Option<String>, Refusal> {
    responder(actor)?;
    no_exception(step)?;
    if case.state != CaseState::Closed {
        return Err(wrong_state(case, "only a closed case is reopened"));
    }
    let comment = said(step).ok_or(Refusal::CommentMissing)?;
    opened_again(case);
    Ok(Some(comment))
}

/// Back to the start; what was said stays.
pub(super) fn opened_again(case: &mut Case) {
    case.state = CaseState::Open;
    case.closed_as = None;
    case.exception_until = None;
}

fn close(
    case: &mut Case,
    step: &Step,
    actor: &Actor,
    now: Timestamp,
    rules: &Rules,
    verified: &Verified,
) -> Result<Option<String>, Refusal> {
    responder(actor)?;
    not_own(case, actor)?;
    let exception = step.exception_until;
    let anybody = is_bypass(case.category) && !has_known_people(case);
    if anybody || rules.needs_two(case) || exception.is_some() || case.drill.is_some() {
        second_person(case, actor)?;
    }
    if anybody {
        another_who_looked(case, actor)?;
    }
    closable(case)?;
    let comment = said(step).ok_or(Refusal::CommentMissing)?;
    let (closed_as, note) = match (exception, verified) {
        (Some(until), _) => {
            within(until, now, rules)?;
            (ClosedAs::Exception, None)
        }
        _ if !needs_verification(case, step) => (ClosedAs::Resolved, None),
        (None, Verified::Attested { unknown_signer }) => {
            if *unknown_signer {
                second_person(case, actor)?;
            }
            let note =
                unknown_signer.then(|| "it is not known who had the image signed".to_owned());
            (ClosedAs::Attested, note)
        }
        (None, Verified::Replaced { by }) => (
            ClosedAs::Replaced,
            Some(format!("replaced by {}", by.join(", "))),
        ),
        (None, Verified::Neither { why }) => {
            return Err(Refusal::NotAttestedOrReplaced { why: why.clone() });
        }
    };
    case.state = CaseState::Closed;
    case.closed_as = Some(closed_as);
    case.exception_until = exception;
    Ok(Some(match note {
        Some(note) => format!("{comment} ({note})"),
        None => comment,
    }))
}

/// What is bad, or may still run, is closed only after somebody said why it was right.
fn closable(case: &Case) -> Result<(), Refusal> {
    let justify =
        case.drill.is_none() && (is_bypass(case.category) || case.severity >= Severity::High);
    match case.state {
        CaseState::Closed => Err(wrong_state(case, "it is closed already")),
        CaseState::Justified => Ok(()),
        _ if !justify => Ok(()),
        CaseState::Open => Err(wrong_state(case, "acknowledge it, and have it justified")),
        CaseState::Acknowledged => Err(wrong_state(case, "have it justified first")),
    }
}

fn within(until: Timestamp, now: Timestamp, rules: &Rules) -> Result<(), Refusal> {
    if until <= now {
        return Err(Refusal::ExceptionInThePast);
    }
    let latest = now
        .checked_add(rules.max_exception)
        .unwrap_or(Timestamp::MAX);
    match until <= latest {
        true => Ok(()),
        false => Err(Refusal::ExceptionTooLong { latest }),
    }
}

fn responder(actor: &Actor) -> Result<(), Refusal> {
    match actor.may(Right::Respond) || actor.may(Right::Approve) {
        true => Ok(()),
        false => Err(missing(actor, "respond")),
    }
}

fn not_own(case: &Case, actor: &Actor) -> Result<(), Refusal> {
    match actor.is_in(case) {
        false => Ok(()),
        true => Err(Refusal::OwnCase {
            by: actor.name.clone(),
        }),
    }
}

fn second_person(case: &Case, actor: &Actor) -> Result<(), Refusal> {
    let none = |why| {
        let by = actor.name.clone();
        Err(Refusal::NotASecondPerson { by, why })
    };
    if !actor.second_person {
        return none("has no identity that somebody else vouches for");
    }
    if !actor.may(Right::Approve) {
        return Err(missing(actor, "approve"));
    }
    if actor.may_have_justified(case) {
        return none("may be the one who justified it");
    }
    Ok(())
}

/// Where nobody knows who did it, it may have been anybody, the closer too: then somebody else must
/// have looked.
fn another_who_looked(case: &Case, actor: &Actor) -> Result<(), Refusal> {
    match actor.has_another_who_acknowledged(case) {
        true => Ok(()),
        false => Err(Refusal::NotASecondPerson {
            by: actor.name.clone(),
            why: "may have done it: nobody knows who did, and nobody else acknowledged it",
        }),
    }
}

pub(super) fn missing(actor: &Actor, right: &'static str) -> Refusal {
    let by = actor.name.clone();
    Refusal::RightMissing { by, right }
}

fn no_exception(step: &Step) -> Result<(), Refusal> {
    match step.exception_until {
        None => Ok(()),
        Some(_) => Err(Refusal::ExceptionNotHere),
    }
}

fn bounded(step: &Step) -> Result<(), Refusal> {
    let texts = [
        ("comment", &step.comment, COMMENT_LIMIT),
        ("ticket", &step.ticket, TICKET_LIMIT),
    ];
    for (what, text, limit) in texts {
        if text
            .as_ref()
            .is_some_and(|text| text.chars().nth(limit).is_some())
        {
            return Err(Refusal::TextTooLong { what, limit });
        }
    }
    Ok(())
}

fn said(step: &Step) -> Option<String> {
    let comment = step.comment.as_deref().map(str::trim)?;
    (!comment.is_empty()).then(|| comment.to_owned())
}

const fn wrong_state(case: &Case, first: &'static str) -> Refusal {
    Refusal::WrongState {
        state: case.state,
        first,
    }
}

#[cfg(test)]
mod tests;
