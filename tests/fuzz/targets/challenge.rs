//! `WWW-Authenticate` headers as a registry answers them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

/// The registry's own source: the parser is private to it.
#[allow(dead_code, reason = "only the parser is wanted")]
#[path = "../../../infra/registry/src/challenge.rs"]
mod challenge;

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    if let Ok(challenge::Challenge::Bearer { realm, .. }) = challenge::Challenge::of(&headers) {
        assert!(matches!(realm.scheme(), "http" | "https"));
    }
});
