use jiff::SignedDuration;
use postern_core::finding::Category;
use postern_host::config::Right::{Approve, Respond, View};
use proptest::prelude::*;
use regex::Regex;
use rstest::rstest;

use super::*;
use crate::testing::{case, person};

fn now() -> Timestamp {
    "2026-03-03T09:00:00Z".parse().unwrap()
}

fn rules() -> Rules {
    Rules {
        ticket: Some(Regex::new("INC-[0-9]+").unwrap()),
        ..Rules::default()
    }
}

fn step(action: CaseAction) -> Step {
    Step {
        action,
        comment: Some("payments were down, INC-4711".to_owned()),
        ticket: None,
        exception_until: None,
    }
}

fn attested() -> Known {
    Known {
        verified: Verified::Attested {
            unknown_signer: false,
        },
        justified_elsewhere: None,
    }
}

fn responder() -> Actor {
    person("responder@example.com", &[Respond])
}

fn approver() -> Actor {
    person("approver@example.com", &[Respond, Approve])
}

fn culprit() -> Actor {
    person("Night-Duty@example.com", &[Respond, Approve])
}

fn of(case: &mut Case, name: &str) {
    case.actors = vec![name.to_owned()];
    case.findings[0].actor.principal = Some(name.to_owned());
}

fn of_nobody(case: &mut Case) {
    case.actors.clear();
    case.findings[0].actor.principal = None;
}

