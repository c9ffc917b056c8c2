//! The configuration, as variables `POSTERN__SECTION__KEY` lay it over the defaults: one
//! `SECTION__KEY=VALUE` a line.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use postern_host::load::load;

fuzz_target!(|text: &str| {
    let environment: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (format!("POSTERN__{name}"), value.to_owned()))
        .collect();
    if let Err(mistakes) = load(None, &environment) {
        assert!(!mistakes.to_string().is_empty());
    }
});
