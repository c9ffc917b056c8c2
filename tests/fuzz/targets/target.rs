//! Deployment targets as callers and command lines write them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::target::Target;

fuzz_target!(|text: &str| {
    if let Ok(target) = text.parse::<Target>() {
        let written = target.to_string();
        let again: Target = written.parse().expect("what is written can be read");
        assert_eq!(again, target);
    }
});
