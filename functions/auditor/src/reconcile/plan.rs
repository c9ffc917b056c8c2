//! Which times are read back. Pure.

use jiff::{SignedDuration, Timestamp};
use postern_core::ports::Progress;

/// What is younger may still be on its way, and is not judged.
pub const LATE: SignedDuration = SignedDuration::from_mins(5);
/// Cloud Logging keeps Admin Activity and System Event entries for 400 days ("Quotas and limits", "Logs
/// retention periods").
pub const RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Other entries are kept for 30 days unless their bucket says otherwise.
const SHORT_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// As much is read before it is written down how far it went.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// From one moment to just before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment in it.
    pub since: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// What is read, piece by piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All of it. Empty where `until` is not after `since`.
    pub span: Span,
    /// What is left out of what was asked for, and why.
    pub notes: Vec<String>,
}

/// What to read of what was asked for.
pub fn plan(since: Timestamp, until: Option<Timestamp>, now: Timestamp) -> Plan {
    let mut notes = Vec::new();
    let kept = before(now, RETENTION);
    if since < kept {
        notes.push(format!(
            "the logs are kept for 400 days: nothing before {kept} can be compared"
        ));
    }
    if since < before(now, SHORT_RETENTION) {
        notes.push(
            "Data Access, Policy Denied and continuous validation entries are kept for 30 days, \
             unless their bucket says otherwise"
                .to_owned(),
        );
    }
    let settled = before(now, LATE);
    if until.is_some_and(|until| until > settled) {
        notes.push(format!(
            "entries younger than 5 minutes may be on their way: nothing from {settled} on is judged"
        ));
    }
    let since = since.max(kept);
    let until = until.unwrap_or(settled).min(settled);
    let span = Span { since, until };
    Plan { span, notes }
}

impl Span {
    /// The pieces, oldest first: a day each, the last one what is left.
    pub fn windows(self) -> impl Iterator<Item = Span> {
        let first = Some(self.first_window()).filter(|_| self.since < self.until);
        std::iter::successors(first, move |window| {
            let rest = Span {
                since: window.until,
                until: self.until,
            };
            Some(rest.first_window()).filter(|_| rest.since < rest.until)
        })
    }

    fn first_window(self) -> Span {
        let end = self.since.checked_add(WINDOW).unwrap_or(Timestamp::MAX);
        Span {
            since: self.since,
            until: self.until.min(end),
        }
    }
}

/// What is due of a resource, and from which progress on; `None`: nothing is.
///
/// What was never compared is read back for `history`, and what is older than the first look is
/// no gap: nobody delivered then.
pub fn due(
    progress: Option<Progress>,
    every: SignedDuration,
    history: SignedDuration,
    now: Timestamp,
) -> Option<(Progress, Span)> {
    let settled = before(now, LATE);
    let progress = match progress {
        Some(progress) => {
            let behind = settled.duration_since(progress.complete_through);
            if behind < every {
                return None;
            }
            progress
        }
        None => Progress {
            watched_from: now,
            complete_through: before(now, history),
        },
    };
    let span = Span {
        since: progress.complete_through.max(before(now, RETENTION)),
        until: settled,
    };
    let window = span.windows().next()?;
    Some((progress, window))
}

fn before(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-06-10T12:00:00Z")
    }

    #[test]
    fn what_is_too_young_or_too_old_is_left_out_and_said() {
        let plan = plan(at("2020-01-01T00:00:00Z"), Some(now()), now());
        assert_eq!(plan.span.since, at("2025-05-06T12:00:00Z"));
        assert_eq!(plan.span.until, at("2026-06-10T11:55:00Z"));
        insta::assert_snapshot!(plan.notes.join("\n"), @"
        the logs are kept for 400 days: nothing before 2025-05-06T12:00:00Z can be compared
        Data Access, Policy Denied and continuous validation entries are kept for 30 days, unless their bucket says otherwise
        entries younger than 5 minutes may be on their way: nothing from 2026-06-10T11:55:00Z on is judged
        ");
    }

    #[test]
    fn what_is_kept_and_settled_needs_no_note() {
        let (since, until) = (at("2026-06-09T00:00:00Z"), at("2026-06-10T00:00:00Z"));
        let plan = plan(since, Some(until), now());
        assert_eq!((plan.span, plan.notes), (Span { since, until }, Vec::new()));
    }

    #[test]
    fn windows_cover_the_span_without_gap_or_overlap() {
        let span = Span {
            since: at("2026-06-01T07:00:00Z"),
            until: at("2026-06-03T08:00:00Z"),
        };
        let windows: Vec<_> = span.windows().collect();
        assert_eq!(windows.len(), 3);
        assert_eq!(windows[0].since, span.since);
        assert_eq!(windows[2].until, span.until);
        assert!(
            windows
                .windows(2)
                .all(|pair| pair[0].until == pair[1].since)
        );
        assert_eq!(windows[2].until.duration_since(windows[2].since), HOUR);
    }

    #[test]
    fn an_empty_span_has_no_windows() {
        let span = Span {
            since: now(),
            until: at("2026-06-09T00:00:00Z"),
        };
        assert_eq!(span.windows().count(), 0);
    }

    #[test]
    fn the_first_look_goes_back_in_history_and_watches_from_now() {
        let history = SignedDuration::from_hours(30 * 24);
        let (progress, window) = due(None, HOUR, history, now()).unwrap();
        assert_eq!(progress.watched_from, now());
        assert_eq!(window.since, at("2026-05-11T12:00:00Z"));
        assert_eq!(window.until, at("2026-05-12T12:00:00Z"));
    }

    #[test]
    fn it_is_due_when_an_hour_has_settled() {
        let compared = |text: &str| Progress {
            watched_from: at("2026-06-01T00:00:00Z"),
            complete_through: at(text),
        };
        let next = |text: &str| due(Some(compared(text)), HOUR, HOUR, now());
        assert_eq!(next("2026-06-10T10:55:01Z"), None);
        let (progress, window) = next("2026-06-10T10:55:00Z").unwrap();
        assert_eq!(progress, compared("2026-06-10T10:55:00Z"));
        assert_eq!(window.until, at("2026-06-10T11:55:00Z"));
        // It comes after a long pause, a day at a time.
        let (_, window) = next("2026-06-05T00:00:00Z").unwrap();
        assert_eq!(window.until, at("2026-06-06T00:00:00Z"));
    }
}
