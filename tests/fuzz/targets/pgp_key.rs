//! Armored OpenPGP certificates.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_verify::PgpKey;

fuzz_target!(|text: &str| {
    if let Ok(key) = PgpKey::from_armored(text) {
        assert_eq!(key.fingerprint().len(), 40);
    }
});
