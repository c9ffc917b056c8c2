//! Policies: read, linted, and asked about an image.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::image::ImageReference;
use postern_core::policy::{Policy, lint, route, system_policy};
use postern_core::target::Target;

fuzz_target!(|text: &str| {
    let _ = lint(text, &[]);
    let Ok(policy) = Policy::parse(text) else {
        return;
    };
    let image = ImageReference::parse("us-docker.pkg.dev/demo-project/base/app:v1").unwrap();
    for target in ["cloud-run", "gke:us-central1-a.prod/default:robot"] {
        let target: Target = target.parse().unwrap();
        let _ = route(&policy, Some(system_policy()), &target, &image);
    }
    let written = serde_json::to_string(&policy).expect("a policy can be written");
    assert_eq!(Policy::parse(&written).as_ref(), Ok(&policy));
});
