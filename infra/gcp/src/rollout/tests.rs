//! Against a stand-in for the Admin API, of the tests' own; what it holds is synthetic.

use std::sync::{Arc, Mutex};

use reqwest::StatusCode;

use super::*;
use crate::testing::Recorder;

const SERVICE: &str = "/v2/projects/demo-mart/locations/us-west1/services/basket";
const NEW: &str = "basket-n1";

/// What the stand-in holds: one service, and what its next revision runs whatever is written.
#[derive(Default)]
struct Held {
    service: Value,
    comes_out_as: Option<&'static str>,
    ready: Option<&'static str>,
}

/// A stand-in for the Admin API with one service, which does what it is told at once.
async fn stand_in(held: Held) -> Recorder {
    let held = Arc::new(Mutex::new(held));
    Recorder::by_method(move |method, path, body| {
        let mut held = held.lock().unwrap();
        match (method.as_str(), path) {
            ("GET", SERVICE) => (StatusCode::OK, held.service.clone()),
            ("GET", path) if path.ends_with(NEW) => {
                let written = held.service["template"]["containers"].clone();
                let containers = match held.comes_out_as {
                    Some(image) => json!([{"image": image}]),
                    None => written,
                };
                let state = held.ready.unwrap_or("CONDITION_SUCCEEDED");
                let ready =
                    json!([{"type": "Ready", "state": state, "message": "it does not start"}]);
                (
                    StatusCode::OK,
                    json!({"containers": containers, "conditions": ready}),
                )
            }
            ("GET", _) => (StatusCode::OK, json!({"done": true})),
            ("PATCH", SERVICE) if body["etag"] != held.service["etag"] => {
                let error =
                    json!({"error": {"code": 409, "status": "ABORTED", "message": "conflict"}});
                (StatusCode::CONFLICT, error)
            }
            ("PATCH", SERVICE) => {
                for field in ["template", "traffic"] {
                    if let Some(value) = body.get(field) {
                        held.service[field] = value.clone();
                    }
                }
                held.service["etag"] =
                    json!(format!("{}+", held.service["etag"].as_str().unwrap()));
                let name = "projects/demo-mart/locations/us-west1/operations/o1";
                (StatusCode::OK, json!({"name": name}))
            }
            ("DELETE", _) => (StatusCode::OK, json!({"done": true})),
            other => panic!("{other:?}"),
        }
    })
    .await
}

fn service() -> Value {
    json!({
        "etag": "e", "latestReadyRevision": "basket-1",
        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        "template": {"containers": [{"image": "eu.example/basket:v1"}]},
    })
}

fn rollouts(recorder: &Recorder) -> CloudRunRollouts {
    let mut rollouts = CloudRunRollouts::new(recorder.endpoint(), None).unwrap();
    rollouts.pauses = pauses(Duration::from_millis(1), Duration::from_millis(1));
    rollouts.api = rollouts.api.hasty();
    rollouts
}

fn judged() -> Judged {
    let pin = ("eu.example/basket:v2", "eu.example/basket@sha256:22");
    Judged {
        pins: [(pin.0.to_owned(), pin.1.to_owned())].into(),
        suffix: "n1".to_owned(),
        break_glass: None,
    }
}

async fn planned(rollouts: &CloudRunRollouts) -> PlannedRollout {
    let target = "cloud-run:demo-mart/us-west1/basket".parse().unwrap();
    let planned = rollouts.plan(&target, "eu.example/basket:v2", None).await;
    planned.unwrap()
}

