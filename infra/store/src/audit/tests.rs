use postern_core::change::Notification;

use super::*;
use crate::testing::{self, case, finding, revocation_entry};

fn event(content: &[u8]) -> SeenEvent {
    SeenEvent {
        key: "log/1".to_owned(),
        content: Digest::of(content),
        received_at: testing::now(),
        raw: content.to_vec(),
    }
}

/// An event with a finding that opens a case.
fn opening() -> Change {
    let case = case("C1", 1);
    Change {
        seen: Some(event(b"one")),
        findings: vec![finding("F1", Some("C1"))],
        correlations: vec![Correlation {
            key: "web/revision-3".to_owned(),
            case_id: "C1".to_owned(),
        }],
        entries: vec![revocation_entry("01A", "stands for any entry")],
        outbox: vec![Notification::of(&case, testing::now())],
        cases: vec![case],
        ..Change::default()
    }
}

async fn count(store: &Store, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(store.readers().await.unwrap())
        .await
        .unwrap()
}

fn latest(limit: u32) -> CaseFilter {
    CaseFilter {
        limit,
        ..CaseFilter::default()
    }
}

#[tokio::test]
async fn a_change_is_written_once() {
    let (store, _directory) = testing::store().await;
    assert_eq!(store.commit(opening()).await, Ok(Committed::Written));
    assert_eq!(store.commit(opening()).await, Ok(Committed::AlreadySeen));

    let keys = ["web/revision-3".to_owned(), "unknown".to_owned()];
    let snapshot = store.snapshot("log/1", &keys).await.unwrap();
    assert_eq!(
        snapshot,
        Snapshot {
            seen: Some(Digest::of(b"one")),
            cases: [(keys[0].clone(), case("C1", 1))].into(),
            ..Snapshot::default()
        }
    );
    assert_eq!(store.snapshot("log/2", &[]).await, Ok(Snapshot::default()));
    assert_eq!(store.case("C1").await, Ok(Some(case("C1", 1))));
    assert_eq!(store.case("C2").await, Ok(None));
    assert_eq!(count(&store, "SELECT COUNT(*) FROM entries").await, 1);
    assert_eq!(count(&store, "SELECT COUNT(*) FROM notifications").await, 1);
}

#[tokio::test]
async fn an_event_that_says_something_else_writes_nothing() {
    let (store, _directory) = testing::store().await;
    store.commit(opening()).await.unwrap();
    let other = Change {
        seen: Some(event(b"two")),
        cases: vec![case("C2", 1)],
        ..Change::default()
    };
    assert_eq!(
        store.commit(other).await,
        Ok(Committed::SeenWithOtherContent)
    );
    assert_eq!(store.case("C2").await, Ok(None));
}

#[tokio::test]
async fn a_case_that_moved_on_undoes_the_whole_change() {
    let (store, _directory) = testing::store().await;
    store.commit(opening()).await.unwrap();
    for revision in [1, 3] {
        let change = Change {
            seen: Some(SeenEvent {
                key: "log/2".to_owned(),
                ..event(b"two")
            }),
            cases: vec![case("C3", 1), case("C1", revision)],
            entries: vec![revocation_entry("01B", "x")],
            ..Change::default()
        };
        assert_eq!(store.commit(change).await, Ok(Committed::Stale));
    }
    assert_eq!(store.case("C3").await, Ok(None));
    assert_eq!(store.snapshot("log/2", &[]).await.unwrap().seen, None);
    assert_eq!(store.entry("01B").await.unwrap(), None);

    let next = Change {
        cases: vec![case("C1", 2)],
        ..Change::default()
    };
    assert_eq!(store.commit(next).await, Ok(Committed::Written));
    assert_eq!(store.case("C1").await.unwrap().unwrap().revision, 2);
}

/// What deciding on an event of this key gives, whatever case the snapshot shows.
async fn decided(store: &Store, event_key: &str, new_case: &str) -> Change {
    let key = "web/revision-7".to_owned();
    let snapshot = store
        .snapshot(event_key, std::slice::from_ref(&key))
        .await
        .unwrap();
    let known = snapshot.cases.get(&key);
    let joined = known.map_or(case(new_case, 1), |known| Case {
        revision: known.revision + 1,
        ..known.clone()
    });
    Change {
        seen: Some(SeenEvent {
            key: event_key.to_owned(),
            ..event(event_key.as_bytes())
        }),
        read: vec![(key.clone(), known.map(|known| known.id.clone()))],
        correlations: vec![Correlation {
            key,
            case_id: joined.id.clone(),
        }],
        cases: vec![joined],
        ..Change::default()
    }
}

