//! Records of CloudTrail, by themselves and in what AWS delivers them in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_auditor::input::deliveries;
use postern_auditor::parse::{Form, event};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = event(bytes, Form::CloudTrail) {
        assert!(event.method.starts_with(event.short_method()));
        assert_eq!(Form::of(bytes), Form::CloudTrail);
    }
    for delivery in deliveries(bytes).unwrap_or_default() {
        if let Ok((bytes, form)) = delivery.entry {
            let _ = event(&bytes, form);
        }
    }
});
