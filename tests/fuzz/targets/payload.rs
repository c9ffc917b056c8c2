//! Signed payloads. Their bytes are verified before they are parsed, but whoever holds an attestor's
//! key chooses them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::image::{Digest, ImageReference};
use postern_core::payload::Payload;

fuzz_target!(|bytes: &[u8]| {
    let image = ImageReference::parse("us-docker.pkg.dev/demo-project/repo/app").unwrap();
    let digest = Digest::of(bytes);
    if let Ok(payload) = Payload::parse(bytes) {
        // Nobody can sign the hash of what is signed.
        assert!(payload.check(&image, &digest, true).is_err());
        assert!(payload.check(&image, &payload.digest, false).is_ok());
    }
});
