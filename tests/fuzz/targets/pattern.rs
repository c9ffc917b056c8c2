//! Patterns of exempt images.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::policy::Pattern;

fuzz_target!(|text: &str| {
    let Some((pattern, name)) = text.split_once('\n') else {
        let _ = Pattern::parse(text);
        return;
    };
    if let Ok(parsed) = Pattern::parse(pattern) {
        let exact = !pattern.contains('*');
        if parsed.matches_name(name) && exact {
            assert_eq!(
                pattern, name,
                "without a star a pattern matches itself only"
            );
        }
    }
});
