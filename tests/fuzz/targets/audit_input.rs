//! Files of entries in every envelope, classified by every detection.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use postern_auditor::detection::Catalogue;
use postern_auditor::input::classify_all;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::embedded().unwrap());

fuzz_target!(|text: &[u8]| {
    let now = Timestamp::from_second(1_900_000_000).unwrap();
    // What is let go by its bytes would not have been found either.
    let mut whole = Vec::new();
    classify_all(&CATALOGUE, text, true, now, &mut |classified| {
        if classified.event.is_some() && !classified.observed.is_empty() {
            whole.push(classified);
        }
    });
    let mut found = Vec::new();
    classify_all(&CATALOGUE, text, false, now, &mut |classified| {
        assert!(!classified.observed.is_empty());
        if classified.event.is_some() {
            found.push(classified);
        }
    });
    assert_eq!(found, whole);
});
