//! When a failed attempt is made again.

use jiff::SignedDuration;

/// The first delay, before jitter.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// The longest delay, before jitter; also the most that a receiver may ask for.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);
/// Each delay is so many times the one before.
const FACTOR: i32 = 4;
/// So many attempts are made: with these delays they take two to three days.
const ATTEMPTS: u32 = 18;

/// The delay after so many attempts; `None` when it is time to give up. `jitter` is from 0 to 1 and
/// takes up to half of the delay away, so that what failed together does not come back together.
/// What the receiver asked for is waited for in any case.
pub(crate) fn delay(
    attempts: u32,
    asked: Option<SignedDuration>,
    jitter: f64,
) -> Option<SignedDuration> {
    if attempts >= ATTEMPTS {
        return None;
    }
    let grown = (1..attempts).try_fold(FIRST, |delay, _| delay.checked_mul(FACTOR));
    let delay = grown.unwrap_or(LONGEST).min(LONGEST);
    let jittered = delay.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0);
    let asked = asked.unwrap_or(SignedDuration::ZERO).min(LONGEST);
    Some(jittered.max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_end() {
        let delays: Vec<_> = (1..=ATTEMPTS)
            .map(|n| delay(n, None, 0.0).map(|d| d.as_secs()))
            .collect();
        assert_eq!(delays[..7], [5, 20, 80, 320, 1280, 5120, 20480].map(Some));
        assert_eq!(delays[7], Some(21600));
        assert_eq!(delays.last(), Some(&None));
    }

    #[test]
    fn jitter_takes_at_most_half_and_a_request_is_honoured() {
        assert_eq!(delay(2, None, 1.0), Some(SignedDuration::from_secs(10)));
        let asked = Some(SignedDuration::from_secs(90));
        assert_eq!(delay(1, asked, 0.5), Some(SignedDuration::from_secs(90)));
        assert_eq!(
            delay(1, Some(SignedDuration::from_hours(1000)), 0.5),
            Some(LONGEST)
        );
    }
}
