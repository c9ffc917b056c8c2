//! Against a server of the tests' own; its answers are synthetic.

use serde_json::{Value, json};

use super::*;
use crate::testing::Recorder;

const SERVICE: &str = "/v2/projects/demo-mart/locations/us-west1/services/basket";

async fn state(recorder: &Recorder, target: &str) -> Result<RuntimeState, Unavailable> {
    let run = CloudRun::new(recorder.endpoint(), None).unwrap();
    run.state(&target.parse().unwrap()).await
}

fn revision(name: &str, image: &str) -> Value {
    let name = format!("projects/demo-mart/locations/us-west1/services/basket/revisions/{name}");
    json!({"name": name, "containers": [{"image": image}], "service": "basket"})
}

fn running(name: &str, image: &str) -> RunningRevision {
    RunningRevision {
        name: name.to_owned(),
        images: vec![image.to_owned()],
        ..RunningRevision::default()
    }
}

#[tokio::test]
async fn a_service_is_what_its_traffic_and_tags_reach_and_the_latest() {
    let recorder = Recorder::start(|path, _| match path {
        SERVICE => json!({
            "latestReadyRevision": "projects/demo-mart/locations/us-west1/services/basket/revisions/basket-3",
            "latestCreatedRevision": "projects/demo-mart/locations/us-west1/services/basket/revisions/basket-4",
            "trafficStatuses": [
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 90},
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "basket-2", "percent": 10},
                {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "basket-2", "tag": "old"},
            ],
        }),
        _ => json!({"revisions": [
            revision("basket-4", "d"), revision("basket-3", "c"), revision("basket-2", "b"), revision("basket-1", "a"),
        ]}),
    })
    .await;
    let state = state(&recorder, "cloud-run:demo-mart/us-west1/basket")
        .await
        .unwrap();
    assert_eq!(state.latest.as_deref(), Some("basket-4"));
    let two = RunningRevision {
        traffic_percent: 10,
        tags: vec!["old".to_owned()],
        ..running("basket-2", "b")
    };
    let three = RunningRevision {
        traffic_percent: 90,
        ..running("basket-3", "c")
    };
    assert_eq!(state.revisions, [two, three, running("basket-4", "d")]);
    insta::assert_snapshot!(recorder.asked(), @"
    GET /v2/projects/demo-mart/locations/us-west1/services/basket
    GET /v2/projects/demo-mart/locations/us-west1/services/basket/revisions?pageSize=100
    ");
}

#[tokio::test]
async fn what_gets_traffic_and_is_not_listed_is_an_error() {
    let recorder = Recorder::start(|path, _| match path {
        SERVICE => json!({"trafficStatuses": [{"revision": "basket-2", "percent": 100}]}),
        _ => json!({}),
    })
    .await;
    let error = state(&recorder, "cloud-run:demo-mart/us-west1/basket")
        .await
        .unwrap_err();
    assert!(
        error.message.ends_with("revision basket-2 is not listed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_worker_pool_has_instances_instead_of_traffic() {
    let recorder = Recorder::start(|path, _| {
        if path.ends_with("/workerPools/basket") {
            json!({"latestReadyRevision": "basket-2", "latestCreatedRevision": "basket-2",
                "instanceSplitStatuses": [{"revision": "basket-1", "percent": 100}]})
        } else {
            json!({"revisions": [revision("basket-2", "b"), revision("basket-1", "a")]})
        }
    })
    .await;
    let target = "cloud-run-worker-pool:demo-mart/us-west1/basket";
    let state = state(&recorder, target).await.unwrap();
    assert_eq!(state.revisions[0].traffic_percent, 100);
    assert!(!state.revisions[1].is_in_use());
}

#[tokio::test]
async fn a_job_is_what_still_runs_and_what_will_run_next() {
    let recorder = Recorder::start(|path, _| {
        if path.ends_with("/jobs/bills") {
            json!({"template": {"template": {"containers": [{"image": "new"}]}}})
        } else {
            json!({"executions": [
                {"name": "projects/demo-mart/locations/us-west1/jobs/bills/executions/bills-x",
                    "template": {"containers": [{"image": "old"}]}, "runningCount": 1},
                {"name": "projects/demo-mart/locations/us-west1/jobs/bills/executions/bills-w",
                    "template": {"containers": [{"image": "old"}]}, "completionTime": "2026-02-03T00:00:00Z"},
            ]})
        }
    })
    .await;
    let state = state(&recorder, "cloud-run-job:demo-mart/us-west1/bills")
        .await
        .unwrap();
    let x = RunningRevision {
        running_executions: 1,
        ..running("bills-x", "old")
    };
    assert_eq!(state.revisions, [running("bills", "new"), x]);
    assert_eq!(state.latest.as_deref(), Some("bills"));
}

#[tokio::test]
async fn what_can_never_be_read_is_said_to_be_without_asking() {
    let recorder = Recorder::start(|_, _| json!({})).await;
    for target in [
        "cloud-run",
        "gke:us-west1-a.prod/default",
        "lambda:us-east-1/pay",
    ] {
        let error = state(&recorder, target).await.unwrap_err();
        assert!(error.permanent, "{error:?}");
    }
    assert_eq!(recorder.asked(), "");
}
