//! Parts of split entries, one per line: joined at once, and one after the other.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_auditor::parse::split::{Assembly, Taken, join, part};

fuzz_target!(|bytes: &[u8]| {
    let parts: Vec<Vec<u8>> = bytes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if let Ok(entry) = join(&parts) {
        assert!(part(&entry).is_none());
    }
    let mut assembly = Assembly::new();
    for bytes in &parts {
        let Some(part) = part(bytes) else { continue };
        if let Taken::Complete(entry) = assembly.take(&part, bytes) {
            assert!(postern_auditor::parse::split::part(&entry).is_none());
        }
    }
    assembly.finish();
    assert!(assembly.is_empty());
});
