//! Image references: what an API, a manifest or a command line calls an image.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::image::ImageReference;

fuzz_target!(|text: &str| {
    let _ = ImageReference::parse_artifact_url(text);
    if let Ok(image) = ImageReference::parse(text) {
        let canonical = image.to_string();
        let again =
            ImageReference::parse(&canonical).expect("the canonical spelling is a reference");
        assert_eq!(again.to_string(), canonical, "canonical spelling is stable");
        assert!(image.spellings().contains(&canonical));
    }
});
