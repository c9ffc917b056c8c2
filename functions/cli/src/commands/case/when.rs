//! Times on the command line.

use jiff::Timestamp;

/// A time, or a duration from now: `2026-03-03T05:00:00Z`, `7d`, `90m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    At(Timestamp),
    In(std::time::Duration),
}

impl When {
    /// The time, where a duration goes forward.
    pub(super) fn after(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(duration) => now.saturating_add(duration).unwrap_or(Timestamp::MAX),
        }
    }

    /// The time, where a duration goes back.
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::In(duration) => now.saturating_sub(duration).unwrap_or(Timestamp::MIN),
        }
    }
}

impl std::str::FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        humantime::parse_duration(text).map(Self::In).map_err(|_| {
            "write a time such as 2026-03-03T05:00:00Z, or a duration such as 7d".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_or_a_duration() {
        let now: Timestamp = "2026-03-03T05:00:00Z".parse().unwrap();
        let when = |text: &str| text.parse::<When>();
        let day = when("1d").unwrap();
        assert_eq!(day.after(now).to_string(), "2026-03-04T05:00:00Z");
        assert_eq!(day.before(now).to_string(), "2026-03-02T05:00:00Z");
        assert_eq!(
            when("2026-01-01T00:00:00Z")
                .unwrap()
                .before(now)
                .to_string(),
            "2026-01-01T00:00:00Z"
        );
        assert!(when("soon").is_err());
    }
}
