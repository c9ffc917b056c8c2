use jiff::SignedDuration;
use postern_core::case::{CaseState, CaseStep};
use regex::Regex;

use super::*;
use crate::testing;

fn case(drill: bool, acknowledged_after: Option<i64>) -> Case {
    let mut case = testing::case(CaseState::Open);
    case.drill = drill.then(|| "d".to_owned());
    case.history
        .extend(acknowledged_after.map(|seconds| CaseStep {
            at: case.opened_at + SignedDuration::from_secs(seconds),
            by: "responder@example.com".to_owned(),
            action: CaseAction::Acknowledged,
            comment: None,
        }));
    case
}

#[test]
fn uses_are_counted_by_person_service_and_image() {
    let mut denied = case(false, None);
    denied.category = Category::Denied;
    let mut silent = case(false, Some(60));
    silent.findings[0].justification = None;
    let cases = [case(false, Some(600)), silent, case(true, None), denied];
    let rules = Rules {
        ticket: Some(Regex::new("INC-[0-9]+").unwrap()),
        ..Rules::default()
    };
    let stats = stats(&cases, None, false, &rules);
    assert_eq!(stats.repeat_offenders, ["night-duty@example.com"]);
    let group = Group {
        name: "cloud-run:acme-shop/europe-west1/checkout".to_owned(),
        uses: 3,
        drills: 1,
        acknowledged: 2,
        median_seconds_to_acknowledge: Some(330),
        without_ticket: 1,
        share_without_ticket: 1.0 / 3.0,
    };
    assert_eq!(stats.services, std::slice::from_ref(&group));
    assert_eq!(
        stats.images[0].name,
        "europe-west1-docker.pkg.dev/acme-shop/apps/checkout"
    );
    assert_eq!(
        stats.total,
        Group {
            name: String::new(),
            ..group
        }
    );
}

#[test]
fn a_drill_offends_nobody_and_the_past_does_not_count() {
    let cases = [case(false, None), case(true, None)];
    let later = cases[0].opened_at + SignedDuration::from_secs(1);
    let rules = Rules::default();
    assert_eq!(
        stats(&cases, None, false, &rules).repeat_offenders,
        Vec::<String>::new()
    );
    assert_eq!(stats(&cases, Some(later), false, &rules).total.uses, 0);
}
