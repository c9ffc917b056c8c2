//! Facts, decisions, expectations, silence and parts, in a real database. Everything is synthetic.

use jiff::ToSpan as _;
use postern_core::decision::{Decision, EnforcementMode};
use postern_core::entry::{Entry, Record};
use postern_core::image::Digest;
use postern_core::memory::{Decided, DecisionQuestion, Expected, Outcome, Said};
use postern_core::occurrence::payload_hashes;
use postern_core::ports::{AttestationSink as _, AuditStore as _, Committed, Journal as _};
use postern_core::reason::Verdict;

use super::*;
use crate::testing;

fn fact(key: &str, source: &str, minutes: i64) -> Fact {
    Fact {
        key: key.to_owned(),
        source: source.to_owned(),
        at: testing::now() + minutes.minutes(),
        said: Said {
            word: source.to_owned(),
            ..Said::default()
        },
    }
}

fn asked(facts: &[&str]) -> Questions {
    Questions {
        facts: facts.iter().map(|key| FactQuestion::latest(*key)).collect(),
        ..Questions::default()
    }
}

#[tokio::test]
async fn facts_are_recalled_by_key_in_the_order_in_which_they_happened() {
    let (store, _directory) = testing::store().await;
    let change = Change {
        facts: vec![
            fact("a", "late", 5),
            fact("a", "early", 1),
            fact("b", "other", 2),
        ],
        ..Change::default()
    };
    assert_eq!(store.commit(change.clone()).await, Ok(Committed::Written));
    assert_eq!(
        store.commit(change).await,
        Ok(Committed::Written),
        "said once"
    );
    let memory = store.recall(&asked(&["a", "none"])).await.unwrap();
    let words: Vec<_> = memory
        .of("a")
        .iter()
        .map(|fact| fact.said.word.as_str())
        .collect();
    assert_eq!(words, ["early", "late"]);
    assert_eq!(memory.of("none"), []);
    assert_eq!(memory.of("b"), [], "nobody asked");
}

#[tokio::test]
async fn a_change_that_was_made_from_fewer_facts_is_stale() {
    let (store, _directory) = testing::store().await;
    let questions = asked(&["a"]);
    let before = store.recall(&questions).await.unwrap().shown(&questions);
    let said = |source: &str, remembered: Vec<(String, i64)>| Change {
        facts: vec![fact("a", source, 1)],
        remembered,
        ..Change::default()
    };
    assert_eq!(
        store.commit(said("1", before.clone())).await,
        Ok(Committed::Written)
    );
    assert_eq!(store.commit(said("2", before)).await, Ok(Committed::Stale));
    assert_eq!(store.recall(&questions).await.unwrap().of("a").len(), 1);
}

#[tokio::test]
async fn a_change_is_stale_however_many_facts_there_are_besides_those_that_are_shown() {
    let (store, _directory) = testing::store().await;
    let many = Change {
        facts: (0..300).map(|n| fact("a", &n.to_string(), n)).collect(),
        ..Change::default()
    };
    store.commit(many).await.unwrap();
    let questions = asked(&["a"]);
    let memory = store.recall(&questions).await.unwrap();
    assert_eq!(memory.of("a").len(), 256);
    let said = |source: &str, minutes: i64| Change {
        facts: vec![fact("a", source, minutes)],
        remembered: memory.shown(&questions),
        ..Change::default()
    };
    assert_eq!(
        store.commit(said("early", -1)).await,
        Ok(Committed::Written)
    );
    assert_eq!(
        store.commit(said("late", 999)).await,
        Ok(Committed::Stale),
        "neither shows in how many there are"
    );
}

#[tokio::test]
async fn facts_around_a_time_are_shown_however_many_came_later() {
    let (store, _directory) = testing::store().await;
    let many = (100..400).map(|n| fact("a", &n.to_string(), n));
    let change = Change {
        facts: many
            .chain([fact("a", "wanted", 5), fact("a", "before", -61)])
            .collect(),
        ..Change::default()
    };
    store.commit(change).await.unwrap();
    let hour = jiff::SignedDuration::from_hours(1);
    for (question, expected) in [
        (FactQuestion::latest("a"), None),
        (
            FactQuestion::around("a", testing::now(), hour),
            Some("wanted"),
        ),
        (
            FactQuestion::until("a", testing::now() + 99.minutes()),
            Some("before"),
        ),
    ] {
        let questions = Questions {
            facts: vec![question, FactQuestion::latest("a")],
            ..Questions::default()
        };
        let memory = store.recall(&questions).await.unwrap();
        let first = memory.of("a").first().unwrap();
        let expected = expected.unwrap_or("144");
        assert_eq!(first.source, expected, "both answers, oldest first");
    }
}

