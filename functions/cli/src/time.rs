//! Times as they are written on the command line.

use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

/// As [`at`], from now.
///
/// # Errors
/// If the text is none of these.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    at(text, Timestamp::now())
}

/// A day (2026-04-01, UTC), a time (RFC 3339), or how long ago (30d, 12h).
///
/// # Errors
/// If the text is none of these.
pub(crate) fn at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(day) = text.parse::<civil::Date>()
        && let Ok(start) = day.to_zoned(TimeZone::UTC)
    {
        return Ok(start.timestamp());
    }
    let ago = humantime::parse_duration(text).ok();
    let ago = ago.and_then(|ago| SignedDuration::try_from(ago).ok());
    ago.and_then(|ago| now.checked_sub(ago).ok())
        .ok_or_else(|| {
            "write a day, 2026-04-01, a time, 2026-04-01T08:00:00Z, or how long ago: 30d, 12h"
                .to_owned()
        })
}

/// A day (2026-04-01, UTC), a time (RFC 3339), or how long from now (90d), which is still to come.
///
/// # Errors
/// If the text is none of these, or it is over.
pub(crate) fn to_come(text: &str) -> Result<Timestamp, String> {
    after(text, Timestamp::now())
}

fn after(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let ahead = humantime::parse_duration(text).ok();
    let ahead = ahead.and_then(|ahead| SignedDuration::try_from(ahead).ok());
    let time = match ahead {
        Some(ahead) => now.checked_add(ahead).ok(),
        None => at(text, now).ok(),
    };
    let wrong = "write a day or a time that is to come, 2026-04-01, 2026-04-01T08:00:00Z, or how \
                 long from now: 90d";
    let time = time.and_then(|time| time.round(jiff::Unit::Second).ok());
    time.filter(|time| *time > now)
        .ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_a_moment_or_how_long_ago() {
        let now: Timestamp = "2026-04-05T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-04-01", "2026-04-01T00:00:00Z"),
            ("2026-04-01T08:00:00+02:00", "2026-04-01T06:00:00Z"),
            ("12h", "2026-04-05T00:00:00Z"),
            ("30d", "2026-03-06T12:00:00Z"),
        ] {
            assert_eq!(at(text, now).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(
            after("12h", now).unwrap().to_string(),
            "2026-04-06T00:00:00Z"
        );
        assert_eq!(
            after("2026-05-01", now).unwrap().to_string(),
            "2026-05-01T00:00:00Z"
        );
        assert!(after("2026-04-01", now).is_err() && after("0s", now).is_err());
        for text in ["", "yesterday", "2026-13-01", "99999999999999999999y"] {
            assert!(at(text, now).is_err(), "{text}");
        }
    }
}
