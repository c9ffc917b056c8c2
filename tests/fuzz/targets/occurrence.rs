//! Occurrences as files, registries and Container Analysis give them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::occurrence::Occurrence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(occurrence) = serde_json::from_slice::<Occurrence>(bytes) {
        let written = serde_json::to_vec(&occurrence).expect("an occurrence can be written");
        let again: Occurrence = serde_json::from_slice(&written).expect("and read again");
        assert_eq!(again, occurrence);
    }
});
