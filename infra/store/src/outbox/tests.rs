use jiff::{Timestamp, ToSpan as _};
use postern_core::case::Case;
use postern_core::change::Change;
use postern_core::finding::Category;
use postern_core::ports::AuditStore as _;

use super::*;
use crate::testing::{self, case};

mod together;

const LATER: i64 = 60;

fn at(seconds: i64) -> Timestamp {
    testing::now() + seconds.seconds()
}

fn both(_: &Notification) -> Vec<String> {
    vec!["bus".to_owned(), "security".to_owned()]
}

/// Alerts about new cases, one second apart.
async fn alerts(store: &Store, ids: &[&str]) {
    let alert = |(seconds, id): (i64, &&str)| {
        let case: Case = case(id, 1);
        let notification = Notification::of(&case, at(seconds));
        (case, notification)
    };
    let (cases, outbox) = (0..).zip(ids).map(alert).unzip();
    let change = Change {
        cases,
        outbox,
        ..Change::default()
    };
    store.commit(change).await.unwrap();
}

async fn claimed(store: &Store, output: &str, now: i64, limit: u32) -> Vec<(String, u32)> {
    claimed_of(store, output, Lane::Urgent, now, limit).await
}

async fn claimed_of(
    store: &Store,
    output: &str,
    lane: Lane,
    now: i64,
    limit: u32,
) -> Vec<(String, u32)> {
    let due = store
        .claim(output, lane, at(now), at(now + LATER), limit)
        .await
        .unwrap();
    due.into_iter()
        .map(|due| (due.notification.id, due.attempts))
        .collect()
}

