//! What entries say of people. The record keeps it as salted commitments, so that the text can be erased
//! one day without a change to the record: whoever has text and salt can show that they are what was
//! recorded, and from the commitment alone nobody learns the text, not even by guessing.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Keys whose values name a person or where they were, or that people write freely. Their values are
/// texts or lists of texts.
const KEYS: [&str; 15] = [
    "actors",
    "auditEntry",
    "by",
    "comment",
    "declaredBy",
    "email",
    "ip",
    "justification",
    "keyName",
    "principal",
    "reason",
    "requester",
    "subject",
    "summary",
    "via",
];

/// How a commitment begins; 64 hexadecimal digits follow.
const PREFIX: &str = "sha256-salted:";

/// So many random bytes make two commitments to the same text different.
pub const SALT_LENGTH: usize = 32;

/// A text about a person, and what stands for it in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What stands for it.
    pub commitment: String,
    /// Makes it unguessable.
    pub salt: [u8; SALT_LENGTH],
    /// The text.
    pub text: String,
}

impl Sealed {
    /// Seals a text.
    pub fn new(text: &str, salt: [u8; SALT_LENGTH]) -> Self {
        Self {
            commitment: commitment(text, &salt),
            salt,
            text: text.to_owned(),
        }
    }
}

/// What stands for a text: SHA-256 over the salt and its UTF-8.
pub fn commitment(text: &str, salt: &[u8; SALT_LENGTH]) -> String {
    let hash = Sha256::new()
        .chain_update(salt)
        .chain_update(text)
        .finalize();
    format!(
        "{PREFIX}{}",
        crate::image::Digest::from_bytes(hash.into()).hex()
    )
}

