use std::collections::BTreeMap;

use async_trait::async_trait;
use axum::http::Request;
use hmac::{Hmac, KeyInit as _, Mac as _};
use postern_core::ports::Unavailable;
use postern_host::config::SecretReference;
use serde_json::json;
use sha2::Sha512;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::ServiceExt as _;

use super::*;

const KEY: &str = "synthetic-key";

/// A stand-in for HCP Terraform: one plan, or an outage, and what it was told.
struct StandIn {
    plan: Option<Value>,
    told: UnboundedSender<Value>,
}

#[async_trait]
impl RunTaskHost for StandIn {
    async fn plan(&self, url: &str, token: &str, _: usize) -> Result<Vec<u8>, Unavailable> {
        assert_eq!((url, token), ("https://hcp.example/plan", "t"));
        let plan = self.plan.as_ref().map(|plan| plan.to_string().into_bytes());
        plan.ok_or_else(|| Unavailable::new("hcp.example", "it answered 500"))
    }

    async fn tell(&self, url: &str, token: &str, document: &Value) -> Result<(), Unavailable> {
        assert_eq!((url, token), ("https://hcp.example/callback", "t"));
        let _ = self.told.send(document["data"]["attributes"].clone());
        Ok(())
    }
}

fn router(plan: Option<Value>, except: &[&str]) -> (Router, UnboundedReceiver<Value>) {
    let (told, heard) = unbounded_channel();
    let task = RunTask {
        key: SecretReference("env:KEY".to_owned()),
        hosts: Vec::new(),
        except: except.iter().map(|&code| code.to_owned()).collect(),
    };
    let environment = BTreeMap::from([("KEY".to_owned(), KEY.to_owned())]);
    let tasks = RunTasks::of_config(&task, &environment, Arc::new(StandIn { plan, told }));
    (run_task_router(tasks.unwrap()), heard)
}

fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn post(router: &Router, body: &Value, signed: bool) -> StatusCode {
    let body = body.to_string();
    let signature = if signed {
        signature(&body)
    } else {
        signature("")
    };
    let request = Request::post("/v1/terraform/run-task")
        .header("X-TFC-Task-Signature", signature)
        .body(Body::from(body))
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

fn request() -> Value {
    json!({"payload_version": 1, "stage": "post_plan", "access_token": "t", "run_id": "run-1",
        "plan_json_api_url": "https://hcp.example/plan",
        "task_result_callback_url": "https://hcp.example/callback"})
}

fn plan(image: &str) -> Value {
    json!({
        "format_version": "1.2", "planned_values": {},
        "resource_changes": [{
            "address": "aws_lambda_function.web", "mode": "managed", "type": "aws_lambda_function",
            "change": {"actions": ["create"], "before": null, "after_unknown": {},
                "after": {"package_type": "Image", "image_uri": image}},
        }],
    })
}

async fn verdict(heard: &mut UnboundedReceiver<Value>) -> Value {
    assert_eq!(heard.recv().await.unwrap()["status"], "running");
    heard.recv().await.unwrap()
}

#[tokio::test]
async fn a_plan_is_answered_by_what_was_found() {
    for (except, status) in [(&[][..], "failed"), (&["IMAGE_BY_TAG"][..], "passed")] {
        let (router, mut heard) = router(Some(plan("registry.example/web:v1")), except);
        assert_eq!(post(&router, &request(), true).await, StatusCode::OK);
        assert_eq!(verdict(&mut heard).await["status"], status);
    }
}

#[tokio::test]
async fn who_did_not_sign_is_not_heard() {
    let (router, mut heard) = router(None, &[]);
    assert_eq!(
        post(&router, &request(), false).await,
        StatusCode::UNAUTHORIZED
    );
    let unsigned = Request::post("/v1/terraform/run-task")
        .body(Body::from("{}"))
        .unwrap();
    let answer = router.clone().oneshot(unsigned).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        post(&router, &json!({}), true).await,
        StatusCode::BAD_REQUEST
    );
    drop(router);
    assert!(heard.recv().await.is_none());
}

#[tokio::test]
async fn a_task_that_is_tried_out_is_answered_and_nothing_more() {
    let (router, mut heard) = router(None, &[]);
    let trial = json!({"payload_version": 1, "stage": "test", "access_token": "test-token"});
    assert_eq!(post(&router, &trial, true).await, StatusCode::OK);
    drop(router);
    assert!(heard.recv().await.is_none());
}

#[tokio::test]
async fn a_plan_that_cannot_be_read_fails() {
    for broken in [None, Some(json!({"format_version": "2.0"}))] {
        let (router, mut heard) = router(broken, &[]);
        assert_eq!(post(&router, &request(), true).await, StatusCode::OK);
        let verdict = verdict(&mut heard).await;
        assert_eq!(verdict["status"], "failed");
        let message = verdict["message"].as_str().unwrap();
        assert!(message.contains("could not be read"), "{message}");
    }
}

#[test]
fn mistakes_of_the_configuration_are_told() {
    let mistake = |key: &str, except: &str| {
        let task = RunTask {
            key: SecretReference(key.to_owned()),
            hosts: Vec::new(),
            except: vec![except.to_owned()],
        };
        let environment = BTreeMap::from([("KEY".to_owned(), KEY.to_owned())]);
        let (told, _) = unbounded_channel();
        let host = Arc::new(StandIn { plan: None, told });
        RunTasks::of_config(&task, &environment, host)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(mistake("env:NONE", "DRY_RUN").starts_with("terraform.runTask.key: "));
    assert!(mistake("env:KEY", "dry-run").starts_with("terraform.runTask.except: "));
}
