//! Attestor files, and the keys in them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::policy::parse_attestors;
use postern_verify::TrustedAttestor;

fuzz_target!(|text: &str| {
    for attestor in parse_attestors(text).unwrap_or_default() {
        let keys = attestor.user_owned_grafeas_note.public_keys.len();
        let trusted = TrustedAttestor::new(&attestor);
        assert_eq!(trusted.keys().len() + trusted.unusable_keys().len(), keys);
    }
});
