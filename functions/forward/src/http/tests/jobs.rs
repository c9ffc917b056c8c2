//! Jobs: judged when they run, told of when they are written.

use std::sync::Arc;

use postern_host::config::JobChecks;
use rstest::rstest;
use serde_json::{Value, json};

use crate::ForwardOptions;
use crate::testing::{Ask, DIGEST, World, image};

const JOB: &str = "/apis/run.googleapis.com/v1/namespaces/demo-mart/jobs/nightly";
const V2: &str = "/v2/projects/demo-mart/locations/us-central1/jobs";

fn job(image: &str) -> Value {
    json!({"apiVersion": "run.googleapis.com/v1", "kind": "Job",
        "metadata": {"name": "nightly", "namespace": "demo-mart"},
        "spec": {"template": {"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}}})
}

fn job_v2(image: &str) -> Value {
    json!({"template": {"template": {"containers": [{"image": image}]}}, "etag": "e1"})
}

#[tokio::test]
async fn a_job_that_is_written_is_told_of_and_pinned() {
    let world = Arc::new(World::default());
    let answer = world
        .ask(Ask::new("PUT", JOB).json(&job("us-docker.pkg.dev/demo-mart/apps/bad:v1")))
        .await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(answer.warning.unwrap(), @r#"299 postern "Postern will not let this job run as it is (decided on trial as 01JQ0000000000000000000000)""#);
    assert!(
        world
            .body()
            .to_string()
            .contains(&format!("apps/bad@{DIGEST}"))
    );
    assert!(world.proposed.lock().unwrap()[0].dry_run);
}

#[tokio::test]
async fn where_it_is_strict_it_is_refused_at_once() {
    let world = Arc::new(World::default());
    let options = ForwardOptions {
        jobs: JobChecks::Strict,
        ..ForwardOptions::default()
    };
    let answer = world
        .ask_with(options, Ask::new("PUT", JOB).json(&job(&image("bad"))))
        .await;
    assert_eq!((answer.status, world.written()), (400, None));
    assert!(!world.proposed.lock().unwrap()[0].dry_run);
}

#[tokio::test]
async fn a_write_that_starts_it_is_a_run() {
    let world = Arc::new(World::default());
    let mut starting = job_v2(&image("bad"));
    starting["startExecutionToken"] = json!("now");
    let ask = Ask::new("POST", &format!("{V2}?jobId=nightly")).json(&starting);
    assert_eq!((world.ask(ask).await.status, world.written()), (400, None));
}

#[tokio::test]
async fn what_runs_is_what_is_stored() {
    let there = |image: &str| {
        let v2 = format!("{V2}/nightly");
        Arc::new(World::with(&[(JOB, job(image)), (&v2, job_v2(image))]))
    };
    for path in [format!("{JOB}:run"), format!("{V2}/nightly:run")] {
        let run = || Ask::new("POST", &path).json(&json!({}));
        let good = there(&image("good"));
        assert_eq!(good.ask(run()).await.status, 200, "{path}");
        let bad = there(&image("bad"));
        assert_eq!(
            (bad.ask(run()).await.status, bad.written()),
            (400, None),
            "{path}"
        );
        let by_tag = there("us-docker.pkg.dev/demo-mart/apps/good:v1");
        let answer = by_tag.ask(run()).await;
        assert_eq!((answer.status, by_tag.written()), (400, None), "{path}");
        assert!(answer.message().contains("by tag"), "{}", answer.message());
    }
}

#[tokio::test]
async fn a_run_is_of_the_version_that_was_judged() {
    let world = Arc::new(World::with(&[(
        &format!("{V2}/nightly"),
        job_v2(&image("good")),
    )]));
    world
        .ask(Ask::new("POST", &format!("{V2}/nightly:run")).json(&json!({})))
        .await;
    assert_eq!(world.body()["etag"], "e1");
}

#[rstest]
#[case::arguments(json!({"overrides": {"containerOverrides": [{"args": ["x"]}], "taskCount": 2}}), 200)]
#[case::an_image(json!({"overrides": {"containerOverrides": [{"image": "x"}]}}), 400)]
#[case::a_template(json!({"template": {}}), 400)]
#[tokio::test]
async fn a_run_says_how_and_never_what(#[case] body: Value, #[case] status: u16) {
    let world = Arc::new(World::with(&[(JOB, job(&image("good")))]));
    let answer = world
        .ask(Ask::new("POST", &format!("{JOB}:run")).json(&body))
        .await;
    assert_eq!(answer.status, status);
}