#[tokio::test]
async fn two_entries_of_one_deployment_at_the_same_time_are_one_case() {
    let (store, _directory) = testing::store().await;
    let first = decided(&store, "log/a", "CA").await;
    let second = decided(&store, "log/b", "CB").await;
    assert_eq!(store.commit(first).await, Ok(Committed::Written));
    assert_eq!(store.commit(second).await, Ok(Committed::Stale));
    assert_eq!(store.case("CB").await, Ok(None));

    let again = decided(&store, "log/b", "CB").await;
    assert_eq!(store.commit(again).await, Ok(Committed::Written));
    let cases = store.cases_like(&latest(10)).await.unwrap();
    assert_eq!(cases.len(), 1);
    assert_eq!((cases[0].id.as_str(), cases[0].revision), ("CA", 2));
}

#[tokio::test]
async fn a_case_that_was_closed_in_the_meantime_is_not_joined() {
    let (store, _directory) = testing::store().await;
    let opened = decided(&store, "log/a", "CA").await;
    store.commit(opened).await.unwrap();
    let joins = decided(&store, "log/b", "CB").await;
    let closed = Change {
        cases: vec![Case {
            state: CaseState::Closed,
            ..case("CA", 2)
        }],
        ..Change::default()
    };
    store.commit(closed).await.unwrap();
    assert_eq!(store.commit(joins).await, Ok(Committed::Stale));
}

#[tokio::test]
async fn an_entry_that_contradicts_the_journal_undoes_the_whole_change() {
    let (store, _directory) = testing::store().await;
    store.commit(opening()).await.unwrap();
    let change = Change {
        cases: vec![case("C9", 1)],
        entries: vec![revocation_entry("01A", "other")],
        ..Change::default()
    };
    let error = store.commit(change).await.unwrap_err();
    assert!(error.message.contains("other content"), "{error}");
    assert_eq!(store.case("C9").await, Ok(None));
}

#[tokio::test]
async fn a_closed_case_is_not_shown() {
    let (store, _directory) = testing::store().await;
    store.commit(opening()).await.unwrap();
    let closed = Case {
        state: CaseState::Closed,
        ..case("C1", 2)
    };
    let change = Change {
        cases: vec![closed],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let snapshot = store
        .snapshot("log/2", &["web/revision-3".to_owned()])
        .await
        .unwrap();
    assert!(snapshot.cases.is_empty());
}

#[tokio::test]
async fn a_damaged_finding_blocks_no_key() {
    let (store, _directory) = testing::store().await;
    store.commit(opening()).await.unwrap();
    sqlx::query("UPDATE findings SET body = '{'")
        .execute(store.writer().await.unwrap().pool())
        .await
        .unwrap();
    let keys = ["web/revision-3".to_owned()];
    let snapshot = store.snapshot("log/2", &keys).await.unwrap();
    assert_eq!(snapshot.cases.len(), 1);
}

#[tokio::test]
async fn cases_come_newest_first() {
    let (store, _directory) = testing::store().await;
    let at = |id: &str, seconds| Case {
        opened_at: testing::now() + jiff::SignedDuration::from_secs(seconds),
        ..case(id, 1)
    };
    let change = Change {
        cases: vec![at("C1", 5), at("C2", 9), at("C3", 7)],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let cases = store.cases_like(&latest(2)).await.unwrap();
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["C2", "C3"]);
}

#[tokio::test]
async fn unreadable_bytes_are_kept_as_they_came() {
    let (store, _directory) = testing::store().await;
    let quarantined = Quarantined {
        id: "01Q".to_owned(),
        received_at: testing::now(),
        route: "pubsub:projects/p/subscriptions/s".to_owned(),
        reason: "not JSON".to_owned(),
        raw: vec![0, 0xff, b'{'],
    };
    let change = Change {
        quarantine: Some(quarantined.clone()),
        ..Change::default()
    };
    assert_eq!(store.commit(change.clone()).await, Ok(Committed::Written));
    assert_eq!(store.commit(change).await, Ok(Committed::Written));
    let raw: Vec<Vec<u8>> = sqlx::query_scalar("SELECT raw FROM quarantine")
        .fetch_all(store.readers().await.unwrap())
        .await
        .unwrap();
    assert_eq!(raw, [quarantined.raw]);
}
