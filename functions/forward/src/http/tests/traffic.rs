//! Traffic that moves, and what moves with it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::services::service;
use crate::testing::{Ask, World, image};

const SERVICE: &str = "/apis/serving.knative.dev/v1/namespaces/demo-mart/services/web";
const V2: &str = "/v2/projects/demo-mart/locations/us-central1/services/web";

fn revision(name: &str) -> (String, Value) {
    let path = format!("/apis/serving.knative.dev/v1/namespaces/demo-mart/revisions/web-{name}");
    (
        path,
        json!({"spec": {"containers": [{"image": image(name)}]}}),
    )
}

/// A service whose template holds a denied image, and which serves `web-good`.
fn world() -> Arc<World> {
    let mut v1 = service(&image("bad"));
    v1["metadata"]["resourceVersion"] = json!("AAY1");
    v1["spec"]["traffic"] = json!([{"revisionName": "web-good", "percent": 100}]);
    v1["status"] =
        json!({"latestReadyRevisionName": "web-good", "latestCreatedRevisionName": "web-bad"});
    let v2 = json!({"name": &V2[4..], "etag": "e1", "template": {"containers": [{"image": image("bad")}]},
        "traffic": [{"revision": "web-good", "percent": 100}],
        "latestReadyRevision": format!("{}/revisions/web-good", &V2[4..]),
        "latestCreatedRevision": format!("{}/revisions/web-bad", &V2[4..])});
    let mut world = World::with(&[(SERVICE, v1), (V2, v2)]);
    world
        .resources
        .extend(["good", "good2", "bad"].map(revision));
    Arc::new(world)
}

fn moved(traffic: &Value) -> Value {
    let mut service = service(&image("bad"));
    service["spec"]["traffic"] = traffic.clone();
    service
}

#[tokio::test]
async fn going_back_to_a_good_revision_works_while_the_template_is_denied() {
    let world = world();
    let body = moved(&json!([{"revisionName": "web-good2", "percent": 100}]));
    assert_eq!(
        world.ask(Ask::new("PUT", SERVICE).json(&body)).await.status,
        200
    );
    assert_eq!(world.judged(), [image("good2")]);
    let mut expected = body;
    expected["metadata"]["resourceVersion"] = json!("AAY1");
    assert_eq!(
        world.body(),
        expected,
        "not rewritten, and only for the version that was judged"
    );
}

#[tokio::test]
async fn traffic_to_a_denied_revision_is_denied_however_it_gets_there() {
    for traffic in [
        json!([{"revisionName": "web-bad", "percent": 100}]),
        json!([{"revisionName": "web-good", "percent": 100}, {"revisionName": "web-bad", "tag": "try"}]),
        json!([{"latestRevision": true, "percent": 100}]),
        json!([]),
    ] {
        let world = world();
        let answer = world
            .ask(Ask::new("PUT", SERVICE).json(&moved(&traffic)))
            .await;
        assert_eq!((answer.status, world.written()), (400, None), "{traffic}");
        assert!(answer.message().contains("web-bad"), "{}", answer.message());
    }
}

#[tokio::test]
async fn the_callers_word_for_the_latest_revision_does_not_count() {
    let world = world();
    let mut body = moved(&json!([{"latestRevision": true, "percent": 100}]));
    body["status"] =
        json!({"latestReadyRevisionName": "web-good", "latestCreatedRevisionName": "web-good"});
    assert_eq!(
        world.ask(Ask::new("PUT", SERVICE).json(&body)).await.status,
        400
    );
}

#[tokio::test]
async fn where_nothing_new_runs_nobody_decides() {
    let world = world();
    let mut body = moved(&json!([{"revisionName": "web-good", "percent": 100}]));
    body["metadata"]["labels"] = json!({"team": "shop"});
    assert_eq!(
        world.ask(Ask::new("PUT", SERVICE).json(&body)).await.status,
        200
    );
    assert!(world.judged().is_empty());
}

#[tokio::test]
async fn a_new_template_is_judged_whoever_gets_the_traffic() {
    let world = world();
    let mut body = service(&image("bad2"));
    body["spec"]["traffic"] = json!([{"revisionName": "web-good", "percent": 100}]);
    assert_eq!(
        world.ask(Ask::new("PUT", SERVICE).json(&body)).await.status,
        400
    );
    assert_eq!(world.judged(), [image("bad2")]);
}

#[tokio::test]
async fn a_patch_is_what_its_mask_says() {
    let patch = json!({"template": {"containers": [{"image": image("bad2")}]},
        "labels": {"team": "shop"}, "traffic": [{"revision": "web-bad", "percent": 100}]});
    let ask = |mask: &str| Ask::new("PATCH", &format!("{V2}?updateMask={mask}")).json(&patch);
    let of_labels = world();
    assert_eq!(of_labels.ask(ask("labels")).await.status, 200);
    assert!(of_labels.judged().is_empty());
    assert_eq!(of_labels.body()["etag"], "e1");
    for (mask, judged) in [
        ("template", vec![image("bad2")]),
        ("template.containers", vec![image("bad2")]),
        ("traffic", vec![image("bad")]),
        ("labels,traffic,latest_ready_revision", vec![image("bad")]),
    ] {
        let world = world();
        assert_eq!(world.ask(ask(mask)).await.status, 400, "{mask}");
        assert_eq!(world.judged(), judged, "{mask}");
    }
}

#[tokio::test]
async fn a_revision_that_is_not_there_gets_no_traffic() {
    let world = world();
    let body = moved(&json!([{"revisionName": "web-gone", "percent": 100}]));
    let answer = world.ask(Ask::new("PUT", SERVICE).json(&body)).await;
    insta::assert_snapshot!(answer.message(), @"the revision web-gone is to get traffic, and is not there");
}

#[tokio::test]
async fn what_is_not_there_may_be_made_by_whoever_may_create() {
    let path = format!("{V2}-new?allowMissing=true&updateMask=labels");
    let body = json!({"template": {"containers": [{"image": image("good")}]}});
    let ask = || Ask::new("PATCH", &path).json(&body);
    let world = Arc::new(World::default());
    assert_eq!(world.ask(ask()).await.status, 200);
    assert_eq!(world.judged(), [image("good")]);
    let world = Arc::new(World {
        lacking: vec!["run.services.create"],
        ..World::default()
    });
    assert_eq!(world.ask(ask()).await.status, 403);
}
