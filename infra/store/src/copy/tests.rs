use std::collections::BTreeSet;

use postern_core::change::{Change, Notification, SeenEvent};
use postern_core::image::Digest;
use postern_core::ports::{
    AttestationSink as _, AuditStore as _, CaseFilter, Journal as _, LedgerStore as _, Outbox as _,
};

use super::*;
use crate::testing;

/// A store with something in many of its tables.
async fn filled() -> (Store, tempfile::TempDir) {
    let (store, directory) = testing::store().await;
    let entries = (0..9).map(|n| testing::decision_entry(&format!("01-{n}")));
    store.append(entries.collect()).await.unwrap();
    let case = testing::case("C1", 1);
    let change = Change {
        seen: Some(SeenEvent {
            key: "event".to_owned(),
            content: Digest::of(b"x"),
            received_at: testing::now(),
            raw: b"raw".to_vec(),
        }),
        outbox: vec![Notification::of(&case, testing::now())],
        findings: vec![testing::finding("F1", Some("C1"))],
        cases: vec![case],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    store.route(&|_| vec!["bus".to_owned()]).await.unwrap();
    store
        .store(testing::occurrence("key-1", b"sig"))
        .await
        .unwrap();
    store.grow().await.unwrap();
    store
        .keep_checkpoint(9, testing::now(), "note")
        .await
        .unwrap();
    (store, directory)
}

#[tokio::test]
async fn everything_is_there_after_a_restore_and_the_ledger_is_the_same() {
    let (store, directory) = filled().await;
    let file = directory.path().join("backup.db");
    let copied = store.back_up(&file).await.unwrap();
    let head = store.grow().await.unwrap();
    assert_eq!((copied.size, copied.root), (head.size, head.root));
    let files: BTreeSet<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("backup"))
        .collect();
    assert_eq!(files, BTreeSet::from(["backup.db".to_owned()]));

    let (other, _other) = testing::store().await;
    assert_eq!(other.restore(&file).await.unwrap(), copied);
    assert_eq!(other.grow().await.unwrap(), head);
    assert_eq!(
        other.entries(0, 99).await.unwrap(),
        store.entries(0, 99).await.unwrap()
    );
    let all = CaseFilter {
        limit: 9,
        ..CaseFilter::default()
    };
    assert_eq!(
        other.cases_like(&all).await.unwrap(),
        store.cases_like(&all).await.unwrap()
    );
    assert_eq!(other.queues().await, store.queues().await);
    assert_eq!(
        other.last_checkpoint().await.unwrap().as_deref(),
        Some("note")
    );
    // And it goes on.
    other
        .append(vec![testing::revocation_entry("02", "x")])
        .await
        .unwrap();
    assert_eq!(other.grow().await.unwrap().size, head.size + 1);
}

#[tokio::test]
async fn nothing_that_is_there_is_written_over() {
    let (store, directory) = filled().await;
    let file = directory.path().join("backup.db");
    store.back_up(&file).await.unwrap();
    let again = store.back_up(&file).await.unwrap_err();
    assert!(matches!(again, StoreError::Occupied(_)), "{again}");
    let onto_itself = store.restore(&file).await.unwrap_err();
    assert!(
        matches!(onto_itself, StoreError::Occupied(_)),
        "{onto_itself}"
    );
}

#[tokio::test]
async fn a_backup_whose_ledger_does_not_add_up_is_not_restored() {
    let (store, directory) = filled().await;
    let file = directory.path().join("backup.db");
    store.back_up(&file).await.unwrap();
    let backup = Store::open(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    testing::disarm(&backup).await;
    let (position, leaf) = (3_i64, vec![7_u8; 32]);
    sqlx::query("UPDATE entries SET leaf_hash = $1 WHERE position = $2")
        .bind(leaf)
        .bind(position)
        .execute(backup.writer().await.unwrap().pool())
        .await
        .unwrap();
    backup.close().await;
    let (other, _other) = testing::store().await;
    let error = other.restore(&file).await.unwrap_err().to_string();
    assert!(error.contains("do not give its root"), "{error}");
    assert_eq!(other.entries(0, 9).await.unwrap(), []);
}

#[tokio::test]
async fn every_table_is_copied() {
    let (store, _directory) = testing::sqlite().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
             AND name NOT LIKE '_sqlx%'",
    )
    .fetch_all(store.readers().await.unwrap())
    .await
    .unwrap();
    let known: BTreeSet<&str> = TABLES
        .iter()
        .map(|table| table.name)
        .chain(["tree", "looked"])
        .collect();
    assert_eq!(
        tables.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
    for table in TABLES {
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
            .bind(table.name)
            .fetch_all(store.readers().await.unwrap())
            .await
            .unwrap();
        let known: BTreeSet<&str> = table.columns.iter().map(|column| column.name()).collect();
        let columns: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
        assert_eq!(columns, known, "{}", table.name);
    }
}
