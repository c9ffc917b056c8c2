use postern_core::case::CaseState;
use postern_core::change::{Change, Notification, Quarantined, SeenEvent};
use postern_core::entry::Entry;
use postern_core::image::Digest;
use postern_core::ports::{AuditStore as _, Journal as _, LedgerStore as _, Outbox as _};
use rstest::rstest;

use super::*;
use crate::testing;

const PERSON: &str = "OnCall@example.com";

fn forgotten(name: &str) -> Forgotten {
    Forgotten {
        name: name.to_owned(),
        by: "privacy@example.com".to_owned(),
        reason: "request 7".to_owned(),
    }
}

fn named(id: &str) -> Case {
    let mut finding = testing::finding("F1", Some(id));
    finding.actor.principal = Some("oncall@example.com".to_owned());
    finding.summary = "oncall@example.com broke the glass".to_owned();
    let mut case = testing::case(id, 1);
    case.state = CaseState::Closed;
    case.actors = vec!["oncall@example.com".to_owned()];
    case.findings = vec![finding];
    case
}

/// A store in which a closed case, its finding, an alert, an event and a decision name the person.
async fn filled() -> (Store, tempfile::TempDir) {
    let (store, directory) = testing::store().await;
    let mut decision = testing::decision("01D");
    decision.caller = Some(testing::caller("oncall@example.com"));
    decision.break_glass = Some(testing::break_glass());
    let decision = Entry {
        id: "01D".to_owned(),
        at: testing::now(),
        record: Record::Decision(Box::new(decision)),
    };
    let case = named("C1");
    let change = Change {
        seen: Some(SeenEvent {
            key: "event".to_owned(),
            content: Digest::of(b"x"),
            received_at: testing::now(),
            raw: br#"{"principalEmail": "oncall@example.com"}"#.to_vec(),
        }),
        quarantine: Some(Quarantined {
            id: "Q1".to_owned(),
            received_at: testing::now(),
            route: "push".to_owned(),
            reason: "synthetic".to_owned(),
            raw: b"oncall@example.com\xff".to_vec(),
        }),
        outbox: vec![Notification::of(&case, testing::now())],
        findings: case.findings.clone(),
        cases: vec![case],
        entries: vec![decision],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    (store, directory)
}

/// Everything in the database as one text.
async fn everything(store: &Store) -> String {
    let mut all = String::new();
    for (table, column) in [
        ("entries", "canonical"),
        ("seen_events", "raw"),
        ("quarantine", "raw"),
    ] {
        let select = format!("SELECT {column} FROM {table}");
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(AssertSqlSafe(select))
            .fetch_all(store.readers().await.unwrap())
            .await
            .unwrap();
        all.extend(
            rows.iter()
                .map(|row| String::from_utf8_lossy(row).into_owned()),
        );
    }
    for (table, column) in [
        ("personal", "body"),
        ("cases", "body"),
        ("findings", "body"),
        ("notifications", "body"),
        ("break_glass_uses", "caller"),
    ] {
        let select = format!("SELECT {column} FROM {table}");
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select))
            .fetch_all(store.readers().await.unwrap())
            .await
            .unwrap();
        all.extend(rows);
    }
    all
}

#[tokio::test]
async fn nothing_names_the_person_any_more_and_the_record_is_the_same() {
    let (store, _directory) = filled().await;
    assert!(everything(&store).await.contains("oncall@example.com"));
    let before = store.grow().await.unwrap();
    let erasure = store.forget(&forgotten(PERSON), testing::now()).await;
    let erasure = erasure.unwrap();
    assert_eq!((erasure.texts, erasure.rows), (1, 6), "{erasure:?}");

    let all = everything(&store).await.to_lowercase();
    assert!(!all.contains("oncall"), "{all}");
    assert_eq!(store.head_of(before.size).await.unwrap(), Some(before));
    assert_eq!(store.grow().await.unwrap().size, before.size + 1);

    let entry = store.entry("01D").await.unwrap().unwrap().entry;
    let Record::Decision(decision) = entry.record else {
        panic!("{entry:?}")
    };
    let caller = decision.caller.unwrap();
    assert!(postern_core::personal::is_commitment(
        &caller.email.unwrap()
    ));
    assert_eq!(caller.issuer, "https://issuer.example");
    let case = store.case("C1").await.unwrap().unwrap();
    assert_eq!(case.actors, ["[erased]"]);
    assert_eq!(case.findings[0].summary, "[erased] broke the glass");
    let last = store.entries(0, 9).await.unwrap().pop().unwrap();
    assert_eq!(last.entry.record, Record::Erasure(erasure));
    assert!(store.queues().await.is_ok());
}

#[tokio::test]
async fn what_was_erased_is_still_the_same_entry_when_it_comes_again() {
    let (store, _directory) = testing::store().await;
    let mut entry = testing::revocation_entry("01A", "for bob@example.com");
    store.append(vec![entry.clone()]).await.unwrap();
    store
        .forget(&forgotten("bob@example.com"), testing::now())
        .await
        .unwrap();
    store.append(vec![entry.clone()]).await.unwrap();
    if let Record::Revocation(revocation) = &mut entry.record {
        revocation.what = postern_core::revocation::Revoked::Key("other".to_owned());
    }
    assert!(store.append(vec![entry]).await.is_err());
}

#[tokio::test]
async fn a_person_is_not_forgotten_while_an_open_case_names_them() {
    let (store, _directory) = testing::store().await;
    let mut case = named("C1");
    case.state = CaseState::Open;
    let change = Change {
        cases: vec![case],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let error = store.forget(&forgotten(PERSON), testing::now()).await;
    let error = error.unwrap_err();
    assert!(
        error.to_string().starts_with("case C1 names this person"),
        "{error}"
    );
    assert!(everything(&store).await.contains("oncall@example.com"));
    let none = store.forget(&forgotten(" a "), testing::now()).await;
    assert!(matches!(none, Err(StoreError::NameTooShort)));
}

#[rstest]
#[case("ÄNNE@example.com wrote", Some("[erased] wrote"))]
#[case("änne@EXAMPLE.com and änne@example.com", Some("[erased] and [erased]"))]
#[case("änne@example.co", None)]
#[case("", None)]
fn a_name_is_found_whatever_its_case(#[case] text: &str, #[case] erased: Option<&str>) {
    let name = Name::of("Änne@example.com").unwrap();
    assert_eq!(name.erased_from(text).as_deref(), erased);
    assert_eq!(name.is_in(text), erased.is_some());
}
