use jiff::SignedDuration;
use postern_core::change::Change;
use postern_core::entry::Entry;
use postern_core::finding::Category;
use postern_core::ports::{AuditStore as _, Committed, Journal as _};

use super::*;
use crate::testing::{self, caller, case, image, now};

fn hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

async fn with_cases(cases: Vec<Case>) -> (Store, tempfile::TempDir) {
    let (store, directory) = testing::store().await;
    let change = Change {
        cases,
        ..Change::default()
    };
    assert_eq!(store.commit(change).await, Ok(Committed::Written));
    (store, directory)
}

async fn ids(store: &Store, filter: CaseFilter) -> Vec<String> {
    let filter = CaseFilter {
        limit: if filter.limit == 0 { 100 } else { filter.limit },
        ..filter
    };
    let cases = store.cases_like(&filter).await.unwrap();
    cases.into_iter().map(|case| case.id).collect()
}

#[tokio::test]
async fn cases_are_found_by_what_is_asked_for() {
    let denied = Case {
        category: Category::Denied,
        severity: Severity::Low,
        owner: Some("team-web".to_owned()),
        ..case("b", 1)
    };
    let closed = Case {
        state: CaseState::Closed,
        opened_at: hours(-1),
        target: Some("cloud-run:demo-mart/europe-west1/web".to_owned()),
        ..case("a", 1)
    };
    let worst = Case {
        severity: Severity::Critical,
        opened_at: hours(1),
        ..case("c", 1)
    };
    let (store, _directory) = with_cases(vec![denied, closed, worst]).await;
    let filter = CaseFilter::default;
    assert_eq!(ids(&store, filter()).await, ["c", "b", "a"]);
    let by = |change: fn(&mut CaseFilter)| {
        let mut filter = filter();
        change(&mut filter);
        filter
    };
    for (filter, expected) in [
        (by(|f| f.state = Some(CaseState::Closed)), vec!["a"]),
        (by(|f| f.category = Some(Category::Denied)), vec!["b"]),
        (by(|f| f.severity = Some(Severity::High)), vec!["c", "a"]),
        (by(|f| f.owner = Some("team-web".to_owned())), vec!["b"]),
        (
            by(|f| f.target = Some("cloud-run:demo-mart/europe-west1/web".to_owned())),
            vec!["a"],
        ),
        (by(|f| f.since = Some(now())), vec!["c", "b"]),
        (by(|f| f.before = Some("b".to_owned())), vec!["a"]),
        (by(|f| f.before = Some("none".to_owned())), vec![]),
        (by(|f| f.limit = 2), vec!["c", "b"]),
        (
            by(|f| {
                f.severity = Some(Severity::High);
                f.state = Some(CaseState::Open);
            }),
            vec!["c"],
        ),
    ] {
        assert_eq!(ids(&store, filter.clone()).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn what_is_due_is_the_next_step_or_the_end_of_an_exception() {
    let open = Case {
        due_at: Some(hours(2)),
        ..case("open", 1)
    };
    let exception = Case {
        state: CaseState::Closed,
        due_at: Some(hours(0)),
        exception_until: Some(hours(1)),
        ..case("exception", 1)
    };
    let closed = Case {
        state: CaseState::Closed,
        ..case("closed", 1)
    };
    let (store, _directory) = with_cases(vec![open, exception, closed]).await;
    let overdue = async |at| {
        let cases = store.overdue(at, 9).await.unwrap();
        cases.into_iter().map(|case| case.id).collect::<Vec<_>>()
    };
    assert_eq!(overdue(hours(0)).await, Vec::<String>::new());
    assert_eq!(overdue(hours(1)).await, ["exception"]);
    assert_eq!(overdue(hours(2)).await, ["exception", "open"]);
}

#[tokio::test]
async fn a_text_that_justifies_another_case_makes_the_change_stale() {
    let (store, _directory) = with_cases(vec![case("a", 1), case("b", 1)]).await;
    let hash = Digest::of(b"synthetic justification");
    let justify = |id: &str, revision, once| Change {
        cases: vec![case(id, revision)],
        justifications: vec![UsedJustification {
            hash,
            case_id: id.to_owned(),
            once,
        }],
        ..Change::default()
    };
    assert_eq!(
        store.commit(justify("a", 2, true)).await,
        Ok(Committed::Written)
    );
    assert_eq!(
        store.commit(justify("a", 3, true)).await,
        Ok(Committed::Written)
    );
    assert_eq!(
        store.commit(justify("b", 2, true)).await,
        Ok(Committed::Stale)
    );
    assert_eq!(store.case("b").await.unwrap().unwrap().revision, 1);
    assert_eq!(store.justified_elsewhere(&hash, "a").await, Ok(None));
    let elsewhere = store.justified_elsewhere(&hash, "b").await.unwrap();
    assert_eq!(elsewhere.as_deref(), Some("a"));
    assert_eq!(
        store.commit(justify("b", 2, false)).await,
        Ok(Committed::Written)
    );
}

#[tokio::test]
async fn a_drill_is_found_within_its_time_only() {
    let (store, _directory) = testing::store().await;
    let drill = Drill {
        id: "d".to_owned(),
        target: "cloud-run:demo-mart/europe-west1/web".to_owned(),
        from: hours(0),
        until: hours(1),
        reason: "synthetic".to_owned(),
        declared_by: "lead@example.com".to_owned(),
        declared_at: hours(-1),
    };
    let change = Change {
        drills: vec![drill.clone()],
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let at = async |target: &str, at| store.drills(target, at).await.unwrap();
    assert_eq!(
        at(&drill.target, hours(1)).await,
        std::slice::from_ref(&drill)
    );
    assert_eq!(at(&drill.target, hours(2)).await, []);
    assert_eq!(
        at("cloud-run:demo-mart/europe-west1/api", hours(0)).await,
        []
    );
}

#[tokio::test]
async fn who_had_an_occurrence_signed_is_known_from_the_journal() {
    let (store, _directory) = testing::store().await;
    let signing = Signing {
        attestor: "projects/demo-mart/attestors/built-by-ci".parse().unwrap(),
        image: image(),
        key_id: "key-1".to_owned(),
        caller: Some(caller("ci@example.com")),
        occurrence: Some("projects/demo-mart/occurrences/1".to_owned()),
    };
    let entry = Entry {
        id: "01S".to_owned(),
        at: now(),
        record: Record::Signing(signing.clone()),
    };
    store.append(vec![entry.clone()]).await.unwrap();
    store.append(vec![entry]).await.unwrap();
    let known = store.signing("projects/demo-mart/occurrences/1").await;
    assert_eq!(known, Ok(Some(signing)));
    assert_eq!(
        store.signing("projects/demo-mart/occurrences/2").await,
        Ok(None)
    );
}

/// Cases that an older version wrote have no columns yet.
#[tokio::test]
async fn stored_cases_get_their_columns_by_the_migration() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    sqlx::raw_sql(include_str!("../../migrations/sqlite/0001_store.sql"))
        .execute(&pool)
        .await
        .unwrap();
    let old = Case {
        due_at: Some(hours(1)),
        ..case("old", 1)
    };
    sqlx::query(
        "INSERT INTO cases (id, revision, closed, opened_at, body) VALUES ('old', 1, 0, 0, $1)",
    )
    .bind(serde_json::to_string(&old).unwrap())
    .execute(&pool)
    .await
    .unwrap();
    sqlx::raw_sql(include_str!("../../migrations/sqlite/0003_cases.sql"))
        .execute(&pool)
        .await
        .unwrap();
    let row: (String, String, i64, i64) =
        sqlx::query_as("SELECT state, category, severity, due_at / 1000000 FROM cases")
            .fetch_one(&pool)
            .await
            .unwrap();
    let expected = (
        "OPEN".to_owned(),
        "BREAK_GLASS".to_owned(),
        3,
        hours(1).as_second(),
    );
    assert_eq!(row, expected);
}
