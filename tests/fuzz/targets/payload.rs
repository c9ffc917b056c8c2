//! Signed payloads. Their bytes are verified before they are parsed, but whoever holds an attestor's
//! key chooses them.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use postern_core::image::{Digest, ImageReference};
use postern_core::payload::Payload;

fuzz_target!(|bytes: &[u8]| {
    let image = ImageReference::parse("us-docker.pkg.dev/demo-project/repo/app").unwrap();
    let digest = Digest::of(bytes);
    if let Ok(payload) = Payload::parse(bytes) {
        let at = Timestamp::UNIX_EPOCH;
        let over = payload.expires.is_some_and(|end| end <= at);
        // Nobody can sign the hash of what is signed.
        assert!(payload.check(&image, &digest, true, at).is_err());
        assert_eq!(
            payload.check(&image, &payload.digest, false, at).is_err(),
            over
        );
    }
});
