//! An entry in the form in which it is stored.

use std::collections::BTreeMap;

use postern_core::entry::Entry;
use postern_core::ledger::tree::leaf_hash;
use postern_core::personal::{self, SALT_LENGTH, Sealed};

use crate::error::StoreError;

/// An entry with its canonical bytes, in which nothing of people stands, and its leaf hash, ready to be
/// written.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) entry: Entry,
    pub(crate) canonical: Vec<u8>,
    pub(crate) leaf_hash: [u8; 32],
    /// What was taken out of it.
    pub(crate) sealed: Vec<Sealed>,
}

impl Prepared {
    /// # Errors
    /// If the entry has no canonical form.
    pub(crate) fn new(entry: Entry) -> Result<Self, StoreError> {
        Self::salted(entry, &mut rand::random)
    }

    fn salted(
        entry: Entry,
        salt: &mut dyn FnMut() -> [u8; SALT_LENGTH],
    ) -> Result<Self, StoreError> {
        let uncanonical = |error: serde_json::Error| StoreError::Canonical {
            id: entry.id.clone(),
            reason: error.to_string(),
        };
        let mut value = serde_json::to_value(&entry).map_err(uncanonical)?;
        let sealed = personal::seal(&mut value, salt);
        let canonical = serde_json_canonicalizer::to_vec(&value).map_err(uncanonical)?;
        Ok(Self {
            leaf_hash: leaf_hash(&canonical),
            canonical,
            entry,
            sealed,
        })
    }

    /// Prepares entries that are to be written together, in their order; the same entry twice
    /// counts once.
    ///
    /// # Errors
    /// If one id stands for two things.
    pub(crate) fn all(entries: Vec<Entry>) -> Result<Vec<Self>, StoreError> {
        let mut places = BTreeMap::new();
        let mut all: Vec<Self> = Vec::with_capacity(entries.len());
        for entry in entries {
            match places.get(&entry.id) {
                None => {
                    places.insert(entry.id.clone(), all.len());
                    all.push(Self::new(entry)?);
                }
                Some(&place) if all[place].entry == entry => {}
                Some(_) => return Err(StoreError::Conflict(entry.id)),
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use postern_core::entry::{Entry, Record};
    use postern_core::revocation::{Revocation, Revoked};
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    #[test]
    fn the_canonical_form_is_sorted_and_tight_and_says_nothing_of_people() {
        let entry = testing::revocation_entry("01A", "sé\u{7}");
        let prepared = Prepared::salted(entry, &mut || [7; SALT_LENGTH]).unwrap();
        let by = personal::commitment("alice", &[7; SALT_LENGTH]);
        let reason = personal::commitment("sé\u{7}", &[7; SALT_LENGTH]);
        assert_eq!(
            String::from_utf8(prepared.canonical).unwrap(),
            format!(
                r#"{{"at":"2026-01-02T03:04:05.678Z","body":{{"at":"2026-01-02T03:04:05.678Z","by":"{by}","reason":"{reason}","what":"key-1"}},"id":"01A","record":"REVOCATION"}}"#
            )
        );
    }

    #[test]
    fn a_leaf_is_not_its_content() {
        // The leaf hash of an empty leaf (RFC 6962 test vectors of the Go reference).
        assert_eq!(
            hex::encode(leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn one_id_for_two_things_is_an_error() {
        let (a, b) = (
            testing::revocation_entry("01A", "x"),
            testing::revocation_entry("01A", "y"),
        );
        assert_eq!(Prepared::all(vec![a.clone(), a.clone()]).unwrap().len(), 1);
        assert!(matches!(
            Prepared::all(vec![a, b]),
            Err(StoreError::Conflict(id)) if id == "01A"
        ));
    }

    #[test]
    fn the_kind_is_the_word_in_the_json() {
        let entry = testing::decision_entry("01A");
        let json: serde_json::Value =
            serde_json::from_slice(&Prepared::new(entry.clone()).unwrap().canonical).unwrap();
        assert_eq!(json["record"], entry.record.kind());
    }

    proptest! {
        #[test]
        fn canonical_json_reads_back_to_the_same_entry(
            id in ".{0,40}", reason in any::<String>(), by in any::<String>(), what in any::<String>(),
            micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000,
        ) {
            let at = jiff::Timestamp::from_microsecond(micros).unwrap();
            let entry = Entry {
                id,
                at,
                record: Record::Revocation(Revocation { what: Revoked::from(what), reason, by, at }),
            };
            let first = Prepared::new(entry.clone()).unwrap();
            let mut value: serde_json::Value = serde_json::from_slice(&first.canonical).unwrap();
            let same = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(&same, &first.canonical);
            personal::open(&mut value, &|commitment| {
                let sealed = first.sealed.iter().find(|one| one.commitment == commitment);
                sealed.map(|one| one.text.clone())
            });
            prop_assert_eq!(serde_json::from_value::<Entry>(value).unwrap(), entry);
        }
    }
}
