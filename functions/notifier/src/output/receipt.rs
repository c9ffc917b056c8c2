//! What a receiver said when it confirmed an alert.

use std::fmt;

/// So much of a receiver's own words is kept.
const LENGTH: usize = 200;

/// A receiver's confirmation, for people: `HTTP 200`, `message id 123`. Partly the receiver's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(String);

impl Receipt {
    /// A receipt in these words, the first of them.
    pub fn new(words: impl fmt::Display) -> Self {
        let words = words.to_string();
        Self(words.chars().take(LENGTH).collect())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
