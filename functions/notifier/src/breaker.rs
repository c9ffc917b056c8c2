//! What spares an output that takes nothing: after some failures in a row it is left alone for a while,
//! then asked with a single alert.

use jiff::{SignedDuration, Timestamp};

/// So many failures in a row open it.
const FAILURES: u32 = 5;
/// How long it stays open at first …
const FIRST: SignedDuration = SignedDuration::from_secs(10);
/// … and at most; each failed probe doubles it.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// The breaker of one output. Only what the receiver may still take counts as a failure: one that
/// refuses an alert for good is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    until: Timestamp,
    pause: SignedDuration,
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// Everything.
    Closed,
    /// One alert, to see whether the output is back.
    HalfOpen,
    /// Nothing.
    Open,
}

impl Breaker {
    /// What it lets through now.
    pub(crate) fn circuit(&self, now: Timestamp) -> Circuit {
        match self.open {
            None => Circuit::Closed,
            Some(open) if now < open.until => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// The receiver answered: it is there.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
    }

    /// An attempt failed that may succeed later. One that was under way when it opened does not make
    /// the pause longer.
    pub(crate) fn failed(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let pause = match (self.circuit(now), self.open) {
            (Circuit::Closed, _) if self.failures < FAILURES => return,
            (Circuit::Open, _) => return,
            (Circuit::HalfOpen, Some(open)) => (open.pause * 2).min(LONGEST),
            _ => FIRST,
        };
        let until = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        self.open = Some(Open { until, pause });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.failed(at(0)));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (1..FAILURES).for_each(|_| breaker.failed(at(0)));
            assert_eq!(breaker.circuit(at(0)), Circuit::Closed);
            breaker.answered();
        }
        let breaker = opened();
        assert_eq!(breaker.circuit(at(9)), Circuit::Open);
        assert_eq!(breaker.circuit(at(10)), Circuit::HalfOpen);
    }

    #[test]
    fn a_failed_probe_doubles_the_pause_up_to_a_limit() {
        let mut breaker = opened();
        breaker.failed(at(1));
        assert_eq!(
            breaker.circuit(at(10)),
            Circuit::HalfOpen,
            "it was under way"
        );
        breaker.failed(at(10));
        assert_eq!(breaker.circuit(at(29)), Circuit::Open);
        assert_eq!(breaker.circuit(at(30)), Circuit::HalfOpen);
        let mut now = 30;
        for _ in 0..20 {
            breaker.failed(at(now));
            now += LONGEST.as_secs();
            assert_eq!(breaker.circuit(at(now)), Circuit::HalfOpen);
        }
    }

    #[test]
    fn an_answer_closes_it() {
        let mut breaker = opened();
        breaker.answered();
        assert_eq!(breaker.circuit(at(0)), Circuit::Closed);
        breaker.failed(at(0));
        assert_eq!(breaker.circuit(at(0)), Circuit::Closed, "it counts anew");
    }
}
