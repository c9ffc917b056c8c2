//! Entries of Cloud Logging, in both of the forms in which they come.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_auditor::parse::{Form, event};

fuzz_target!(|bytes: &[u8]| {
    for form in [Form::LogEntry, Form::LogEntryData] {
        let _ = event(bytes, form);
    }
});