/// Everything in order, but for what each row changes.
#[rstest]
#[case::viewer_acknowledges(CaseState::Open, CaseAction::Acknowledged, person("x@example.com", &[View]), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "RIGHT_MISSING")]
#[case::own_acknowledged(CaseState::Open, CaseAction::Acknowledged, culprit(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "OWN_CASE")]
#[case::acknowledged_twice(CaseState::Acknowledged, CaseAction::Acknowledged, responder(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::justified_unseen(CaseState::Open, CaseAction::Justified, responder(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::justified_late(CaseState::Closed, CaseAction::Justified, responder(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::no_words(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = None, "JUSTIFICATION_TOO_SHORT")]
#[case::few_words(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = Some("INC-1".into()), "JUSTIFICATION_TOO_SHORT")]
#[case::no_ticket(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = Some("payments were down".into()), "TICKET_MISSING")]
#[case::repeated(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, _: &mut Step, k: &mut Known| k.justified_elsewhere = Some("other".into()), "JUSTIFICATION_REPEATED")]
#[case::endless(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = Some("INC-1 ".repeat(2000)), "TEXT_TOO_LONG")]
#[case::exception_elsewhere(CaseState::Acknowledged, CaseAction::Justified, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.exception_until = Some(now()), "EXCEPTION_NOT_HERE")]
#[case::own_closed(CaseState::Justified, CaseAction::Closed, culprit(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "OWN_CASE")]
#[case::via_closed(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| c.findings[0].actor.via.push("user:Approver@Example.com".into()), "OWN_CASE")]
#[case::closed_without_approve(CaseState::Justified, CaseAction::Closed, person("x@example.com", &[Respond]), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "RIGHT_MISSING")]
#[case::closed_by_the_justifier(CaseState::Justified, CaseAction::Closed, person("responder@example.com", &[Approve]), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "NOT_A_SECOND_PERSON")]
#[case::closed_locally(CaseState::Justified, CaseAction::Closed, Actor::local("local:dana"), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "NOT_A_SECOND_PERSON")]
#[case::closed_open(CaseState::Open, CaseAction::Closed, approver(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::closed_unjustified(CaseState::Acknowledged, CaseAction::Closed, approver(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::closed_twice(CaseState::Closed, CaseAction::Closed, approver(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::closed_silently(CaseState::Justified, CaseAction::Closed, approver(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = Some(" ".into()), "COMMENT_MISSING")]
#[case::nothing_verified(CaseState::Justified, CaseAction::Closed, approver(), |_: &mut Case, _: &mut Step, k: &mut Known| *k = Known::default(), "NOT_ATTESTED_OR_REPLACED")]
#[case::bypass_unverified(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, k: &mut Known| { c.category = Category::Bypass; *k = Known::default(); }, "NOT_ATTESTED_OR_REPLACED")]
#[case::low_fail_open_unverified(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, k: &mut Known| { c.category = Category::FailOpen; c.severity = Severity::Low; *k = Known::default(); }, "NOT_ATTESTED_OR_REPLACED")]
#[case::long_exception(CaseState::Justified, CaseAction::Closed, approver(), |_: &mut Case, s: &mut Step, _: &mut Known| s.exception_until = Some(now() + SignedDuration::from_hours(30 * 24 + 1)), "EXCEPTION_TOO_LONG")]
#[case::past_exception(CaseState::Justified, CaseAction::Closed, approver(), |_: &mut Case, s: &mut Step, _: &mut Known| s.exception_until = Some(now()), "EXCEPTION_IN_THE_PAST")]
#[case::exception_for_a_low_case(CaseState::Justified, CaseAction::Closed, person("x@example.com", &[Respond]), |c: &mut Case, s: &mut Step, _: &mut Known| { c.severity = Severity::Low; s.exception_until = Some(now() + SignedDuration::from_hours(1)); }, "RIGHT_MISSING")]
#[case::justified_by_nobody(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| c.history[2].by = "local:dana".into(), "NOT_A_SECOND_PERSON")]
#[case::justified_at_the_server(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| c.history[2].by = "local".into(), "NOT_A_SECOND_PERSON")]
#[case::nobody_known_and_taken_by_the_closer(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| { of_nobody(c); c.history[1].by = "approver@example.com".into(); }, "NOT_A_SECOND_PERSON")]
#[case::nobody_known_and_taken_by_nobody(CaseState::Justified, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| { of_nobody(c); c.history[1].by = "local:dana".into(); }, "NOT_A_SECOND_PERSON")]
#[case::nobody_known_and_low(CaseState::Justified, CaseAction::Closed, person("lee@example.com", &[Respond]), |c: &mut Case, _: &mut Step, _: &mut Known| { of_nobody(c); c.severity = Severity::Low; }, "RIGHT_MISSING")]
#[case::a_nobody_known_and_low(CaseState::Justified, CaseAction::Closed, person("lee@example.com", &[Respond]), |c: &mut Case, _: &mut Step, _: &mut Known| { of(c, "local:dana"); c.severity = Severity::Low; }, "RIGHT_MISSING")]
#[case::machines_known_and_low(CaseState::Justified, CaseAction::Closed, person("lee@example.com", &[Respond]), |c: &mut Case, _: &mut Step, _: &mut Known| { of(c, "system:serviceaccount:kube-system:job-controller"); c.severity = Severity::Low; }, "RIGHT_MISSING")]
#[case::drill_closed_alone(CaseState::Open, CaseAction::Closed, Actor::local("local:dana"), |c: &mut Case, _: &mut Step, _: &mut Known| { c.drill = Some("d".into()); c.severity = Severity::Low; }, "NOT_A_SECOND_PERSON")]
#[case::unknown_signer_of_a_low_case(CaseState::Justified, CaseAction::Closed, Actor::local("local:dana"), |c: &mut Case, _: &mut Step, k: &mut Known| { c.severity = Severity::Low; k.verified = Verified::Attested { unknown_signer: true }; }, "NOT_A_SECOND_PERSON")]
#[case::denied_and_high(CaseState::Acknowledged, CaseAction::Closed, approver(), |c: &mut Case, _: &mut Step, _: &mut Known| c.category = Category::Denied, "WRONG_STATE")]
#[case::reopened_open(CaseState::Open, CaseAction::Reopened, responder(), |_: &mut Case, _: &mut Step, _: &mut Known| {}, "WRONG_STATE")]
#[case::reopened_silently(CaseState::Closed, CaseAction::Reopened, responder(), |_: &mut Case, s: &mut Step, _: &mut Known| s.comment = None, "COMMENT_MISSING")]
fn refused(
    #[case] state: CaseState,
    #[case] action: CaseAction,
    #[case] actor: Actor,
    #[case] change: fn(&mut Case, &mut Step, &mut Known),
    #[case] code: &str,
) {
    let (mut case, mut step, mut known) = (case(state), step(action), attested());
    change(&mut case, &mut step, &mut known);
    let refusal = walk(&case, &step, &actor, now(), &rules(), &known).unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal}");
    assert!(!refusal.remedy().is_empty());
}

