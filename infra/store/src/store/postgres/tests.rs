//! What only a server can do: be shared, have roles, and go away.

use std::collections::BTreeSet;
use std::time::Duration;

use postern_core::change::{Change, Lane, Notification};
use postern_core::ledger::tree;
use postern_core::ports::{AuditStore as _, Journal as _, LedgerStore as _, Outbox as _};
use postern_tests::Postgres;
use rstest::rstest;

use super::*;
use crate::store::Store;
use crate::testing::{self, revocation_entry};

async fn store(server: &Postgres) -> Store {
    Store::open(server.url()).await.unwrap()
}

async fn refusal(store: &Store, statement: &'static str) -> String {
    let pool = store.writer().await.unwrap().pool();
    pool.execute(statement).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_instances_keep_one_ledger_without_gaps() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let opened = (0..3).map(|_| store(&server));
    let stores = futures_of(opened).await;
    let appends = stores.iter().enumerate().map(|(instance, store)| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..40 {
                let entry = revocation_entry(&format!("01-{instance}-{n:03}"), "x");
                store.append(vec![entry]).await.unwrap();
                store.grow().await.unwrap();
            }
        })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap();
    }
    let mut frontier = postern_core::ledger::Frontier::default();
    let entries = stores[0].entries(0, 1000).await.unwrap();
    for (place, stored) in entries.iter().enumerate() {
        assert_eq!(stored.position, i64::try_from(place).unwrap() + 1);
        frontier.push(tree::leaf_hash(&stored.canonical));
    }
    for store in &stores {
        let head = store.grow().await.unwrap();
        assert_eq!((head.size, head.root), (120, frontier.root()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_claimed_by_one_instance_only() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let stores = futures_of((0..2).map(|_| store(&server))).await;
    let cases: Vec<_> = (0..50)
        .map(|n| testing::case(&format!("C{n:02}"), 1))
        .collect();
    let outbox = cases
        .iter()
        .map(|case| Notification::of(case, testing::now()));
    let change = Change {
        outbox: outbox.collect(),
        cases,
        ..Change::default()
    };
    stores[0].commit(change).await.unwrap();
    stores[0].route(&|_| vec!["bus".to_owned()]).await.unwrap();
    let now = testing::now();
    let claims = stores.iter().map(|store| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            loop {
                let until = now + jiff::SignedDuration::from_secs(60);
                let claimed = store
                    .claim("bus", Lane::Urgent, now, until, 3)
                    .await
                    .unwrap();
                if claimed.is_empty() {
                    return ids;
                }
                ids.extend(claimed.into_iter().map(|due| due.notification.id));
            }
        })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.unwrap());
    }
    assert_eq!(all.len(), 50);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 50);
}

#[tokio::test]
async fn even_who_owns_the_tables_does_not_change_the_record_by_accident() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = store(&server).await;
    store
        .append(vec![revocation_entry("01A", "x")])
        .await
        .unwrap();
    for statement in [
        "UPDATE entries SET kind = 'DECISION'",
        "DELETE FROM entries",
        "TRUNCATE entries CASCADE",
        "TRUNCATE tree_nodes",
        "DELETE FROM tree_nodes",
        "UPDATE checkpoints SET note = ''",
    ] {
        let refusal = refusal(&store, statement).await;
        assert!(refusal.contains("append-only"), "{statement}: {refusal}");
    }
}

#[tokio::test]
async fn the_role_of_a_function_adds_to_the_record_and_does_nothing_else_to_it() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let owner = store(&server).await;
    let pool = owner.writer().await.unwrap().pool();
    pool.execute("CREATE ROLE function LOGIN").await.unwrap();
    // Twice, as after an upgrade.
    owner.grant("function").await.unwrap();
    owner.grant("function").await.unwrap();

    let function = Store::open(&server.url_as("function")).await.unwrap();
    function.health().await.unwrap();
    function
        .append(vec![testing::decision_entry("01A")])
        .await
        .unwrap();
    let change = Change {
        cases: vec![testing::case("C1", 1)],
        findings: vec![testing::finding("F1", Some("C1"))],
        ..Change::default()
    };
    function.commit(change).await.unwrap();
    assert_eq!(function.grow().await.unwrap().size, 1);
    function
        .keep_checkpoint(1, testing::now(), "note")
        .await
        .unwrap();

    for statement in [
        "UPDATE entries SET kind = 'DECISION'",
        "DELETE FROM entries",
        "TRUNCATE entries CASCADE",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "DROP TRIGGER entries_are_not_changed ON entries",
        "DROP TABLE entries CASCADE",
        "UPDATE tree_nodes SET hash = hash",
        "DELETE FROM checkpoints",
        "DELETE FROM cases",
        "DELETE FROM findings",
        "UPDATE findings SET body = ''",
        "DELETE FROM notifications",
        "DELETE FROM seen_events",
        "DELETE FROM deployments",
        "CREATE FUNCTION postern_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    ] {
        let refusal = refusal(&function, statement).await;
        let refused = refusal.contains("permission denied") || refusal.contains("must be owner");
        assert!(refused, "{statement}: {refusal}");
    }
}

#[tokio::test]
async fn a_role_without_rights_is_told_so() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let owner = store(&server).await;
    let pool = owner.writer().await.unwrap().pool();
    pool.execute("CREATE ROLE stranger LOGIN").await.unwrap();
    let error = Store::open(&server.url_as("stranger")).await.unwrap_err();
    assert!(matches!(error, StoreError::Forbidden(_)), "{error}");
    assert!(matches!(
        owner.grant("nobody").await.unwrap_err(),
        StoreError::Database(_)
    ));
}

#[tokio::test]
async fn a_lock_that_another_holds_is_an_outage_and_then_works_again() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let busy_timeout = Duration::from_millis(50);
    let waiting = Store::open_with(server.url(), Options { busy_timeout }).await;
    let (waiting, other) = (waiting.unwrap(), store(&server).await);
    let held = other.begin().await.unwrap();
    let entry = || vec![revocation_entry("01A", "x")];
    let error = waiting.append(entry()).await.unwrap_err();
    assert_eq!(error.message, "the database is locked by another process");
    held.rollback().await.unwrap();
    waiting.append(entry()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_is_an_outage_and_comes_back() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let store = store(&server).await;
    let entry = |id: &str| vec![revocation_entry(id, "x")];
    store.append(entry("01A")).await.unwrap();
    server.crash();
    assert!(store.append(entry("01B")).await.is_err());
    assert!(store.health().await.is_err());
    assert!(Store::open(server.url()).await.is_err());
    server.restart();
    store.append(entry("01B")).await.unwrap();
    assert_eq!(store.entries(0, 9).await.unwrap().len(), 2);
}

#[rstest]
#[case("postgres://u:secret@db.example/postern", true)]
#[case("postgres://u:secret@db.example/postern?sslmode=prefer", true)]
#[case("postgres://u:secret@db.example/postern?sslmode=verify-full", false)]
#[case("postgresql://u:secret@[::1]/postern", false)]
#[case(
    "postgres:///postern?host=/cloudsql/demo-mart:eu:db&password=secret",
    false
)]
#[tokio::test]
async fn a_server_elsewhere_needs_tls(#[case] url: &str, #[case] refused: bool) {
    match Store::lazy(url, Options::default()) {
        Ok(store) => {
            assert!(!refused);
            assert!(!store.source_name().contains("secret"));
        }
        Err(error) => {
            assert!(refused, "{error}");
            let said = error.to_string();
            assert!(said.contains("?sslmode=verify-full"), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}

async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut done = Vec::new();
    for future in futures {
        done.push(future.await);
    }
    done
}
