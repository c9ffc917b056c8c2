//! Until when a request must be answered.

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use tokio::time::Instant;

use crate::problem::{Problem, quoted};

/// The time a request has when nobody says otherwise.
pub const DEFAULT: Duration = Duration::from_secs(10);

/// Until when a request must be answered: the earliest of ten seconds after it came, what the
/// caller said (`?timeout=10s`, as Kubernetes sends it), and what the platform leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// A deadline that long from now.
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// The earlier of this one and one that many milliseconds from now (`timeoutMs` of a body).
    #[must_use]
    pub fn at_most(self, milliseconds: Option<u64>) -> Self {
        match milliseconds {
            // Beyond the default it changes nothing, which also keeps the sum in range.
            Some(ms) if ms < DEFAULT.as_millis() as u64 => {
                self.min(Self::after(Duration::from_millis(ms)))
            }
            _ => self,
        }
    }

    /// What is left of it; zero once it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Takes the deadline that the host put into the request's extensions, and the caller's
/// `?timeout=` where it is earlier.
impl<S: Sync> FromRequestParts<S> for Deadline {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let host = parts.extensions.get::<Self>().copied();
        let host = host.unwrap_or_else(|| Self::after(DEFAULT));
        match timeout_parameter(parts.uri.query().unwrap_or_default()) {
            None => Ok(host),
            Some(text) => match parse_duration(&text) {
                Some(asked) if asked < DEFAULT => Ok(host.min(Self::after(asked))),
                Some(_) => Ok(host),
                None => Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "TIMEOUT_MALFORMED",
                    format!("`timeout={}` is no duration", quoted(&text)),
                )
                .remedy("write it as Kubernetes does: `10s`, `500ms`, `1m30s`")),
            },
        }
    }
}

fn timeout_parameter(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "timeout")
        .map(|(_, value)| value.into_owned())
}

/// Reads a duration as Go's `time.ParseDuration` writes it, without sign and without fractions of a
/// nanosecond: `10s`, `1m30s`, `1.5s`, `500ms`. At most an hour.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const LONGEST: f64 = 3600.0;
    let mut rest = text;
    let mut seconds = 0.0;
    if text == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|char: char| char.is_ascii_digit() || char == '.');
        let unit = unit.unwrap_or(rest.len() - digits);
        seconds += number
            * match &rest[digits..digits + unit] {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[digits + unit..];
    }
    (!text.is_empty() && seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[rstest::rstest]
    #[case("10s", Some(10_000))]
    #[case("1m30s", Some(90_000))]
    #[case("1.5s", Some(1_500))]
    #[case("500ms", Some(500))]
    #[case("0", Some(0))]
    #[case("1h", Some(3_600_000))]
    #[case("2h", None)]
    #[case("", None)]
    #[case("10", None)]
    #[case("s", None)]
    #[case("-1s", None)]
    #[case("1.2.3s", None)]
    #[case("10 s", None)]
    fn durations_are_gos(#[case] text: &str, #[case] milliseconds: Option<u128>) {
        assert_eq!(
            parse_duration(text).map(|duration| duration.as_millis()),
            milliseconds
        );
    }

    async fn extracted(uri: &str, host: Option<Deadline>) -> Result<Duration, Problem> {
        let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
        if let Some(host) = host {
            parts.extensions.insert(host);
        }
        Deadline::from_request_parts(&mut parts, &())
            .await
            .map(Deadline::remaining)
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_deadline_holds() {
        assert_eq!(extracted("/", None).await.unwrap(), DEFAULT);
        assert_eq!(
            extracted("/?timeout=3s", None).await.unwrap(),
            Duration::from_secs(3)
        );
        assert_eq!(extracted("/?a=b&timeout=30s", None).await.unwrap(), DEFAULT);
        let host = Deadline::after(Duration::from_secs(2));
        assert_eq!(
            extracted("/?timeout=3s", Some(host)).await.unwrap(),
            Duration::from_secs(2)
        );
        assert_eq!(
            extracted("/?timeout=1s", Some(host)).await.unwrap(),
            Duration::from_secs(1)
        );
        assert_eq!(
            host.at_most(Some(500)).remaining(),
            Duration::from_millis(500)
        );
        assert_eq!(host.at_most(Some(u64::MAX)), host);
        assert_eq!(host.at_most(None), host);
    }

    #[tokio::test]
    async fn a_timeout_that_is_none_is_a_mistake() {
        let problem = extracted("/?timeout=soon", None).await.unwrap_err();
        assert_eq!(problem.detail(), "`timeout=soon` is no duration");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9.a-zµ-]{0,12}|\\PC{0,12}") {
            let _ = parse_duration(&text);
        }
    }
}
