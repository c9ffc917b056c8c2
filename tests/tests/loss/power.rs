//! Power failures: only what was synced is there afterwards.

use postern_tests::have;

use crate::campaign::{Campaign, Plan};
use crate::scene::TOOLS;

#[test]
fn power_failures_lose_nothing() {
    if have(&TOOLS) {
        let plan = Plan::of_environment(6);
        Campaign::run(Plan {
            power: true,
            ..plan
        });
    }
}