fn decided(id: &str, minutes: i64, change: impl FnOnce(&mut Decision)) -> Entry {
    let mut decision = testing::decision(id);
    decision.decided_at = testing::now() + minutes.minutes();
    change(&mut decision);
    Entry {
        id: id.to_owned(),
        at: decision.decided_at,
        record: Record::Decision(Box::new(decision)),
    }
}

fn decision_question(minutes: i64) -> DecisionQuestion {
    DecisionQuestion {
        digest: testing::digest(),
        target: testing::decision("01A").images[0].target.to_string(),
        at: testing::now() + minutes.minutes(),
    }
}

async fn holding(store: &Store, minutes: i64) -> Option<(String, Outcome)> {
    let asked = decision_question(minutes);
    let questions = Questions {
        decisions: vec![asked.clone()],
        ..Questions::default()
    };
    let memory = store.recall(&questions).await.unwrap();
    let holding = memory.decisions[&asked].holding();
    holding.map(|decision| (decision.id.clone(), decision.outcome))
}

#[tokio::test]
async fn the_last_decision_before_a_deployment_is_recalled() {
    let (store, _directory) = testing::store().await;
    // The ids are in another order than the times.
    let entries = vec![
        decided("01D", 0, |_| ()),
        decided("01C", 10, |decision| decision.allowed = false),
        decided("01B", 20, |decision| {
            decision.verdict = Verdict::NonConformant;
            decision.enforcement = EnforcementMode::DryRun;
        }),
        decided("01A", 30, |decision| {
            decision.allowed = false;
            decision.images[0].resolved = None;
        }),
    ];
    store.append(entries).await.unwrap();
    for (minutes, expected) in [
        (-1, None),
        (0, Some(("01D", Outcome::Conformant))),
        (9, Some(("01D", Outcome::Conformant))),
        (10, Some(("01C", Outcome::Denied))),
        (20, Some(("01B", Outcome::LetThrough))),
        (40, Some(("01B", Outcome::LetThrough))),
    ] {
        let expected = expected.map(|(id, outcome)| (id.to_owned(), outcome));
        assert_eq!(holding(&store, minutes).await, expected, "{minutes}");
    }
}

#[tokio::test]
async fn two_clocks_may_be_a_little_apart() {
    let (store, _directory) = testing::store().await;
    let seconds = |seconds: i64| {
        move |decision: &mut Decision| {
            decision.decided_at = testing::now() + seconds.seconds();
        }
    };
    store
        .append(vec![decided("01A", 0, seconds(31))])
        .await
        .unwrap();
    assert_eq!(holding(&store, 0).await, None);
    store
        .append(vec![decided("01B", 0, seconds(30))])
        .await
        .unwrap();
    let expected = ("01B".to_owned(), Outcome::Conformant);
    assert_eq!(holding(&store, 0).await, Some(expected));
}

#[tokio::test]
async fn decisions_are_recalled_by_digest_and_target() {
    let (store, _directory) = testing::store().await;
    let asked = decision_question(0);
    let other = DecisionQuestion {
        digest: Digest::of(b"other"),
        ..asked.clone()
    };
    let questions = Questions {
        decisions: vec![asked.clone(), other.clone()],
        ..Questions::default()
    };
    assert!(store.recall(&questions).await.unwrap().gated.is_empty());
    let denied = decided("01A", 0, |decision| decision.allowed = false);
    store.append(vec![denied]).await.unwrap();
    let memory = store.recall(&questions).await.unwrap();
    assert!(memory.decisions[&asked].before.is_some());
    assert_eq!(memory.decisions[&other], Decided::default());
    assert!(memory.gated.contains(&asked.target));
}

#[tokio::test]
async fn a_payload_is_found_by_each_of_its_hashes() {
    let (store, _directory) = testing::store().await;
    let occurrence = testing::occurrence("key-1", b"sig");
    let payload = occurrence.attestation.clone().unwrap();
    let hashes = payload_hashes(&payload.serialized_payload.0);
    let attested = async || {
        let questions = Questions {
            payloads: hashes.to_vec(),
            ..Questions::default()
        };
        store.recall(&questions).await.unwrap().attested.len()
    };
    assert_eq!(attested().await, 0);
    store.store(occurrence.clone()).await.unwrap();
    assert_eq!(attested().await, 3);
    // As it was stored by an older version.
    let mut transaction = store.begin().await.unwrap();
    sqlx::query("UPDATE occurrences SET payload_sha384 = NULL, payload_sha512 = NULL")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(attested().await, 1);
    store.store(occurrence).await.unwrap();
    assert_eq!(attested().await, 3, "it was signed again");
}

