use postern_core::attestor::NoteName;
use postern_core::entry::{Record, TrustChange};
use postern_core::ports::{AttestationSource, TrustMaterial as _};
use serde_json::json;

use super::*;
use crate::testing::{self, now};

/// What is told of a write; synthetic.
fn told(id: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        at: now(),
        record: Record::TrustChange(TrustChange {
            method: "UpdatePolicy".to_owned(),
            resource: "projects/demo-mart/policy".to_owned(),
            audit_entry: format!("{{\"insertId\":\"{id}\"}}"),
        }),
    }
}

fn write(id: &str, expected: u64, body: Option<Value>) -> ResourceWrite {
    ResourceWrite {
        name: format!("projects/demo-mart/attestors/{id}"),
        collection: "projects/demo-mart/attestors".to_owned(),
        expected,
        body,
    }
}

fn later() -> Timestamp {
    now() + jiff::SignedDuration::from_secs(60)
}

#[tokio::test]
async fn a_resource_is_written_from_the_revision_that_was_read() {
    let (store, _directory) = testing::store().await;
    let name = "projects/demo-mart/attestors/ci";
    assert_eq!(store.resource(name).await, Ok(None));
    let put = async |id: &str, expected, body| {
        let writes = vec![write("ci", expected, body)];
        store.write_resources(writes, later(), told(id)).await
    };
    assert_eq!(put("01A", 1, Some(json!({}))).await, Ok(Wrote::Stale));
    let first = store.write_resources(
        vec![write("ci", 0, Some(json!({"a": 1})))],
        now(),
        told("01B"),
    );
    assert_eq!(first.await, Ok(Wrote::Written));
    assert_eq!(put("01C", 0, Some(json!({}))).await, Ok(Wrote::Stale));
    assert_eq!(
        put("01D", 1, Some(json!({"a": 2}))).await,
        Ok(Wrote::Written)
    );
    let stored = store.resource(name).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.body), (2, json!({"a": 2})));
    let micros = |at: Timestamp| at.as_microsecond();
    assert_eq!(
        (micros(stored.created), micros(stored.updated)),
        (micros(now()), micros(later()))
    );
    assert_eq!(put("01E", 1, None).await, Ok(Wrote::Stale));
    assert_eq!(put("01F", 2, None).await, Ok(Wrote::Written));
    assert_eq!(store.resource(name).await, Ok(None));
    let recorded = store.entries(0, 9).await.unwrap();
    let ids: Vec<&str> = recorded.iter().map(|stored| &*stored.entry.id).collect();
    assert_eq!(
        ids,
        ["01B", "01D", "01F"],
        "what was not written is not told"
    );
}

#[tokio::test]
async fn of_several_resources_all_are_written_or_none() {
    let (store, _directory) = testing::store().await;
    let writes = vec![
        write("a", 0, Some(json!({}))),
        write("b", 3, Some(json!({}))),
    ];
    let wrote = store.write_resources(writes, now(), told("01A")).await;
    assert_eq!(wrote, Ok(Wrote::Stale));
    assert_eq!(
        store.resource("projects/demo-mart/attestors/a").await,
        Ok(None)
    );
}

