use jiff::ToSpan as _;
use postern_core::case::CaseState;
use postern_core::change::{Change, Notification, SeenEvent};
use postern_core::image::Digest;
use postern_core::ledger::tree;
use postern_core::ports::{
    Attempted, AuditStore as _, CaseFilter, Journal as _, LedgerStore as _, Outbox as _,
};

use super::*;
use crate::testing;

fn retention(dry_run: bool) -> Retention {
    Retention {
        before: testing::now() + 1.hour(),
        by: "keeper@example.com".to_owned(),
        dry_run,
    }
}

/// A store with three old entries, of which two are signed, and one that is not old.
async fn filled() -> (Store, tempfile::TempDir) {
    let (store, directory) = testing::store().await;
    let signed = [
        testing::decision_entry("01A"),
        testing::revocation_entry("01B", "x"),
    ];
    store.append(signed.to_vec()).await.unwrap();
    store.grow().await.unwrap();
    store
        .keep_checkpoint(2, testing::now(), "note")
        .await
        .unwrap();
    let mut young = testing::revocation_entry("01D", "x");
    young.at = testing::now() + 2.hours();
    let later = vec![testing::revocation_entry("01C", "x"), young];
    store.append(later).await.unwrap();
    store.grow().await.unwrap();
    (store, directory)
}

#[tokio::test]
async fn of_old_signed_entries_only_their_hashes_stay_and_proofs_hold() {
    let (store, _directory) = filled().await;
    let before = store.grow().await.unwrap();
    let dry = store.prune(&retention(true), testing::now()).await.unwrap();
    assert_eq!(
        store.entries(0, 9).await.unwrap().len(),
        4,
        "it only counted"
    );
    let pruned = store
        .prune(&retention(false), testing::now())
        .await
        .unwrap();
    assert_eq!(pruned, dry);
    assert_eq!((pruned.entries, pruned.checkpoint_size), (2, 2));

    let left = store.entries(0, 9).await.unwrap();
    let left: Vec<_> = left.iter().map(|stored| stored.entry.id.as_str()).collect();
    assert_eq!(&left[..2], ["01C", "01D"]);
    assert_eq!(store.entry("01A").await.unwrap(), None);
    assert_eq!(store.decision("01A").await.unwrap(), None);
    let leaves = store.leaves(0, 9).await.unwrap();
    assert!(
        leaves[0].canonical.is_empty()
            && leaves[1].canonical.is_empty()
            && !leaves[2].canonical.is_empty()
    );

    assert_eq!(store.head_of(4).await.unwrap(), Some(before));
    let after = store.grow().await.unwrap();
    assert_eq!(after.size, 5);
    let growth = store.prove_growth(4, 5).await.unwrap().unwrap();
    assert!(tree::is_consistent(
        (4, before.root),
        (5, after.root),
        &growth
    ));
    let found = store.prove("01C", 5).await.unwrap().unwrap();
    assert!(tree::is_included(
        &found.canonical,
        2,
        5,
        after.root,
        &found.proof
    ));
    // The guard is back.
    let pool = store.writer().await.unwrap().pool();
    let error = sqlx::query("UPDATE entries SET kind = 'X'")
        .execute(pool)
        .await;
    assert!(error.unwrap_err().to_string().contains("append-only"));
    // What is gone is not taken in again.
    store
        .append(vec![testing::decision_entry("01A")])
        .await
        .unwrap();
    assert_eq!(store.entry("01A").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_open_or_pending_stays_and_what_is_done_goes() {
    let (store, _directory) = filled().await;
    let open = testing::case("open", 1);
    let mut closed = testing::case("closed", 1);
    closed.state = CaseState::Closed;
    let mut excepted = testing::case("excepted", 1);
    excepted.state = CaseState::Closed;
    excepted.exception_until = Some(testing::now() + 99.hours());
    let cases = [open, closed, excepted];
    for case in &cases {
        let mut finding = testing::finding(&format!("F-{}", case.id), Some(&case.id));
        finding.at = testing::now();
        let change = Change {
            seen: Some(SeenEvent {
                key: format!("event of {}", case.id),
                content: Digest::of(b"x"),
                received_at: testing::now(),
                raw: b"raw".to_vec(),
            }),
            outbox: vec![Notification::of(case, testing::now())],
            findings: vec![finding],
            cases: vec![case.clone()],
            ..Change::default()
        };
        store.commit(change).await.unwrap();
    }
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    for id in ["closed-1", "excepted-1"] {
        store
            .attempted(&[id], "bus", Attempted::Delivered, testing::now())
            .await
            .unwrap();
    }
    store
        .prune(&retention(false), testing::now())
        .await
        .unwrap();
    let all = CaseFilter {
        limit: 9,
        ..CaseFilter::default()
    };
    let mut left: Vec<_> = store.cases_like(&all).await.unwrap();
    left.sort_by(|a, b| a.id.cmp(&b.id));
    let left: Vec<_> = left.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(left, ["excepted", "open"]);
    let queues = store.queues().await.unwrap();
    assert_eq!((queues[0].pending, queues[0].dead), (1, 0));
    // An event that comes again is still known.
    let snapshot = store.snapshot("event of closed", &[]).await.unwrap();
    assert_eq!(snapshot.seen, Some(Digest::of(b"x")));
    let raw: Vec<Vec<u8>> = sqlx::query_scalar("SELECT raw FROM seen_events")
        .fetch_all(store.readers().await.unwrap())
        .await
        .unwrap();
    assert!(raw.iter().all(Vec::is_empty));
}

#[tokio::test]
async fn nothing_is_let_go_that_was_not_signed() {
    let (store, _directory) = testing::store().await;
    store
        .append(vec![testing::decision_entry("01A")])
        .await
        .unwrap();
    let error = store
        .prune(&retention(false), testing::now())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unsigned), "{error}");
}