#[tokio::test]
async fn what_was_decided_before_tells_dry_run_from_conformance_by_the_migration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("old.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for sql in [
        include_str!("../../migrations/sqlite/0001_store.sql"),
        include_str!("../../migrations/sqlite/0002_memory.sql"),
    ] {
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    }
    for (position, verdict) in ["CONFORMANT", "NON_CONFORMANT"].into_iter().enumerate() {
        let canonical = serde_json::json!({"body": {"verdict": verdict}}).to_string();
        sqlx::query("INSERT INTO entries VALUES ($1, $2, 0, 'DECISION', $3, zeroblob(32))")
            .bind(position as i64)
            .bind(verdict)
            .bind(canonical.into_bytes())
            .execute(&pool)
            .await
            .unwrap();
        sqlx::query("INSERT INTO deployments VALUES ('d', 't', 0, $1)")
            .bind(verdict)
            .execute(&pool)
            .await
            .unwrap();
    }
    sqlx::raw_sql(include_str!("../../migrations/sqlite/0005_correlation.sql"))
        .execute(&pool)
        .await
        .unwrap();
    let rows: Vec<(String, bool)> =
        sqlx::query_as("SELECT entry_id, conformant FROM deployments ORDER BY entry_id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let expected = [("CONFORMANT", true), ("NON_CONFORMANT", false)];
    assert_eq!(rows, expected.map(|(id, is)| (id.to_owned(), is)));
}

#[tokio::test]
async fn expectations_come_due_until_they_are_settled() {
    let (store, _directory) = testing::store().await;
    let expectation = Expectation {
        id: "conformance|1".to_owned(),
        due_at: testing::now() + 10.minutes(),
        untold_since: None,
        what: Expected::Attestation {
            payload: "00".to_owned(),
        },
        event_key: "log/1".to_owned(),
        finding: testing::finding("1", None),
    };
    let expect = Change {
        expectations: vec![expectation.clone()],
        ..Change::default()
    };
    store.commit(expect.clone()).await.unwrap();
    let due = async |minutes: i64| {
        let at = testing::now() + minutes.minutes();
        store.expectations(at, 9).await.unwrap()
    };
    assert_eq!(due(9).await, []);
    assert_eq!(due(10).await, std::slice::from_ref(&expectation));
    let settle = Change {
        settled: vec![expectation.id.clone()],
        ..Change::default()
    };
    store.commit(settle).await.unwrap();
    assert_eq!(due(10).await, []);
    store.commit(expect).await.unwrap();
    assert_eq!(due(10).await, [expectation], "it is expected once more");
}

#[tokio::test]
async fn what_was_heard_last_only_moves_forward() {
    let (store, _directory) = testing::store().await;
    let hear = async |minutes: i64| {
        let heard = Some(("demo".to_owned(), testing::now() + minutes.minutes()));
        let change = Change {
            heard,
            ..Change::default()
        };
        store.commit(change).await.unwrap();
        store.last_heard().await.unwrap()["demo"]
    };
    assert_eq!(hear(5).await, testing::now() + 5.minutes());
    assert_eq!(hear(3).await, testing::now() + 5.minutes());
    assert_eq!(hear(7).await, testing::now() + 7.minutes());
}

#[tokio::test]
async fn parts_are_kept_until_they_are_forgotten() {
    let (store, _directory) = testing::store().await;
    let part = |index: u32, minutes: i64| Part {
        uid: "split".to_owned(),
        index,
        total: 2,
        received_at: testing::now() + minutes.minutes(),
        raw: vec![b'0' + index as u8],
    };
    assert_eq!(store.keep_part(part(1, 0)).await.unwrap().len(), 1);
    assert_eq!(
        store.keep_part(part(1, 1)).await.unwrap().len(),
        1,
        "the same again"
    );
    let incomplete = async |minutes: i64| {
        let before = testing::now() + minutes.minutes();
        store.incomplete(before).await.unwrap()
    };
    assert_eq!(incomplete(0).await, []);
    assert_eq!(incomplete(1).await, [part(1, 0)]);
    let parts = store.keep_part(part(0, 2)).await.unwrap();
    assert_eq!(parts.iter().map(|p| p.index).collect::<Vec<_>>(), [0, 1]);
    store.forget_parts("split").await.unwrap();
    assert_eq!(incomplete(9).await, []);
    let known = store.keep_part(part(1, 10)).await.unwrap();
    assert!(
        known.iter().all(|part| part.raw.is_empty()),
        "it came before"
    );
}
