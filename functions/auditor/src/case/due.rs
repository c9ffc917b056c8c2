//! What time alone does to cases.

use jiff::Timestamp;
use postern_core::case::{Case, CaseAction, CaseState, CaseStep};

use super::walk::opened_again;
use super::{PROGRAM, Rules};

/// What time did to a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The case after it.
    pub case: Case,
    /// [`CaseAction::Escalated`] or [`CaseAction::Reopened`].
    pub action: CaseAction,
    /// What had come: the time of the missed step, or the end of the exception.
    pub since: Timestamp,
}

/// What is due at `now`: a step that nobody took in time is escalated, a case whose exception has
/// ended is open again. Each at most once for one due time, so that a second look finds nothing.
pub fn due<'a>(
    cases: impl IntoIterator<Item = &'a Case>,
    now: Timestamp,
    rules: &Rules,
) -> Vec<Overdue> {
    let overdue = cases.into_iter().filter_map(|case| match case.state {
        CaseState::Closed => lapsed(case, now, rules),
        _ => missed(case, now, rules),
    });
    overdue.collect()
}

fn missed(case: &Case, now: Timestamp, rules: &Rules) -> Option<Overdue> {
    let since = case.due_at.filter(|due| *due <= now)?;
    let whom = rules.owners.escalation_of(case);
    let whom = match whom.is_empty() {
        true => String::new(),
        false => format!("; this goes to {}", whom.join(", ")),
    };
    let comment = format!("the next step was due at {since}{whom}");
    Some(after(
        case,
        CaseAction::Escalated,
        since,
        comment,
        now,
        rules,
    ))
}

fn lapsed(case: &Case, now: Timestamp, rules: &Rules) -> Option<Overdue> {
    let since = case.exception_until.filter(|until| *until <= now)?;
    let comment = format!("the exception ended at {since}");
    let mut overdue = after(case, CaseAction::Reopened, since, comment, now, rules);
    opened_again(&mut overdue.case);
    Some(overdue)
}

fn after(
    case: &Case,
    action: CaseAction,
    since: Timestamp,
    comment: String,
    now: Timestamp,
    rules: &Rules,
) -> Overdue {
    let mut case = case.clone();
    case.revision += 1;
    // The next one is missed only after as much time again.
    case.due_at = rules.due(case.severity, now);
    case.add_step(CaseStep {
        at: now,
        by: PROGRAM.to_owned(),
        action,
        comment: Some(comment),
    });
    Overdue {
        case,
        action,
        since,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use postern_core::case::ClosedAs;
    use postern_core::finding::Severity;
    use proptest::prelude::*;

    use super::*;
    use crate::owners::Owners;
    use crate::testing::case;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_missed_step_is_escalated_once_for_each_due_time() {
        let owners = "[{match: {project: acme-shop}, team: shop, escalation: [lead@example.com]}]";
        let rules = Rules {
            owners: Owners::parse(owners).unwrap(),
            ..Rules::default()
        };
        let open = Case {
            owner: Some("shop".to_owned()),
            ..case(CaseState::Open)
        };
        assert_eq!(due([&open], time("2026-03-04T05:00:09Z"), &rules), []);
        let now = time("2026-03-04T05:00:10Z");
        let overdue = due([&open], now, &rules).remove(0);
        assert_eq!(overdue.action, CaseAction::Escalated);
        assert_eq!(
            (overdue.case.state, overdue.case.severity),
            (CaseState::Open, Severity::High)
        );
        assert_eq!(
            overdue.case.history.last().unwrap().comment.as_deref(),
            Some("the next step was due at 2026-03-04T05:00:10Z; this goes to lead@example.com")
        );
        assert_eq!(due([&overdue.case], now, &rules), []);
        let next = now + SignedDuration::from_hours(24);
        assert_eq!(due([&overdue.case], next, &rules).len(), 1);
    }

    #[test]
    fn the_end_of_an_exception_opens_the_case_again() {
        let closed = Case {
            closed_as: Some(ClosedAs::Exception),
            exception_until: Some(time("2026-03-10T00:00:00Z")),
            ..case(CaseState::Closed)
        };
        let rules = Rules::default();
        assert_eq!(due([&closed], time("2026-03-09T23:59:59Z"), &rules), []);
        let now = time("2026-03-10T00:00:00Z");
        let reopened = due([&closed], now, &rules).remove(0);
        assert_eq!(
            (reopened.action, reopened.case.state),
            (CaseAction::Reopened, CaseState::Open)
        );
        assert_eq!(
            (reopened.case.closed_as, reopened.case.exception_until),
            (None, None)
        );
        assert_eq!(due([&reopened.case], now, &rules), []);
    }

    #[test]
    fn what_was_closed_for_good_stays_closed() {
        assert_eq!(
            due(
                [&case(CaseState::Closed)],
                Timestamp::MAX,
                &Rules::default()
            ),
            []
        );
    }

    proptest! {
        #[test]
        fn a_second_look_finds_nothing(
            hours in 0..2000_i64,
            state in prop_oneof![Just(CaseState::Open), Just(CaseState::Justified), Just(CaseState::Closed)],
            severity in prop_oneof![Just(Severity::Info), Just(Severity::Low), Just(Severity::Critical)],
            within in -5..50_i64,
        ) {
            let mut case = case(state);
            case.severity = severity;
            case.exception_until = case.due_at.or(Some(case.opened_at));
            let mut rules = Rules::default();
            rules.due.insert(Severity::Critical, SignedDuration::from_hours(within));
            let now = case.opened_at + SignedDuration::from_hours(hours);
            let after: Vec<_> = due([&case], now, &rules).into_iter().map(|o| o.case).collect();
            prop_assert_eq!(due(&after, now, &rules), []);
        }
    }
}
