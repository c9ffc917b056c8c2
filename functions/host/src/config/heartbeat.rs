//! A sign of life to somebody who misses it.

use jiff::SignedDuration;
use serde::Deserialize;

use super::SecretReference;

/// A watch outside, such as a check of a monitoring service, that raises an alarm when it is called no
/// more.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// What is called, by POST. Who knows it may call it, so it is by reference.
    pub url: SecretReference,
    /// How often, at most; it is a tick that calls.
    #[serde(default = "five_minutes")]
    pub every: SignedDuration,
    /// Nothing is called while an alert has waited for longer.
    #[serde(default = "fifteen_minutes")]
    pub undelivered: SignedDuration,
    /// Whether the address may be private or loopback.
    #[serde(default)]
    pub allow_private: bool,
}

const fn five_minutes() -> SignedDuration {
    SignedDuration::from_mins(5)
}

const fn fifteen_minutes() -> SignedDuration {
    SignedDuration::from_mins(15)
}
