//! `kill -9` at any moment.

use postern_tests::{Postgres, have};

use crate::campaign::{Campaign, Plan};
use crate::scene::{Scene, TOOLS};

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

/// The database crashes now and then as well.
#[test]
fn kills_of_one_of_two_servers_over_postgresql_lose_nothing() {
    if !have(&TOOLS) {
        return;
    }
    let Some(server) = Postgres::start() else {
        return;
    };
    let plan = Plan::of_environment(5);
    let plan = Plan {
        instances: 2,
        ..plan
    };
    Campaign::over(plan, Scene::over(Some(server)));
}
