//! `kill -9` at any moment.

use postern_tests::have;

use crate::campaign::{Campaign, Plan};
use crate::scene::TOOLS;

#[test]
fn kills_lose_nothing() {
    if have(&TOOLS) {
        Campaign::run(Plan::of_environment(12));
    }
}

#[test]
fn kills_of_one_of_two_servers_lose_nothing() {
    if have(&TOOLS) {
        let plan = Plan::of_environment(5);
        Campaign::run(Plan {
            instances: 2,
            ..plan
        });
    }
}