#[test]
fn a_case_walks_from_open_to_closed_and_back() {
    let take = |case: &Case, action, actor: &Actor, known: &Known| {
        walk(case, &step(action), actor, now(), &rules(), known).unwrap()
    };
    let open = case(CaseState::Open);
    let seen = take(
        &open,
        CaseAction::Acknowledged,
        &responder(),
        &Known::default(),
    );
    assert_eq!((seen.state, seen.revision), (CaseState::Acknowledged, 2));
    assert_eq!(seen.due_at, Some(now() + SignedDuration::from_hours(24)));
    // The one who did it may say why, and the clock goes on.
    let said = take(&seen, CaseAction::Justified, &culprit(), &Known::default());
    assert_eq!(
        (said.state, said.ticket.as_deref()),
        (CaseState::Justified, Some("INC-4711"))
    );
    assert_eq!(said.due_at, seen.due_at);
    let closed = take(&said, CaseAction::Closed, &approver(), &attested());
    assert_eq!(
        (closed.state, closed.closed_as, closed.due_at),
        (CaseState::Closed, Some(ClosedAs::Attested), None)
    );
    let again = take(
        &closed,
        CaseAction::Reopened,
        &responder(),
        &Known::default(),
    );
    assert_eq!((again.state, again.closed_as), (CaseState::Open, None));
    let actions: Vec<_> = again.history.iter().map(|step| step.action).collect();
    assert_eq!(
        actions,
        [
            CaseAction::Opened,
            CaseAction::Acknowledged,
            CaseAction::Justified,
            CaseAction::Closed,
            CaseAction::Reopened
        ]
    );
}

#[rstest]
#[case::replaced(Verified::Replaced { by: vec!["web-2".into()] }, ClosedAs::Replaced, "(replaced by web-2)")]
#[case::unknown_signer(Verified::Attested { unknown_signer: true }, ClosedAs::Attested, "(it is not known who had the image signed)")]
fn how_it_was_closed_is_on_record(
    #[case] verified: Verified,
    #[case] closed_as: ClosedAs,
    #[case] note: &str,
) {
    let known = Known {
        verified,
        justified_elsewhere: None,
    };
    let step = step(CaseAction::Closed);
    let closed = walk(
        &case(CaseState::Justified),
        &step,
        &approver(),
        now(),
        &rules(),
        &known,
    );
    let closed = closed.unwrap();
    assert_eq!(closed.closed_as, Some(closed_as));
    let comment = closed.history.last().unwrap().comment.clone().unwrap();
    assert!(comment.ends_with(note), "{comment}");
}

#[test]
fn an_exception_needs_no_proof_and_has_an_end() {
    let until = now() + SignedDuration::from_hours(30 * 24);
    let step = Step {
        exception_until: Some(until),
        ..step(CaseAction::Closed)
    };
    let case = case(CaseState::Justified);
    let closed = walk(
        &case,
        &step,
        &approver(),
        now(),
        &rules(),
        &Known::default(),
    )
    .unwrap();
    assert_eq!(
        (closed.closed_as, closed.exception_until),
        (Some(ClosedAs::Exception), Some(until))
    );
}

