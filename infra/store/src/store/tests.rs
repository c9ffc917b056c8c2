use std::path::PathBuf;

use postern_core::ports::{Journal as _, RevocationList as _};
use rstest::rstest;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::*;
use crate::testing::{self, revocation_entry};

const SHORT: Options = Options {
    busy_timeout: Duration::from_millis(20),
};

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("postern.db")
}

fn url(directory: &TempDir) -> String {
    format!("sqlite:{}", file(directory).display())
}

async fn other_process(directory: &TempDir) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file(directory));
    options.create_if_missing(true).connect().await.unwrap()
}

#[tokio::test]
async fn a_store_is_made_from_nothing_and_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a/b");
    let store = Store::open_data(&data).await.unwrap();
    store
        .append(vec![revocation_entry("01A", "x")])
        .await
        .unwrap();
    store.health().await.unwrap();
    store.close().await;

    let store = Store::open(&format!("sqlite://{}/postern.db", data.display()))
        .await
        .unwrap();
    assert_eq!(store.entries(0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_database_ended_by_itself_is_not_in_the_way_of_others() {
    let (store, _directory) = testing::sqlite().await;
    let mut transaction = store.begin().await.unwrap();
    // As SQLite does where the disk is full.
    sqlx::query("ROLLBACK")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap_err();
    let entry = revocation_entry("01A", "x");
    store.append(vec![entry]).await.unwrap();
    assert_eq!(store.entries(0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_no_health() {
    let (store, directory) = testing::sqlite().await;
    store.health().await.unwrap();
    // A directory of this name cannot be written either, whoever asks.
    let trial = directory.path().join("postern.trial");
    std::fs::create_dir(&trial).unwrap();
    let error = store.health().await.unwrap_err();
    assert!(error.message.contains("nothing can be written"), "{error}");
    std::fs::remove_dir(trial).unwrap();
    store.health().await.unwrap();
}

#[tokio::test]
async fn commits_are_synced_and_references_are_checked() {
    let (store, _directory) = testing::sqlite().await;
    let pool = store.writer().await.unwrap().pool();
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(pool)
        .await
        .unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(pool)
        .await
        .unwrap();
    let references: i64 = sqlx::query_scalar("PRAGMA foreign_keys")
        .fetch_one(pool)
        .await
        .unwrap();
    assert_eq!((journal.as_str(), synchronous, references), ("wal", 2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_may_make_the_same_store_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let opened: Vec<_> = (0..4)
        .map(|n| {
            let url = url(&directory);
            tokio::spawn(async move {
                let store = Store::open(&url).await.unwrap();
                store
                    .append(vec![revocation_entry(&format!("01{n}"), "x")])
                    .await
                    .unwrap();
            })
        })
        .collect();
    for store in opened {
        store.await.unwrap();
    }
    let store = Store::open_read_only(&url(&directory)).await.unwrap();
    assert_eq!(store.entries(0, 9).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_read_only_store_is_read_and_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let missing = Store::open_data_read_only(&data).await.unwrap_err();
    assert!(matches!(missing, StoreError::Missing(_)), "{missing}");
    assert!(!data.exists());

    let store = Store::open(&url(&directory)).await.unwrap();
    store
        .append(vec![revocation_entry("01A", "x")])
        .await
        .unwrap();
    let reader = Store::open_read_only(&url(&directory)).await.unwrap();
    assert_eq!(reader.entries(0, 9).await.unwrap().len(), 1);
    reader.health().await.unwrap();
    let error = reader
        .append(vec![revocation_entry("01B", "x")])
        .await
        .unwrap_err();
    assert_eq!(error.message, "the database can only be read");
    assert_eq!(
        error.source_name,
        format!("store:{}", directory.path().display())
    );
}

#[tokio::test]
async fn a_locked_database_is_an_outage_and_then_works_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open_with(&url(&directory), SHORT).await.unwrap();
    let mut other = other_process(&directory).await;
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .unwrap();

    let entry = || vec![revocation_entry("01A", "x")];
    let error = store.append(entry()).await.unwrap_err();
    assert_eq!(error.message, "the database is locked by another process");
    assert!(store.health().await.is_err());
    assert!(store.revocations().await.is_ok(), "readers go on");

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    store.append(entry()).await.unwrap();
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_lazy_store_comes_up_with_its_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    std::fs::create_dir(&path).unwrap();
    let store = Store::lazy(&url(&directory), SHORT).unwrap();
    let entry = || vec![revocation_entry("01A", "x")];
    let error = store.append(entry()).await.unwrap_err();
    assert!(
        error
            .message
            .starts_with("the database file cannot be opened"),
        "{error}"
    );
    assert!(store.health().await.is_err());

    std::fs::remove_dir(&path).unwrap();
    store.append(entry()).await.unwrap();
    store.health().await.unwrap();
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_an_outage() {
    let (store, _directory) = testing::sqlite().await;
    // What a file system mounted read-only answers, to the result code.
    let pool = store.writer().await.unwrap().pool();
    sqlx::query("PRAGMA query_only = ON")
        .execute(pool)
        .await
        .unwrap();
    let error = store
        .append(vec![revocation_entry("01A", "x")])
        .await
        .unwrap_err();
    assert_eq!(error.message, "the database can only be read");
}

#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    std::fs::write(
        &path,
        "this is no database, however long it may be ".repeat(100),
    )
    .unwrap();
    let error = Store::open(&url(&directory)).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let error = Store::open(&url(&directory)).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Unopenable),
        "a directory: {error}"
    );
}

#[tokio::test]
async fn a_file_that_is_damaged_in_the_middle_is_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&directory)).await.unwrap();
    let entries = (0..200).map(|n| revocation_entry(&format!("01{n:03}"), &"x".repeat(500)));
    store.append(entries.collect()).await.unwrap();
    store.close().await;

    let path = file(&directory);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let read = async {
        let store = Store::open(&url(&directory)).await?;
        store.entries(0, 1000).await
    };
    assert!(read.await.is_err());
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&directory)).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(store.writer().await.unwrap().pool())
    .await
    .unwrap();
    for opened in [
        Store::open(&url(&directory)).await,
        Store::open_read_only(&url(&directory)).await,
    ] {
        let error = opened.unwrap_err();
        assert!(matches!(error, StoreError::Schema(_)), "{error}");
    }
}

#[tokio::test]
async fn an_empty_file_is_no_store_to_read_from() {
    let directory = tempfile::tempdir().unwrap();
    other_empty(&directory).await;
    assert!(Store::open_read_only(&url(&directory)).await.is_err());
}

async fn other_empty(directory: &TempDir) {
    other_process(directory).await.close().await.unwrap();
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(file(directory))
        .unwrap();
}

#[tokio::test]
async fn a_closed_store_is_an_outage() {
    let (store, _directory) = testing::store().await;
    store.close().await;
    let error = store
        .append(vec![revocation_entry("01A", "x")])
        .await
        .unwrap_err();
    assert_eq!(error.message, "the store is closed");
}

#[rstest]
#[case("sqlite:")]
#[case("mysql://user:secret@db/postern")]
#[case("postern.db")]
#[tokio::test]
async fn another_url_is_refused_without_its_password(#[case] url: &str) {
    let error = Store::open(url).await.unwrap_err().to_string();
    assert!(error.contains("is no store; write sqlite:PATH"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
