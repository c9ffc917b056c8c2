//! Public keys: PEM, DER and OpenPGP, whatever they claim to be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::attestor::SignatureAlgorithm;
use postern_verify::{PkixKey, key_id};

fuzz_target!(|bytes: &[u8]| {
    let _ = key_id(bytes);
    let text = std::str::from_utf8(bytes).ok();
    let accepted = SignatureAlgorithm::ALL.into_iter().filter_map(|algorithm| {
        let of_pem = text.and_then(|text| PkixKey::from_pem(text, algorithm).ok());
        of_pem.or_else(|| PkixKey::from_spki(bytes, algorithm).ok())
    });
    for key in accepted {
        assert!(key.verify(b"message", b"no signature").is_err());
    }
});