/// Whether a text is a commitment by its form.
pub fn is_commitment(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Puts commitments in place of what is said of people; `salt` gives a new salt for each.
pub fn seal(entry: &mut Value, salt: &mut dyn FnMut() -> [u8; SALT_LENGTH]) -> Vec<Sealed> {
    let mut sealed = Vec::new();
    each(entry, &mut |text| {
        let one = Sealed::new(text, salt());
        text.clone_from(&one.commitment);
        sealed.push(one);
    });
    sealed
}

/// Puts texts back in place of their commitments. Those that are not known any more stay.
pub fn open(entry: &mut Value, text_of: &dyn Fn(&str) -> Option<String>) {
    each(entry, &mut |text| {
        if let Some(known) = text_of(text) {
            *text = known;
        }
    });
}

/// Whether an entry as it is stored says what another says in the clear; what was erased may have been
/// anything.
pub fn is_same(stored: &Value, other: &Value, text_of: &dyn Fn(&str) -> Option<String>) -> bool {
    match (stored, other) {
        (Value::Object(stored), Value::Object(other)) => {
            stored.len() == other.len()
                && stored.iter().all(|(key, value)| {
                    let other = other.get(key);
                    other.is_some_and(|other| is_same(value, other, text_of))
                })
        }
        (Value::Array(stored), Value::Array(other)) => {
            stored.len() == other.len()
                && stored
                    .iter()
                    .zip(other)
                    .all(|(stored, other)| is_same(stored, other, text_of))
        }
        (Value::String(stored), Value::String(other)) => {
            stored == other
                || is_commitment(stored) && text_of(stored).is_none_or(|text| text == *other)
        }
        _ => stored == other,
    }
}

/// Every text under one of the [`KEYS`], wherever it stands.
fn each(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text) if KEYS.contains(&key.as_str()) => change(text),
                    Value::Array(items) if KEYS.contains(&key.as_str()) => {
                        for item in items {
                            match item {
                                Value::String(text) => change(text),
                                other => each(other, change),
                            }
                        }
                    }
                    other => each(other, change),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn synthetic() -> Value {
        json!({
            "id": "01A", "at": "2026-01-02T03:04:05Z", "record": "FINDING",
            "body": {
                "detection": "gcp.cloud-run.break-glass", "severity": "HIGH",
                "actor": {"principal": "oncall@example.com", "via": ["sa@example.com"], "keyName": null,
                    "ip": "203.0.113.8"},
                "target": "cloud-run:demo-mart/us-central1/web", "justification": "INC-1",
                "summary": "oncall@example.com broke the glass",
                "history": [{"by": "lead@example.com", "action": "CLOSED", "comment": null}],
            },
        })
    }

    fn numbered() -> impl FnMut() -> [u8; SALT_LENGTH] {
        let mut n = 0;
        move || {
            n += 1;
            [n; SALT_LENGTH]
        }
    }

    #[test]
    fn nothing_of_people_stays_and_everything_else_does() {
        let mut entry = synthetic();
        let sealed = seal(&mut entry, &mut numbered());
        let texts: Vec<&str> = sealed.iter().map(|one| one.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "203.0.113.8",
                "oncall@example.com",
                "sa@example.com",
                "lead@example.com",
                "INC-1",
                "oncall@example.com broke the glass",
            ]
        );
        let text = entry.to_string();
        for secret in ["example.com", "203.0.113", "INC-1"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(entry["body"]["detection"], "gcp.cloud-run.break-glass");
        assert_eq!(
            entry["body"]["target"],
            "cloud-run:demo-mart/us-central1/web"
        );
        assert!(
            is_same(&entry, &synthetic(), &|_| None),
            "whatever was erased"
        );
        let other = |_: &str| Some("other".to_owned());
        assert!(!is_same(&entry, &synthetic(), &other));
    }

    #[test]
    fn the_same_text_twice_cannot_be_told_to_be_the_same() {
        let mut entry = json!({"by": "a", "actors": ["a"]});
        let sealed = seal(&mut entry, &mut numbered());
        assert_ne!(sealed[0].commitment, sealed[1].commitment);
    }

    #[test]
    fn what_is_known_is_put_back_and_the_rest_stays_a_commitment() {
        let mut entry = synthetic();
        let sealed = seal(&mut entry, &mut numbered());
        let known: BTreeMap<_, _> = sealed
            .iter()
            .filter(|one| one.text != "203.0.113.8")
            .map(|one| (one.commitment.clone(), one.text.clone()))
            .collect();
        open(&mut entry, &|commitment| known.get(commitment).cloned());
        assert_eq!(entry["body"]["actor"]["principal"], "oncall@example.com");
        let erased = entry["body"]["actor"]["ip"].as_str().unwrap();
        assert!(is_commitment(erased));
        assert!(is_same(&entry, &synthetic(), &|_| None));
        entry["body"]["severity"] = json!("LOW");
        assert!(!is_same(&entry, &synthetic(), &|_| None));
    }

    #[test]
    fn the_commitment_is_the_hash_that_it_says() {
        // printf '\1%.0s' {1..32} | cat - <(printf a) | sha256sum
        assert_eq!(
            commitment("a", &[1; SALT_LENGTH]),
            "sha256-salted:4dcafa5c013d3a6a842302aabd247706d989dbd41f93a192b3c982f47029fd82"
        );
        assert!(!is_commitment("sha256-salted:00"));
    }

    proptest! {
        #[test]
        fn sealing_and_opening_gives_back_what_there_was(
            by in any::<String>(), actors in proptest::collection::vec(any::<String>(), 0..4),
        ) {
            let plain = json!({"body": {"by": by, "actors": actors, "at": "x"}});
            let mut entry = plain.clone();
            let sealed = seal(&mut entry, &mut numbered());
            for one in &sealed {
                prop_assert_eq!(&commitment(&one.text, &one.salt), &one.commitment);
            }
            let known: BTreeMap<_, _> =
                sealed.into_iter().map(|one| (one.commitment, one.text)).collect();
            open(&mut entry, &|commitment| known.get(commitment).cloned());
            prop_assert_eq!(entry, plain);
        }
    }
}