#[test]
fn where_nobody_is_known_two_people_close() {
    let mut case = case(CaseState::Justified);
    of_nobody(&mut case);
    let close = step(CaseAction::Closed);
    let closed = walk(&case, &close, &approver(), now(), &rules(), &attested());
    assert_eq!(closed.unwrap().closed_as, Some(ClosedAs::Attested));
    // What nobody said first, somebody may say again.
    case.history[2].by = "local:dana".to_owned();
    let said = step(CaseAction::Justified);
    let said = walk(
        &case,
        &said,
        &responder(),
        now(),
        &rules(),
        &Known::default(),
    )
    .unwrap();
    let closed = walk(&said, &close, &approver(), now(), &rules(), &attested());
    assert_eq!(closed.unwrap().state, CaseState::Closed);
}

#[test]
fn a_drill_closes_with_a_second_person_only() {
    let drill = Case {
        drill: Some("d".to_owned()),
        ..case(CaseState::Open)
    };
    let step = step(CaseAction::Closed);
    let closed = walk(
        &drill,
        &step,
        &approver(),
        now(),
        &rules(),
        &Known::default(),
    )
    .unwrap();
    assert_eq!(closed.closed_as, Some(ClosedAs::Resolved));
}

#[test]
fn a_small_denial_closes_with_a_word() {
    let small = Case {
        category: Category::Denied,
        severity: Severity::Low,
        ..case(CaseState::Open)
    };
    let closed = walk(
        &small,
        &step(CaseAction::Closed),
        &responder(),
        now(),
        &rules(),
        &Known::default(),
    );
    assert_eq!(closed.unwrap().closed_as, Some(ClosedAs::Resolved));
}

#[test]
fn repeats_may_be_allowed() {
    let lenient = Rules {
        allow_repeats: true,
        ..rules()
    };
    let known = Known {
        justified_elsewhere: Some("other".to_owned()),
        ..Known::default()
    };
    let case = case(CaseState::Acknowledged);
    let step = step(CaseAction::Justified);
    assert!(walk(&case, &step, &responder(), now(), &lenient, &known).is_ok());
}

proptest! {
    /// Whatever those of the chain do, with every right, under any spelling of their names, with
    /// everything verified, and whatever a responder does between: they close nothing.
    #[test]
    fn nobody_of_the_chain_closes_their_case(
        steps in proptest::collection::vec((0..4_usize, 0..4_usize, any::<bool>()), 0..12),
        category in prop_oneof![Just(Category::BreakGlass), Just(Category::Denied), Just(Category::FailOpen)],
        severity in prop_oneof![Just(Severity::Low), Just(Severity::High), Just(Severity::Critical)],
        drill in any::<bool>(),
    ) {
        let mut case = Case { category, severity, drill: drill.then(|| "d".to_owned()), ..case(CaseState::Open) };
        case.findings[0].actor.via = vec!["ci@acme-shop.iam.gserviceaccount.com".to_owned()];
        let people = [
            culprit(),
            person("user:night-duty@example.com", &[Respond, Approve]),
            person("serviceAccount:CI@acme-shop.iam.gserviceaccount.com", &[Respond, Approve]),
            responder(),
        ];
        let actions = [CaseAction::Acknowledged, CaseAction::Justified, CaseAction::Closed, CaseAction::Reopened];
        for (who, what, exception) in steps {
            // The responder helps, but does not close.
            let action = match (who, actions[what]) {
                (3, CaseAction::Closed) => CaseAction::Acknowledged,
                (_, action) => action,
            };
            let step = Step {
                exception_until: exception.then(|| now() + SignedDuration::from_hours(1)),
                ..step(action)
            };
            if let Ok(next) = walk(&case, &step, &people[who], now(), &rules(), &attested()) {
                prop_assert_eq!(next.revision, case.revision + 1);
                case = next;
            }
            prop_assert_ne!(case.state, CaseState::Closed);
        }
    }
}
