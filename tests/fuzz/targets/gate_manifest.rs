//! Manifests, with and without a target beside them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_gate::request::{ManifestContext, manifest_request};

fuzz_target!(|body: &[u8]| {
    let Ok(manifest) = serde_json::from_slice(body) else {
        return;
    };
    for target in [
        None,
        Some("cloud-run"),
        Some("gke:us-central1-a.prod/default"),
    ] {
        let context = ManifestContext {
            target: target.map(|target| target.parse().unwrap()),
        };
        if let Ok(request) = manifest_request(&manifest, &context) {
            assert!(!request.images.is_empty() || !request.code_outside_image.is_empty());
        }
    }
});
