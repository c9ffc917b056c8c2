//! The revocation list: consulted first, and beaten by nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::image::Digest;

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Revoked {
    /// An image: `sha256:…`.
    Digest(Digest),
    /// An attestation by name: `projects/P/occurrences/ID`.
    Attestation(String),
    /// A key by its id.
    Key(String),
}

impl From<String> for Revoked {
    /// A digest and an occurrence name are recognised by their form; all else is a key id. An
    /// OpenPGP fingerprint is taken as people write it, in either case and with spaces.
    fn from(text: String) -> Self {
        if let Ok(digest) = text.parse() {
            return Self::Digest(digest);
        }
        let parts: Vec<&str> = text.split('/').collect();
        if matches!(parts[..], ["projects", _, "occurrences", _]) {
            return Self::Attestation(text);
        }
        Self::Key(fingerprint(&text).unwrap_or(text))
    }
}

/// The canonical spelling of a text that is an OpenPGP fingerprint.
fn fingerprint(text: &str) -> Option<String> {
    let digits: String = text.split_whitespace().collect();
    let is_one = digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| digits.to_ascii_uppercase())
}

impl From<Revoked> for String {
    fn from(revoked: Revoked) -> Self {
        revoked.to_string()
    }
}

impl std::fmt::Display for Revoked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Attestation(name) | Self::Key(name) => f.write_str(name),
        }
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// What is revoked.
    pub what: Revoked,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The list as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations(Vec<Revocation>);

impl Revocations {
    /// The list of these entries.
    pub const fn new(entries: Vec<Revocation>) -> Self {
        Self(entries)
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.0.iter()
    }

    /// Whether any image is on the list.
    pub fn has_digests(&self) -> bool {
        self.0
            .iter()
            .any(|entry| matches!(entry.what, Revoked::Digest(_)))
    }

    /// The entry of an image.
    pub fn of_digest(&self, digest: &Digest) -> Option<&Revocation> {
        self.0
            .iter()
            .find(|r| matches!(&r.what, Revoked::Digest(d) if d == digest))
    }

    /// The entry of a key.
    pub fn of_key(&self, key_id: &str) -> Option<&Revocation> {
        self.0
            .iter()
            .find(|r| matches!(&r.what, Revoked::Key(k) if k == key_id))
    }

    /// The entry of an attestation.
    pub fn of_attestation(&self, occurrence: &str) -> Option<&Revocation> {
        self.0
            .iter()
            .find(|r| matches!(&r.what, Revoked::Attestation(a) if a == occurrence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_one_however_it_is_spelled() {
        let spaced = "047c fa8f 93c8 7a17 296f  edfd 722f 89d2 6eaf cb53".to_owned();
        let key = Revoked::Key("047CFA8F93C87A17296FEDFD722F89D26EAFCB53".to_owned());
        assert_eq!(Revoked::from(spaced), key);
        let other = Revoked::from("//kms.example/key version".to_owned());
        assert_eq!(other.to_string(), "//kms.example/key version");
    }
}
