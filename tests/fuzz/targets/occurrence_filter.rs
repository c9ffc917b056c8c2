//! Filters of occurrences and notes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_trust::Filter;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse(text) else {
        return;
    };
    let occurrence = json!({
        "kind": "ATTESTATION",
        "noteName": "projects/demo-mart/notes/ci",
        "resourceUri": text,
    });
    let matches = filter.matches(&occurrence);
    let within = Filter::parse(&format!("({text})"));
    // Parentheses change nothing, unless there is nothing in them, or there are too many.
    if let Ok(within) = within {
        assert_eq!(within.matches(&occurrence), matches);
    }
});
