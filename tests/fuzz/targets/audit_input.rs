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
    let mut all = 0;
    classify_all(&CATALOGUE, text, true, now, &mut |_| all += 1);
    let mut found = 0;
    classify_all(&CATALOGUE, text, false, now, &mut |classified| {
        assert!(!classified.observed.is_empty());
        found += 1;
    });
    assert!(found <= all);
});