#[tokio::test]
async fn a_claim_excludes_others_until_it_ends() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2", "C3"]).await;
    assert!(
        claimed(&store, "bus", 10, 9).await.is_empty(),
        "nothing is routed yet"
    );
    store.route(&both).await.unwrap();
    store.route(&both).await.unwrap();

    let first = claimed(&store, "bus", 10, 2).await;
    assert_eq!(first, [("C1-1".to_owned(), 0), ("C2-1".to_owned(), 0)]);
    assert_eq!(
        claimed(&store, "bus", 11, 9).await,
        [("C3-1".to_owned(), 0)]
    );
    assert!(claimed(&store, "bus", 12, 9).await.is_empty());
    assert_eq!(
        claimed(&store, "security", 12, 9).await.len(),
        3,
        "each output by itself"
    );
    let again = claimed(&store, "bus", 10 + LATER, 9).await;
    assert_eq!(
        again,
        [("C1-1".to_owned(), 0), ("C2-1".to_owned(), 0)],
        "whoever claimed them died, and had sent nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_claims_share_nothing() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2", "C3", "C4", "C5", "C6"]).await;
    store.route(&both).await.unwrap();
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { claimed(&store, "bus", 10, 2).await })
        })
        .collect();
    let mut all = Vec::new();
    for claim in claims {
        all.extend(claim.await.unwrap());
    }
    all.sort();
    let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["C1-1", "C2-1", "C3-1", "C4-1", "C5-1", "C6-1"]);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_and_a_confirmed_one_never() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    claimed(&store, "bus", 0, 1).await;
    let again = Attempted::Again {
        at: at(30),
        error: "503".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", again, at(1))
        .await
        .unwrap();
    assert!(claimed(&store, "bus", 29, 1).await.is_empty());
    assert_eq!(
        claimed(&store, "bus", 30, 1).await,
        [("C1-1".to_owned(), 1)]
    );
    assert_eq!(store.oldest_undelivered().await, Ok(Some(at(0))));

    for _ in 0..2 {
        store
            .attempted(&["C1-1"], "bus", Attempted::Delivered, at(31))
            .await
            .unwrap();
    }
    let late = Attempted::Again {
        at: at(32),
        error: "late".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", late, at(32))
        .await
        .unwrap();
    assert!(claimed(&store, "bus", 10_000, 1).await.is_empty());
    assert_eq!(store.oldest_undelivered().await, Ok(None));

    let entries = store.entries(0, 10).await.unwrap();
    let records: Vec<_> = entries
        .into_iter()
        .map(|stored| stored.entry.record)
        .collect();
    let confirmed = Delivery {
        notification: "C1-1".to_owned(),
        case_id: "C1".to_owned(),
        output: "bus".to_owned(),
    };
    assert_eq!(
        records,
        [Record::Delivery(confirmed)],
        "recorded once, attempts never"
    );
}

#[tokio::test]
async fn a_dead_letter_is_kept_and_holds_nothing_up() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    claimed(&store, "bus", 1, 9).await;
    let dead = Attempted::Dead {
        error: "410 Gone".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", dead, at(2))
        .await
        .unwrap();
    let letters = store.dead_letters(None, 10).await.unwrap();
    assert_eq!(
        letters,
        [DeadLetter {
            id: "C1-1".to_owned(),
            at: letters[0].at,
            notification: Some(Notification::of(&case("C1", 1), at(0))),
            output: "bus".to_owned(),
            attempts: 1,
            error: "410 Gone".to_owned(),
        }]
    );
    assert_eq!(
        store.oldest_undelivered().await,
        Ok(Some(at(1))),
        "the dead one does not count"
    );
    assert_eq!(
        claimed(&store, "bus", 10_000, 9).await,
        [("C2-1".to_owned(), 0)]
    );
}

#[tokio::test]
async fn an_alert_without_an_output_is_done_and_one_not_routed_is_not() {
    let (store, _directory) = testing::store().await;
    assert_eq!(store.oldest_undelivered().await, Ok(None));
    alerts(&store, &["C1"]).await;
    assert_eq!(store.oldest_undelivered().await, Ok(Some(at(0))));
    store.route(&|_| Vec::new()).await.unwrap();
    assert_eq!(store.oldest_undelivered().await, Ok(None));
}

#[tokio::test]
async fn an_unknown_delivery_is_an_error() {
    let (store, _directory) = testing::store().await;
    let error = store
        .attempted(&["C1-1"], "bus", Attempted::Delivered, at(0))
        .await
        .unwrap_err();
    assert_eq!(error.message, "there is no delivery of C1-1 to bus");
}

#[tokio::test]
async fn an_alert_that_cannot_be_read_does_not_hold_up_the_others() {
    let (store, _directory) = testing::store().await;
    sqlx::query("INSERT INTO notifications (id, at, lane, body) VALUES ('broken', 0, 1, '{')")
        .execute(store.writer().await.unwrap().pool())
        .await
        .unwrap();
    alerts(&store, &["C1"]).await;
    store.route(&both).await.unwrap();
    assert_eq!(
        claimed(&store, "bus", 10, 9).await,
        [("C1-1".to_owned(), 0)]
    );
    assert_eq!(
        store.oldest_undelivered().await,
        Ok(Some(Timestamp::UNIX_EPOCH)),
        "and is not forgotten"
    );
}

#[tokio::test]
async fn an_alert_that_was_damaged_after_it_was_routed_is_given_up() {
    let (store, _directory) = testing::store().await;
    alerts(&store, &["C1", "C2"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    sqlx::query("UPDATE notifications SET body = '{' WHERE id = 'C1-1'")
        .execute(store.writer().await.unwrap().pool())
        .await
        .unwrap();
    assert_eq!(
        claimed(&store, "bus", 10, 9).await,
        [("C2-1".to_owned(), 0)]
    );
    let dead: Vec<(String, i64)> =
        sqlx::query_as("SELECT notification_id, attempts FROM deliveries WHERE state = 'DEAD'")
            .fetch_all(store.readers().await.unwrap())
            .await
            .unwrap();
    assert_eq!(dead, [("C1-1".to_owned(), 0)]);
    let letters = store.dead_letters(None, 10).await.unwrap();
    assert_eq!(
        (letters[0].id.as_str(), &letters[0].notification),
        ("C1-1", &None)
    );
}

/// Denials, all at the same time, before every other alert.
async fn denials(store: &Store, count: usize) {
    let case = |index| Case {
        category: Category::Denied,
        ..case(&format!("D{index:05}"), 1)
    };
    let cases: Vec<Case> = (0..count).map(case).collect();
    let outbox = cases.iter().map(|case| Notification::of(case, at(-60)));
    let change = Change {
        outbox: outbox.collect(),
        cases,
        ..Change::default()
    };
    store.commit(change).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_denials_does_not_delay_break_glass() {
    let (store, _directory) = testing::store().await;
    denials(&store, 5000).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    alerts(&store, &["C1"]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    assert_eq!(
        claimed(&store, "bus", 10, 8).await,
        [("C1-1".to_owned(), 0)]
    );
    let denied = claimed_of(&store, "bus", Lane::Normal, 10, 8).await;
    assert_eq!(denied.len(), 8, "and is no reason for them to wait");
    assert_eq!(denied[0].0, "D00000-1");
}

#[tokio::test]
async fn what_is_urgent_is_routed_first() {
    let (store, _directory) = testing::store().await;
    denials(&store, 600).await;
    alerts(&store, &["C1"]).await;
    assert!(store.route_some(&|_| vec!["bus".to_owned()]).await.unwrap());
    assert_eq!(
        claimed(&store, "bus", 10, 8).await,
        [("C1-1".to_owned(), 0)]
    );
}

#[tokio::test]
async fn a_break_glass_that_joins_a_case_of_denials_makes_its_alert_urgent() {
    let (store, _directory) = testing::store().await;
    let case = Case {
        category: Category::Denied,
        findings: vec![testing::finding("F1", Some("C1"))],
        ..case("C1", 1)
    };
    let change = Change {
        outbox: vec![Notification::of(&case, at(0))],
        cases: vec![case],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    assert_eq!(claimed(&store, "bus", 10, 8).await.len(), 1);
}

/// Alerts about the first revisions of one case, of these categories.
async fn revisions(store: &Store, id: &str, categories: &[Category]) {
    for (revision, category) in (1..).zip(categories) {
        let case = Case {
            category: *category,
            ..case(id, revision)
        };
        let change = Change {
            outbox: vec![Notification::of(&case, at(0))],
            cases: vec![case],
            ..Change::default()
        };
        store.commit(change).await.unwrap();
    }
}

async fn delivered(store: &Store, id: &str, output: &str) {
    store
        .attempted(&[id], output, Attempted::Delivered, at(1))
        .await
        .unwrap();
}

#[tokio::test]
async fn alerts_of_a_case_keep_their_order_at_each_output() {
    let (store, _directory) = testing::store().await;
    revisions(&store, "C1", &[Category::BreakGlass; 11]).await;
    alerts(&store, &["C11"]).await;
    store.route(&both).await.unwrap();
    let first = [("C1-1".to_owned(), 0), ("C11-1".to_owned(), 0)];
    assert_eq!(claimed(&store, "bus", 10, 9).await, first);
    let again = Attempted::Again {
        at: at(30),
        error: "503".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", again, at(11))
        .await
        .unwrap();
    assert_eq!(claimed(&store, "bus", 29, 9).await, [], "it is to be sent");
    assert_eq!(claimed(&store, "bus", 30, 9).await[0].0, "C1-1");
    assert_eq!(claimed(&store, "bus", 31, 9).await, [], "it is being sent");
    for revision in 1..10 {
        delivered(&store, &format!("C1-{revision}"), "bus").await;
        let next = (format!("C1-{}", revision + 1), 0);
        assert_eq!(claimed(&store, "bus", 32, 9).await, [next]);
    }
    assert_eq!(claimed(&store, "security", 10, 9).await, first);
}

#[tokio::test]
async fn what_was_given_up_holds_up_nothing_of_its_case() {
    let (store, _directory) = testing::store().await;
    revisions(&store, "C1", &[Category::BreakGlass; 2]).await;
    store.route(&both).await.unwrap();
    let dead = Attempted::Dead {
        error: "410".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", dead, at(1))
        .await
        .unwrap();
    assert_eq!(claimed(&store, "bus", 2, 9).await[0].0, "C1-2");
}

#[tokio::test]
async fn what_an_urgent_alert_waits_for_is_urgent_as_well() {
    let (store, _directory) = testing::store().await;
    revisions(&store, "C1", &[Category::Denied]).await;
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    denials(&store, 600).await;
    revisions(&store, "C2", &[Category::Denied]).await;
    for case in ["C1", "C2"] {
        let case = Case {
            category: Category::BreakGlass,
            ..testing::case(case, 2)
        };
        let change = Change {
            outbox: vec![Notification::of(&case, at(1))],
            cases: vec![case],
            ..Change::default()
        };
        store.commit(change).await.unwrap();
    }
    assert!(store.route_some(&|_| vec!["bus".to_owned()]).await.unwrap());
    let first = [("C1-1".to_owned(), 0), ("C2-1".to_owned(), 0)];
    assert_eq!(claimed(&store, "bus", 10, 9).await, first);
    delivered(&store, "C1-1", "bus").await;
    delivered(&store, "C2-1", "bus").await;
    let second = [("C1-2".to_owned(), 0), ("C2-2".to_owned(), 0)];
    assert_eq!(claimed(&store, "bus", 10, 9).await, second);
}

#[tokio::test]
async fn each_queue_says_what_waits_and_what_was_given_up() {
    let (store, _directory) = testing::store().await;
    assert_eq!(store.queues().await, Ok(Vec::new()));
    alerts(&store, &["C1", "C2", "C3"]).await;
    store.route(&both).await.unwrap();
    let dead = Attempted::Dead {
        error: "400".to_owned(),
    };
    store
        .attempted(&["C1-1"], "bus", dead, at(4))
        .await
        .unwrap();
    for id in ["C1-1", "C2-1", "C3-1"] {
        store
            .attempted(&[id], "security", Attempted::Delivered, at(4))
            .await
            .unwrap();
    }
    let bus = Queue {
        output: "bus".to_owned(),
        pending: 2,
        dead: 1,
        oldest: Some(at(1)),
    };
    assert_eq!(store.queues().await, Ok(vec![bus]));
}

#[tokio::test]
async fn alerts_that_wait_already_get_their_lane_by_the_migration() {
    let directory = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(directory.path().join("old.db"))
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let old = include_str!("../../migrations/sqlite/0001_store.sql");
    sqlx::raw_sql(old).execute(&pool).await.unwrap();
    for (id, body) in [
        (
            "a-urgent",
            r#"{"case": {"category": "TRUST_CHAIN", "findings": []}}"#,
        ),
        (
            "b-joined",
            r#"{"case": {"category": "DENIED", "findings": [{"category": "DENIED"}, {"category": "BREAK_GLASS"}]}}"#,
        ),
        (
            "c-denied",
            r#"{"case": {"category": "DENIED", "findings": [{"category": "DENIED"}]}}"#,
        ),
        ("d-broken", "{"),
    ] {
        let insert = "INSERT INTO notifications (id, at, body) VALUES ($1, 0, $2)";
        sqlx::query(insert)
            .bind(id)
            .bind(body)
            .execute(&pool)
            .await
            .unwrap();
        let insert =
            "INSERT INTO deliveries (notification_id, output, due_at) VALUES ($1, 'bus', 0)";
        sqlx::query(insert).bind(id).execute(&pool).await.unwrap();
    }
    let migration = include_str!("../../migrations/sqlite/0006_delivery.sql");
    sqlx::raw_sql(migration).execute(&pool).await.unwrap();
    let lanes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT n.lane, d.lane FROM notifications n JOIN deliveries d ON d.notification_id = n.id
         ORDER BY n.id",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(lanes, [(0, 0), (0, 0), (1, 1), (1, 1)]);
}