#[tokio::test]
async fn lists_go_on_behind_a_name() {
    let (store, _directory) = testing::store().await;
    let writes = ["c", "a", "b"]
        .map(|id| write(id, 0, Some(json!({}))))
        .to_vec();
    store
        .write_resources(writes, now(), told("01A"))
        .await
        .unwrap();
    let listed = async |after: &str| {
        let of = "projects/demo-mart/attestors";
        let resources = store.resources(of, after, 2).await.unwrap();
        let names = resources.into_iter().map(|resource| resource.name);
        names
            .map(|name| name.rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["a", "b"]);
    assert_eq!(listed("projects/demo-mart/attestors/b").await, ["c"]);
    assert_eq!(
        store.resources("projects/other/attestors", "", 9).await,
        Ok(vec![])
    );
}

fn note(project: &str) -> NoteName {
    NoteName {
        project: project.to_owned(),
        id: "ci".to_owned(),
    }
}

fn occurrence(name: &str, body: Value) -> OccurrenceWrite {
    OccurrenceWrite {
        name: name.to_owned(),
        note: note("security"),
        body: Some(body),
    }
}

#[tokio::test]
async fn an_attestation_is_there_once_and_where_images_are_judged() {
    let (store, _directory) = testing::store().await;
    let attestation = json!({
        "noteName": "projects/security/notes/ci",
        "resourceUri": format!("us-docker.pkg.dev/demo-project/repo/app@{}", testing::digest()),
        "kind": "ATTESTATION",
        "attestation": {
            "serializedPayload": "eA-_",
            "signatures": [{"publicKeyId": "k", "signature": "eA=="}],
        },
    });
    let first = "projects/demo-mart/occurrences/1";
    let write = |name: &str, id: &str| {
        let writes = vec![occurrence(name, attestation.clone())];
        store.write_occurrences(writes, now(), told(id))
    };
    assert_eq!(write(first, "01A").await, Ok(Wrote::Written));
    let again = write("projects/demo-mart/occurrences/2", "01B").await;
    assert!(matches!(again, Ok(Wrote::SameAs(_))), "{again:?}");
    let mut forged = attestation.clone();
    forged["attestation"]["signatures"][0]["signature"] = json!("eQ==");
    let writes = vec![occurrence("projects/demo-mart/occurrences/3", forged)];
    let other = store.write_occurrences(writes, now(), told("01D")).await;
    assert_eq!(
        other,
        Ok(Wrote::Written),
        "one signature keeps no other out"
    );
    let found = store.occurrences_of(&note("security")).await;
    assert_eq!(found, 2, "what judges images finds both");
    assert_eq!(store.occurrence(first).await, Ok(Some(attestation.clone())));
    let gone = OccurrenceWrite {
        body: None,
        ..occurrence(first, Value::Null)
    };
    let deleted = store
        .write_occurrences(vec![gone], now(), told("01C"))
        .await;
    assert_eq!(deleted, Ok(Wrote::Written));
    assert_eq!(store.occurrence(first).await, Ok(None));
}

impl Store {
    async fn occurrences_of(&self, note: &NoteName) -> usize {
        let image = testing::image();
        AttestationSource::occurrences(self, &image, note)
            .await
            .unwrap()
            .len()
    }
}

#[tokio::test]
async fn occurrences_are_listed_by_their_project_and_by_their_note() {
    let (store, _directory) = testing::store().await;
    let of = |project: &str, n: u8| {
        let name = format!("projects/{project}/occurrences/{n}");
        let body = json!({
            "noteName": "projects/security/notes/ci",
            "resourceUri": "https://eu.example.com/app",
            "kind": "BUILD",
            "build": {},
        });
        occurrence(&name, body)
    };
    let writes = vec![of("shop", 2), of("shop", 1), of("shop2", 1), of("mart", 1)];
    let wrote = store.write_occurrences(writes, now(), told("01A")).await;
    assert_eq!(
        wrote,
        Ok(Wrote::Written),
        "the same content is no reason to refuse it"
    );
    let listed = async |of: OccurrencesOf, after: &str| {
        let found = ResourceStore::occurrences(&store, &of, after, 9)
            .await
            .unwrap();
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let shop = OccurrencesOf::Project("shop".to_owned());
    let names = ["projects/shop/occurrences/1", "projects/shop/occurrences/2"];
    assert_eq!(listed(shop.clone(), "").await, names);
    assert_eq!(listed(shop, names[0]).await, names[1..]);
    assert_eq!(
        listed(OccurrencesOf::Note(note("security")), "")
            .await
            .len(),
        4
    );
    assert!(
        listed(OccurrencesOf::Note(note("other")), "")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_attestor_cannot_be_read_once_its_note_is_another_one() {
    let (store, _directory) = testing::store().await;
    let name = "projects/demo-mart/attestors/ci".parse().unwrap();
    let note = |expected, body| ResourceWrite {
        name: "projects/security/notes/ci".to_owned(),
        collection: "projects/security/notes".to_owned(),
        expected,
        body,
    };
    let pinned = json!({
        "attestor": {
            "name": "projects/demo-mart/attestors/ci",
            "userOwnedGrafeasNote": {"noteReference": "projects/security/notes/ci"},
        },
        "noteCreated": now(),
    });
    let writes = vec![note(0, Some(json!({}))), write("ci", 0, Some(pinned))];
    let at = Timestamp::from_microsecond(now().as_microsecond()).unwrap();
    store
        .write_resources(writes, at, told("01A"))
        .await
        .unwrap();
    assert!(store.attestor(&name).await.unwrap().is_some());
    for (id, expected, body, said) in [
        ("01B", 1, None, "was deleted"),
        ("01C", 0, Some(json!({})), "made again"),
    ] {
        store
            .write_resources(vec![note(expected, body)], later(), told(id))
            .await
            .unwrap();
        let error = store.attestor(&name).await.unwrap_err();
        assert!(error.message.contains(said), "{error}");
    }
    let other = "projects/demo-mart/attestors/other".parse().unwrap();
    assert_eq!(store.attestor(&other).await, Ok(None));
}
