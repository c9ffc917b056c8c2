//! What passes, and what is not plain enough to.

use std::sync::Arc;

use postern_core::ports::GoogleApi;
use rstest::rstest;
use serde_json::json;

use super::services::service;
use crate::testing::{Ask, World, image};

const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/demo-mart/services";
const V2: &str = "/v2/projects/demo-mart/locations/us-central1";

#[tokio::test]
async fn reads_pass_to_their_region() {
    let path = format!("{SERVICES}/web");
    let world = Arc::new(World::with(&[(&path, service("x"))]));
    let answer = world
        .ask(Ask::new("GET", &format!("{path}?alt=json")))
        .await;
    assert_eq!((answer.status, answer.body), (200, service("x")));
    let calls = world.calls.lock().unwrap();
    let region = Some("us-central1".to_owned());
    assert_eq!(calls[0].api, GoogleApi::Run { region });
    assert_eq!(calls[0].query, [("alt".to_owned(), "json".to_owned())]);
    let fields: Vec<_> = calls[0]
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(fields, ["user-agent"]);
}

#[tokio::test]
async fn who_may_do_what_is_googles_to_write() {
    let world = Arc::new(World::default());
    let path = format!("{V2}/services/web:setIamPolicy");
    let body = json!({"policy": {"bindings": []}});
    assert_eq!(
        world.ask(Ask::new("POST", &path).json(&body)).await.status,
        200
    );
    assert_eq!(world.paths(), [format!("POST {path}")]);
}

#[tokio::test]
async fn what_is_not_on_the_list_is_told_the_way_past() {
    let world = Arc::new(World::default());
    let answer = world
        .ask(Ask::new("POST", &format!("{V2}/builds:submit")).json(&json!({})))
        .await;
    assert_eq!(answer.status, 403);
    insta::assert_snapshot!(answer.message(), @r#"Postern does not forward builds from source: no attestation covers what comes out of them. Build the image in your pipeline, have it attested, and deploy it by digest; past the gate, if you may: curl -X POST -H "Authorization: Bearer $(gcloud auth print-access-token)" https://us-central1-run.googleapis.com/v2/projects/demo-mart/locations/us-central1/builds:submit"#);
    let answer = world
        .ask(Ask::new("PATCH", &format!("{SERVICES}/web")).json(&json!({})))
        .await;
    assert!(
        answer.message().contains("is not of it"),
        "{}",
        answer.message()
    );
    assert!(world.paths().is_empty());
}

#[rstest]
#[case::override_of_the_method(|ask: Ask| ask.header("x-http-method-override", "PATCH"))]
#[case::compressed(|ask: Ask| ask.header("content-encoding", "gzip"))]
#[case::two_callers(|ask: Ask| ask.header("authorization", "Bearer other"))]
#[case::a_key_twice(|ask: Ask| ask.text(r#"{"kind": "Service", "kind": "Service"}"#))]
#[case::another_spelling(|ask: Ask| ask.json(&json!({"spec": {"base_image_uri": "x"}})))]
#[case::no_object(|ask: Ask| ask.text("[]"))]
#[case::no_name(|ask: Ask| ask.json(&json!({"spec": {}})))]
#[case::no_region(|ask: Ask| ask.json(&service("x")).everywhere())]
#[tokio::test]
async fn nothing_that_can_be_read_in_two_ways_is_written(#[case] made: fn(Ask) -> Ask) {
    let world = Arc::new(World::default());
    let plain = Ask::new("POST", SERVICES).json(&service(&image("good")));
    let answer = world.ask(made(plain)).await;
    assert_eq!(
        (answer.status, world.written()),
        (400, None),
        "{}",
        answer.message()
    );
}

#[rstest]
#[case::of_a_form("application/x-www-form-urlencoded")]
#[case::in_another_charset("application/json; charset=utf-7")]
#[tokio::test]
async fn only_json_is_read(#[case] kind: &str) {
    let world = Arc::new(World::default());
    let mut ask = Ask::new("POST", SERVICES).header("content-type", kind);
    ask = ask.body(&service(&image("good")).to_string());
    assert_eq!(world.ask(ask).await.status, 400);
}

#[tokio::test]
async fn a_project_in_the_path_and_another_in_the_body_is_none() {
    let namespaces = [
        ("demo-mart", 200),
        ("111122223333", 200),
        ("acme-shop", 400),
    ];
    for (namespace, status) in namespaces {
        let world = Arc::new(World::default());
        let mut service = service(&image("good"));
        service["metadata"]["namespace"] = json!(namespace);
        let answer = world.ask(Ask::new("POST", SERVICES).json(&service)).await;
        assert_eq!(answer.status, status, "{namespace}");
    }
}

#[tokio::test]
async fn a_name_in_the_path_and_another_in_the_body_is_none() {
    let world = Arc::new(World::default());
    let ask = Ask::new("PUT", &format!("{SERVICES}/api")).json(&service(&image("good")));
    assert_eq!(world.ask(ask).await.status, 400);
}
