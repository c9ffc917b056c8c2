//! Manifests and indexes as a registry answers them.

#![no_main]

use libfuzzer_sys::fuzz_target;

/// The registry's own source: the parser is private to it.
#[allow(dead_code, reason = "only the parser is wanted")]
#[path = "../../../infra/registry/src/manifest.rs"]
mod manifest;

fuzz_target!(|content: &[u8]| {
    let _ = manifest::Manifest::parse(content);
});