#[tokio::test]
async fn a_revision_comes_out_beside_those_that_serve_and_then_takes_over() {
    let recorder = stand_in(Held {
        service: service(),
        ..Held::default()
    })
    .await;
    let rollouts = rollouts(&recorder);
    let planned = planned(&rollouts).await;
    assert_eq!(planned.images, ["eu.example/basket:v2"]);
    assert_eq!(planned.serving, [("basket-1".to_owned(), 100)]);
    let staged = rollouts.stage(&planned, &judged()).await.unwrap();
    let came_out = rollouts
        .came_out(&planned, &judged(), &staged)
        .await
        .unwrap();
    assert_eq!(came_out.images, ["eu.example/basket@sha256:22"]);
    rollouts
        .shift(&planned, &judged(), &came_out)
        .await
        .unwrap();
    insta::assert_snapshot!(recorder.asked(), @r#"
    GET /v2/projects/demo-mart/locations/us-west1/services/basket
    PATCH /v2/projects/demo-mart/locations/us-west1/services/basket?updateMask=template%2Ctraffic {"etag":"e","template":{"containers":[{"image":"eu.example/basket@sha256:22"}],"revision":"basket-n1"},"traffic":[{"percent":100,"revision":"basket-1","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}]}
    GET /v2/projects/demo-mart/locations/us-west1/operations/o1
    GET /v2/projects/demo-mart/locations/us-west1/services/basket/revisions/basket-n1
    GET /v2/projects/demo-mart/locations/us-west1/services/basket
    PATCH /v2/projects/demo-mart/locations/us-west1/services/basket?updateMask=traffic {"etag":"e+","traffic":[{"percent":100,"revision":"basket-n1","type":"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}]}
    GET /v2/projects/demo-mart/locations/us-west1/operations/o1
    "#);
}

#[tokio::test]
async fn what_is_discarded_is_no_longer_the_latest_first() {
    let recorder = stand_in(Held {
        service: service(),
        comes_out_as: Some("eu.example/other@sha256:33"),
        ..Held::default()
    })
    .await;
    let rollouts = rollouts(&recorder);
    let planned = planned(&rollouts).await;
    let staged = rollouts.stage(&planned, &judged()).await.unwrap();
    let came_out = rollouts
        .came_out(&planned, &judged(), &staged)
        .await
        .unwrap();
    assert_eq!(came_out.images, ["eu.example/other@sha256:33"]);
    rollouts
        .discard(&planned, &judged(), &came_out)
        .await
        .unwrap();
    let asked = recorder.asked();
    let writes = asked
        .lines()
        .filter(|line| !line.starts_with("GET"))
        .skip(1);
    insta::assert_snapshot!(writes.collect::<Vec<_>>().join("\n"), @r#"
    PATCH /v2/projects/demo-mart/locations/us-west1/services/basket?updateMask=template {"etag":"e+","template":{"containers":[{"image":"eu.example/basket:v1"}]}}
    DELETE /v2/projects/demo-mart/locations/us-west1/services/basket/revisions/basket-n1
    "#);
}

#[tokio::test]
async fn what_somebody_else_changed_is_left_alone() {
    let recorder = stand_in(Held {
        service: service(),
        ..Held::default()
    })
    .await;
    let rollouts = rollouts(&recorder);
    let mut planned = planned(&rollouts).await;
    planned.after["etag"] = json!("older");
    let refused = rollouts.stage(&planned, &judged()).await;
    assert!(
        matches!(refused, Err(RolloutError::Changed(_))),
        "{refused:?}"
    );

    // Between the write and the shift, too.
    let planned = self::planned(&rollouts).await;
    let staged = rollouts.stage(&planned, &judged()).await.unwrap();
    let mut came_out = rollouts
        .came_out(&planned, &judged(), &staged)
        .await
        .unwrap();
    came_out.version = "older".to_owned();
    let refused = rollouts.shift(&planned, &judged(), &came_out).await;
    assert!(
        matches!(refused, Err(RolloutError::Changed(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_answer_that_was_lost_is_recognized_by_the_name_of_the_revision() {
    let mut there = service();
    there["template"]["revision"] = json!(NEW);
    let recorder = stand_in(Held {
        service: there,
        ..Held::default()
    })
    .await;
    let rollouts = rollouts(&recorder);
    let mut planned = planned(&rollouts).await;
    planned.after["etag"] = json!("older");
    let staged = rollouts.stage(&planned, &judged()).await.unwrap();
    assert_eq!(staged.operation, None);
}

#[tokio::test]
async fn a_revision_that_does_not_start_says_why() {
    let recorder = stand_in(Held {
        service: service(),
        ready: Some("CONDITION_FAILED"),
        ..Held::default()
    })
    .await;
    let rollouts = rollouts(&recorder);
    let planned = planned(&rollouts).await;
    let staged = rollouts.stage(&planned, &judged()).await.unwrap();
    let failed = rollouts.came_out(&planned, &judged(), &staged).await;
    let why = RolloutError::Failed("it does not start".to_owned());
    assert_eq!(failed, Err(why));
}

#[tokio::test]
async fn what_is_just_being_changed_is_not_planned_over() {
    let mut busy = service();
    busy["reconciling"] = json!(true);
    let recorder = stand_in(Held {
        service: busy,
        ..Held::default()
    })
    .await;
    let target = "cloud-run:demo-mart/us-west1/basket".parse().unwrap();
    let refused = rollouts(&recorder).plan(&target, "x", None).await;
    assert!(
        matches!(refused, Err(RolloutError::Changed(_))),
        "{refused:?}"
    );
    let gke = "gke:us-east1-c.mart/web".parse().unwrap();
    let refused = rollouts(&recorder).plan(&gke, "x", None).await;
    assert!(
        matches!(refused, Err(RolloutError::Mistake(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_job_is_written_whole_and_what_is_not_there_is_created() {
    let recorder = Recorder::by_method(|method, path, _| match method.as_str() {
        "GET" if path.ends_with("/jobs/bills") => (
            StatusCode::OK,
            json!({"etag": "j", "template": {"template": {"containers": [{"image": "a"}]}}}),
        ),
        "GET" => (
            StatusCode::NOT_FOUND,
            json!({"error": {"status": "NOT_FOUND"}}),
        ),
        _ => (StatusCode::OK, json!({})),
    })
    .await;
    let rollouts = rollouts(&recorder);
    for target in [
        "cloud-run-job:demo-mart/us-west1/bills",
        "cloud-run:demo-mart/us-west1/fresh",
    ] {
        let target = target.parse().unwrap();
        let planned = rollouts
            .plan(&target, "eu.example/basket:v2", None)
            .await
            .unwrap();
        assert!(!planned.withholds_traffic());
        rollouts.stage(&planned, &judged()).await.unwrap();
    }
    insta::assert_snapshot!(recorder.asked(), @r#"
    GET /v2/projects/demo-mart/locations/us-west1/jobs/bills
    PATCH /v2/projects/demo-mart/locations/us-west1/jobs/bills {"etag":"j","template":{"template":{"containers":[{"image":"eu.example/basket@sha256:22"}]}}}
    GET /v2/projects/demo-mart/locations/us-west1/services/fresh
    POST /v2/projects/demo-mart/locations/us-west1/services?serviceId=fresh {"template":{"containers":[{"image":"eu.example/basket@sha256:22"}],"revision":"fresh-n1"}}
    "#);
}
