//! Against a stand-in. Everything in it is synthetic.

use serde_json::{Value, json};

use super::*;
use crate::testing::Recorder;

const DIGEST: &str = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

fn image() -> ImageReference {
    let text = format!("eu.example.com/shop/app@{DIGEST}");
    ImageReference::parse(&text).unwrap()
}

fn note() -> NoteName {
    "projects/demo-mart/notes/ci".parse().unwrap()
}

fn client(recorder: &Recorder) -> ContainerAnalysis {
    ContainerAnalysis::new("projects/demo-mart", recorder.endpoint(), None)
        .unwrap()
        .hasty()
}

fn occurrence(uri: &str) -> Value {
    json!({
        "name": "projects/demo-mart/occurrences/one", "kind": "ATTESTATION",
        "noteName": "projects/demo-mart/notes/ci", "resourceUri": uri,
        "attestation": {"serializedPayload": "eA==", "signatures": []},
    })
}

fn refusal(status: u16, word: &'static str) -> impl Future<Output = Recorder> {
    let body = json!({"error": {"code": status, "status": word, "message": "synthetic"}});
    Recorder::answering(status, move |_, _| body.clone())
}

#[tokio::test]
async fn what_hangs_on_the_note_is_listed_as_gcloud_lists_it() {
    let uri = image().to_string();
    let page = json!({"occurrences": [occurrence(&uri)]});
    let recorder = Recorder::start(move |_, _| page.clone()).await;
    let found = client(&recorder).occurrences(&image(), &note()).await;
    assert_eq!(found.unwrap().len(), 1);
    insta::assert_snapshot!(recorder.asked(), @"GET /v1/projects/demo-mart/notes/ci/occurrences?filter=has_suffix%28resourceUrl%2C+%22sha256%3A2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881%22%29&pageSize=100");
}

#[tokio::test]
async fn rubbish_does_not_count_and_hides_nothing() {
    let uri = image().to_string();
    let mut malformed = occurrence(&uri);
    malformed["attestation"]["serializedPayload"] = json!("%%%");
    let long = "x".repeat(2 * 1024 * 1024);
    let page = json!({"occurrences": [
        "rubbish", {"kind": 7}, malformed, occurrence(&long), occurrence(&uri),
    ]});
    let recorder = Recorder::start(move |_, _| page.clone()).await;
    let found = client(&recorder).occurrences(&image(), &note()).await;
    assert_eq!(found.unwrap().len(), 1);
}

#[tokio::test]
async fn more_than_is_looked_at_is_a_limit_and_no_outage() {
    let uri = image().to_string();
    let few = json!({"occurrences": [occurrence(&uri)], "nextPageToken": "more"});
    let many: Vec<_> = (0..1001).map(|_| occurrence(&uri)).collect();
    let many = json!({"occurrences": many});
    for page in [few, many] {
        let recorder = Recorder::start(move |_, _| page.clone()).await;
        let error = client(&recorder).occurrences(&image(), &note()).await;
        assert!(error.unwrap_err().limit);
    }
}

#[tokio::test]
async fn a_note_that_is_not_there_has_nothing_and_one_that_is_not_shown_is_an_outage() {
    let absent = refusal(404, "NOT_FOUND").await;
    let found = client(&absent).occurrences(&image(), &note()).await;
    assert_eq!(found, Ok(Vec::new()));
    for (status, word) in [
        (403, "PERMISSION_DENIED"),
        (404, ""),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
    ] {
        let recorder = refusal(status, word).await;
        let answer = client(&recorder).occurrences(&image(), &note()).await;
        let error = answer.unwrap_err();
        assert!(!error.limit, "{status}");
    }
}

#[tokio::test]
async fn other_digests_of_the_repository_are_found_beside() {
    let other = DIGEST.replace("2d71", "3e82");
    let page = json!({"occurrences": [
        occurrence(&image().to_string()),
        occurrence(&format!("https://eu.example.com/shop/app@{other}")),
        occurrence(&format!("eu.example.com/shop/app@{other}")),
        occurrence(&format!("eu.example.com/shop/other@{other}")),
    ]});
    let recorder = Recorder::start(move |_, _| page.clone()).await;
    let (client, image, note) = (client(&recorder), image(), note());
    let beside = client.attested_beside(&image, &note, 8).await;
    assert_eq!(beside.unwrap(), [other.parse().unwrap()]);
}

#[tokio::test]
async fn an_attestation_is_stored_and_a_second_time_is_no_failure() {
    let new: Occurrence = serde_json::from_value(occurrence(&image().to_string())).unwrap();
    let new = Occurrence { name: None, ..new };
    let made = occurrence(&image().to_string());
    let recorder = Recorder::start(move |_, _| made.clone()).await;
    let Ok(Stored::Created(created)) = client(&recorder).store(new.clone()).await else {
        panic!("not created");
    };
    assert_eq!(
        created.name.as_deref(),
        Some("projects/demo-mart/occurrences/one")
    );
    insta::assert_snapshot!(recorder.asked(), @r#"POST /v1/projects/demo-mart/occurrences {"attestation":{"serializedPayload":"eA==","signatures":[]},"kind":"ATTESTATION","noteName":"projects/demo-mart/notes/ci","resourceUri":"eu.example.com/shop/app@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}"#);

    let there = Recorder::answering(409, |_, _| {
        json!({"error": {"status": "ALREADY_EXISTS",
            "message": "occurrence ID \"one\" already exists in project \"demo-mart\""}})
    })
    .await;
    let Ok(Stored::AlreadyThere(kept)) = client(&there).store(new.clone()).await else {
        panic!("not there");
    };
    assert_eq!(kept.name, created.name);

    for (status, word) in [(403, "PERMISSION_DENIED"), (409, "ABORTED"), (503, "")] {
        let recorder = refusal(status, word).await;
        assert!(client(&recorder).store(new.clone()).await.is_err());
    }
}

#[test]
fn only_a_project_holds_attestations() {
    let endpoint = || Endpoint::parse("http://127.0.0.1:9").unwrap();
    let new = |name: &str| ContainerAnalysis::new(name, endpoint(), None);
    assert_eq!(
        new("projects/demo-mart").unwrap().name(),
        "containeranalysis:projects/demo-mart"
    );
    for name in [
        "demo-mart",
        "projects/",
        "projects/a/b",
        "projects/a b",
        "",
        "folders/1",
    ] {
        assert!(new(name).is_err(), "{name}");
    }
}
