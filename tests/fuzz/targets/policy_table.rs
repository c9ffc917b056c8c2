//! Tables of cases beside a policy.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_core::policy::system_policy;
use postern_core::policy::table::Table;

fuzz_target!(|text: &str| {
    if let Ok(table) = Table::parse(text) {
        for case in &table.cases {
            let _ = case.run(system_policy(), None);
        }
    }
});
