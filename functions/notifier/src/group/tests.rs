use jiff::SignedDuration;
use postern_core::finding::Category;

use super::*;
use crate::testing::sample::denials;
use crate::testing::{alert, denial};

fn grouping(by: &[GroupBy]) -> Grouping {
    Grouping {
        by: by.to_vec(),
        wait: SignedDuration::from_secs(30),
        most: 4,
    }
}

fn due(alert: Notification) -> DueDelivery {
    DueDelivery {
        due: alert.at,
        notification: alert,
        output: "chat".to_owned(),
        attempts: 0,
    }
}

fn at(alert: &Notification, seconds: i64) -> Timestamp {
    alert.at + SignedDuration::from_secs(seconds)
}

fn chosen(waiting: &[DueDelivery], by: &[GroupBy], now: Timestamp) -> Vec<String> {
    let next = next(waiting.to_vec(), &grouping(by), now);
    next.into_iter().map(|due| due.notification.id).collect()
}

const TOGETHER: &[GroupBy] = &[GroupBy::Category, GroupBy::Project];

#[test]
fn a_group_goes_out_once_its_oldest_has_waited() {
    let waiting: Vec<_> = denials(3).alerts.into_iter().map(due).collect();
    let oldest = waiting[0].notification.clone();
    let none: [&str; 0] = [];
    assert_eq!(chosen(&waiting, TOGETHER, at(&oldest, 29)), none);
    let all = ["01D000-1", "01D001-1", "01D002-1"];
    assert_eq!(chosen(&waiting, TOGETHER, at(&oldest, 30)), all);
    assert_eq!(
        chosen(&waiting, &[GroupBy::Target], at(&oldest, 30)),
        ["01D000-1"],
        "the others have something else in common, and wait for that"
    );
}

#[test]
fn a_full_group_waits_no_longer_and_the_rest_is_a_group_of_its_own() {
    let waiting: Vec<_> = denials(6).alerts.into_iter().map(due).collect();
    let now = at(&waiting[5].notification, 0);
    let first = chosen(&waiting, TOGETHER, now);
    assert_eq!(first, ["01D000-1", "01D001-1", "01D002-1", "01D003-1"]);
    assert_eq!(chosen(&waiting[..4], TOGETHER, now), first);
    assert!(chosen(&waiting[4..], TOGETHER, now).is_empty());
}

#[test]
fn what_is_always_told_waits_for_nobody() {
    let mut bypass = denial("b");
    bypass.case.category = Category::Bypass;
    for told in [alert("a", 1), bypass] {
        let mut waiting: Vec<_> = denials(4).alerts.into_iter().map(due).collect();
        waiting.push(due(told.clone()));
        waiting.push(due(denial("z")));
        assert_eq!(chosen(&waiting, TOGETHER, told.at), [told.id]);
    }
}

#[test]
fn what_was_sent_together_comes_again_together_and_with_nobody_else() {
    let mut waiting: Vec<_> = denials(4).alerts.into_iter().map(due).collect();
    let again = at(&waiting[3].notification, 5);
    for tried in &mut waiting[..2] {
        tried.due = again;
    }
    waiting.sort_by_key(|delivery| delivery.due);
    assert_eq!(
        chosen(&waiting, TOGETHER, again),
        ["01D000-1", "01D001-1"],
        "and has waited already"
    );
    let of_all = at(&waiting[0].notification, 40);
    assert_eq!(chosen(&waiting, TOGETHER, of_all), ["01D002-1", "01D003-1"]);
}

#[test]
fn the_outbox_may_drop_nanoseconds() {
    let mut alert = denial("n");
    alert.at += SignedDuration::from_nanos(1);
    let mut waiting = due(alert.clone());
    waiting.due -= SignedDuration::from_nanos(1);
    assert!(chosen(&[waiting], TOGETHER, at(&alert, 29)).is_empty());
}

#[test]
fn the_id_is_of_the_members() {
    let group = denials(3);
    let mut alerts = group.alerts.clone();
    alerts.reverse();
    assert_eq!(AlertGroup::of(alerts, TOGETHER).id, group.id);
    assert_ne!(denials(4).id, group.id);
    insta::assert_snapshot!(group.id, @"group-28acfc0c48c49584941e0268edee8c84");
}
