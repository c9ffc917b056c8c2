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
