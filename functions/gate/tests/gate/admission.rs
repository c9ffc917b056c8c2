//! Kubernetes' two webhooks through the real router.

use crate::world::{NAME, Port, Shared, digest};
use http::StatusCode;
use serde_json::{Value, json};

const ADMISSION: &str = "/v1/admission?cluster=us-central1-a.prod&project=demo-project&timeout=10s";

fn review(object: Value, operation: &str) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": operation,
        "namespace": "default", "object": object,
        "userInfo": {"username": "dev@example.com"}}})
}

fn pod(image: &str, metadata: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {"containers": [{"name": "web", "image": image}]}})
}

#[tokio::test]
async fn an_unsigned_pod_is_refused_with_words_for_kubectl() {
    let image = format!("{NAME}@{}", digest());
    let world = Shared::new();
    let (status, answer) = world
        .ask(ADMISSION, review(pod(&image, json!({})), "CREATE"))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        answer["response"]["uid"],
        "705ab4f5-6393-11e8-b7cc-42010a800002"
    );
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 403);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("NO_ATTESTATION") && message.contains("built-by-ci"),
        "{message}"
    );
    world.see(|world| {
        let decision = crate::world::recorded(&world.entries[0]);
        assert_eq!(decision.requester.as_deref(), Some("dev@example.com"));
        assert_eq!(
            decision.target.to_string(),
            "gke:us-central1-a.prod/default:default@demo-project"
        );
    });
}

#[tokio::test]
async fn a_tag_is_refused_on_gke() {
    let world = Shared::new();
    world.attest(digest());
    let body = review(pod(&format!("{NAME}:v1"), json!({})), "CREATE");
    let (_, answer) = world.ask(ADMISSION, body).await;
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("IMAGE_BY_TAG"), "{message}");
}

#[tokio::test]
async fn the_break_glass_label_admits_and_is_recorded() {
    let world = Shared::new();
    let metadata = json!({"labels": {"image-policy.k8s.io/break-glass": "true"}});
    let body = review(pod(&format!("{NAME}@{}", digest()), metadata), "CREATE");
    let (_, answer) = world.ask(ADMISSION, body).await;
    assert_eq!(answer["response"]["allowed"], true);
    world.see(|world| {
        let used = crate::world::recorded(&world.entries[0])
            .break_glass
            .clone()
            .unwrap();
        assert_eq!((used.justification, used.ticket), (None, None));
    });
}

#[tokio::test]
async fn the_label_written_as_an_annotation_is_said_in_the_denial() {
    let metadata = json!({"annotations": {"image-policy.k8s.io/break-glass": "true"}});
    let body = review(pod(&format!("{NAME}@{}", digest()), metadata), "CREATE");
    let (_, answer) = Shared::new().ask(ADMISSION, body).await;
    assert_eq!(answer["response"]["allowed"], false);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.contains("GKE wants a label"), "{message}");
}

#[tokio::test]
async fn a_trial_leaves_no_trace() {
    let world = Shared::new();
    let mut body = review(pod(&format!("{NAME}@{}", digest()), json!({})), "CREATE");
    body["request"]["dryRun"] = json!(true);
    let (_, answer) = world.ask(ADMISSION, body).await;
    assert_eq!(answer["response"]["allowed"], false);
    world.see(|world| assert!(world.entries.is_empty() && world.told.is_empty()));
}

#[tokio::test]
async fn deletions_and_objects_without_pods_pass() {
    let world = Shared::new();
    let (_, answer) = world
        .ask(ADMISSION, review(pod(NAME, json!({})), "DELETE"))
        .await;
    assert_eq!(answer["response"]["allowed"], true);
    let config_map = json!({"kind": "ConfigMap", "metadata": {}});
    let (_, answer) = world.ask(ADMISSION, review(config_map, "CREATE")).await;
    assert_eq!(answer["response"]["allowed"], true);
}

#[tokio::test]
async fn the_cluster_must_be_named() {
    let body = review(pod(NAME, json!({})), "CREATE");
    let (status, _) = Shared::new().ask("/v1/admission", body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_image_review_is_answered_in_its_own_form() {
    let world = Shared::new();
    let body = |annotations: Value| {
        json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview", "spec": {
            "containers": [{"image": format!("{NAME}@{}", digest())}],
            "annotations": annotations, "namespace": "default"}})
    };
    let path = "/v1/imagereview?cluster=us-central1-a.prod";
    let (_, answer) = world.ask(path, body(json!({}))).await;
    assert_eq!(answer["status"]["allowed"], false);
    assert!(
        answer["status"]["reason"]
            .as_str()
            .unwrap()
            .contains("NO_ATTESTATION")
    );
    let marker = json!({"alpha.image-policy.k8s.io/break-glass": "true"});
    let (_, answer) = world.ask(path, body(marker)).await;
    assert_eq!(answer["status"]["allowed"], true);
}

#[tokio::test]
async fn a_dead_journal_refuses_in_the_reviews_own_form() {
    let world = Shared::new();
    world
        .attest(digest())
        .change(|world| world.journal = Port::Dead);
    let image = format!("{NAME}@{}", digest());
    let (status, answer) = world
        .ask(ADMISSION, review(pod(&image, json!({})), "CREATE"))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 503);
    let body = json!({"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview",
        "spec": {"containers": [{"image": image}], "namespace": "default"}});
    let (_, answer) = world
        .ask("/v1/imagereview?cluster=us-central1-a.prod", body)
        .await;
    assert_eq!(answer["status"]["allowed"], false);
    let reason = answer["status"]["reason"].as_str().unwrap();
    assert!(reason.contains("JOURNAL_UNAVAILABLE"), "{reason}");
}
