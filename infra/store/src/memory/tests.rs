//! Facts, decisions, expectations, silence and parts, in a real database. Everything is synthetic.

use jiff::ToSpan as _;
use postern_core::entry::{Entry, Record};
use postern_core::memory::{Expected, Said};
use postern_core::ports::{AuditStore as _, Committed, Journal as _};

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
        facts: facts.iter().map(|key| (*key).to_owned()).collect(),
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
    let said = |source: &str, remembered: Vec<(String, usize)>| Change {
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
async fn decisions_are_recalled_by_digest_and_target() {
    let (store, _directory) = testing::store().await;
    let entry = |id: &str, allowed: bool| {
        let mut decision = testing::decision(id);
        decision.allowed = allowed;
        Entry {
            id: id.to_owned(),
            at: decision.decided_at,
            record: Record::Decision(Box::new(decision)),
        }
    };
    let target = testing::decision("01A").images[0].target.to_string();
    let questions = Questions {
        decisions: vec![
            (testing::digest(), target.clone()),
            (Digest::of(b"other"), target.clone()),
        ],
        ..Questions::default()
    };
    assert!(store.recall(&questions).await.unwrap().gated.is_empty());
    store.append(vec![entry("01A", false)]).await.unwrap();
    let memory = store.recall(&questions).await.unwrap();
    let of = |memory: &Memory, digest| memory.decisions[&(digest, target.clone())].clone();
    assert_eq!(
        of(&memory, testing::digest()).denied.as_deref(),
        Some("01A")
    );
    assert_eq!(of(&memory, testing::digest()).allowed, None);
    assert_eq!(of(&memory, Digest::of(b"other")), Decided::default());
    assert!(memory.gated.contains(&target));
    store.append(vec![entry("01B", true)]).await.unwrap();
    let memory = store.recall(&questions).await.unwrap();
    assert_eq!(
        of(&memory, testing::digest()).allowed.as_deref(),
        Some("01B")
    );
}

#[tokio::test]
async fn expectations_come_due_until_they_are_settled() {
    let (store, _directory) = testing::store().await;
    let expectation = Expectation {
        id: "conformance|1".to_owned(),
        due_at: testing::now() + 10.minutes(),
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
