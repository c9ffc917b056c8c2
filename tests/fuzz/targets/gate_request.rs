//! Bodies of `POST /v1/decisions`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_gate::request::parse_own;

fuzz_target!(|body: &[u8]| {
    if let Ok(own) = parse_own(body) {
        let asked = &own.request;
        assert!(!asked.images.is_empty() || !asked.code_outside_image.is_empty());
    }
});
