//! What stands behind the commitments of a pack's entries (`postern_core::personal`).

use std::collections::HashMap;
use std::io::BufRead;

use postern_core::personal::{SALT_LENGTH, Sealed, commitment};
use serde::{Deserialize, Serialize};

use crate::input::read_line;
use crate::ledger::verify::LINE_LIMIT;
use crate::ledger::{Broken, NotVerified};

/// A text that an entry holds the commitment to: one line of `texts.ndjson`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: u64,
    commitment: String,
    /// In hexadecimal digits.
    salt: String,
    text: String,
}

/// Texts by their entry and commitment.
#[derive(Debug, Default)]
pub struct Disclosed(HashMap<(u64, String), String>);

impl Disclosed {
    /// One line for a text of the entry at this place.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn line(index: u64, sealed: Sealed) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Line {
            index,
            salt: hex::encode(sealed.salt),
            commitment: sealed.commitment,
            text: sealed.text,
        })
    }

    /// Reads every line.
    ///
    /// # Errors
    /// As [`take`](Self::take), or if it cannot be read.
    pub fn read(texts: &mut dyn BufRead) -> Result<Self, NotVerified> {
        let mut disclosed = Self::default();
        let mut line = Vec::new();
        let mut number = 0;
        while read_line(texts, &mut line, LINE_LIMIT)? {
            number += 1;
            disclosed.take(number, &line)?;
        }
        Ok(disclosed)
    }

    /// Takes a line.
    ///
    /// # Errors
    /// If it is none, or its text is not what was committed to.
    pub fn take(&mut self, number: u64, line: &[u8]) -> Result<(), Broken> {
        let broken = |reason: &str| Broken::Text {
            line: number,
            reason: reason.to_owned(),
        };
        let line: Line =
            serde_json::from_slice(line).map_err(|error| broken(&error.to_string()))?;
        let mut salt = [0; SALT_LENGTH];
        hex::decode_to_slice(&line.salt, &mut salt).map_err(|_| broken("the salt is none"))?;
        if commitment(&line.text, &salt) != line.commitment {
            return Err(broken("the text is not what the entry was committed to"));
        }
        self.0.insert((line.index, line.commitment), line.text);
        Ok(())
    }

    /// The text behind a commitment of an entry, where it was disclosed.
    pub(super) fn of(&self, index: u64, commitment: &str) -> Option<String> {
        self.0.get(&(index, commitment.to_owned())).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_committed_to_is_disclosed() {
        let sealed = Sealed::new("alice@example.com", [7; SALT_LENGTH]);
        let line = Disclosed::line(4, sealed.clone()).unwrap();
        let mut disclosed = Disclosed::default();
        disclosed.take(1, line.as_bytes()).unwrap();
        let text = disclosed.of(4, &sealed.commitment);
        assert_eq!(text.as_deref(), Some("alice@example.com"));
        assert_eq!(disclosed.of(5, &sealed.commitment), None);
        let forged = line.replace("alice", "mallo");
        assert!(matches!(
            disclosed.take(2, forged.as_bytes()),
            Err(Broken::Text { line: 2, .. })
        ));
    }
}
