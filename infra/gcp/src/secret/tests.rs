//! Against a stand-in for Secret Manager: a server on loopback with canned answers.

use axum::Router;
use axum::http::StatusCode;
use postern_core::checksum::crc32c;
use serde_json::json;

use super::*;
use crate::testing::Recorder;

const REFERENCE: &str = "gcpsm://projects/demo-mart/secrets/hook";

async fn told(manager: &SecretManager, reference: &str) -> Result<String, SecretError> {
    let secret = manager.secret(&reference.parse()?).await?;
    Ok(String::from_utf8(secret).unwrap())
}

async fn stand_in(status: StatusCode, body: &'static str) -> SecretManager {
    let router = Router::new().fallback(move || async move { (status, body) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let api = Api::new("Secret Manager", Endpoint::parse(&url).unwrap(), None).unwrap();
    SecretManager(api.hasty())
}

#[tokio::test]
async fn the_latest_version_is_fetched_where_none_is_named() {
    let recorder = Recorder::start(|_, _| {
        // `synthetic` and its CRC-32C.
        json!({"name": "n", "payload": {"data": "c3ludGhldGlj", "dataCrc32c": crc32c(b"synthetic").to_string()}})
    })
    .await;
    let manager = SecretManager::new(recorder.endpoint(), None).unwrap();
    assert_eq!(told(&manager, REFERENCE).await.unwrap(), "synthetic");
    let pinned = format!("{REFERENCE}/versions/3");
    assert_eq!(told(&manager, &pinned).await.unwrap(), "synthetic");
    insta::assert_snapshot!(recorder.asked(), @"
    GET /v1/projects/demo-mart/secrets/hook/versions/latest:access
    GET /v1/projects/demo-mart/secrets/hook/versions/3:access
    ");
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let denied = stand_in(
        StatusCode::FORBIDDEN,
        r#"{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "denied"}}"#,
    )
    .await;
    let absent = stand_in(
        StatusCode::NOT_FOUND,
        r#"{"error": {"code": 404, "status": "NOT_FOUND", "message": "Secret not found"}}"#,
    )
    .await;
    let mut said = Vec::new();
    for manager in [denied, absent] {
        match told(&manager, REFERENCE).await {
            Err(SecretError::Refused(why)) => said.push(without_port(&why)),
            other => panic!("{other:?}"),
        }
    }
    insta::assert_snapshot!(said.join("\n"), @"
    Secret Manager at LOOPBACK: projects/demo-mart/secrets/hook: it answered 403 (denied); this identity lacks secretmanager.versions.access; grant it: gcloud secrets add-iam-policy-binding hook --project=demo-mart --member=serviceAccount:EMAIL --role=roles/secretmanager.secretAccessor
    Secret Manager at LOOPBACK: projects/demo-mart/secrets/hook: it answered 404 (Secret not found); there is no such resource, or it is not shown to this identity
    ");
}

fn without_port(text: &str) -> String {
    let (before, rest) = text.split_once("http://127.0.0.1:").unwrap();
    format!(
        "{before}LOOPBACK{}",
        rest.trim_start_matches(|c: char| c.is_ascii_digit())
    )
}

#[tokio::test]
async fn what_is_no_answer_of_secret_manager_is_an_outage() {
    for (status, body) in [
        (StatusCode::SERVICE_UNAVAILABLE, ""),
        (StatusCode::TOO_MANY_REQUESTS, ""),
        (StatusCode::FOUND, ""),
        (StatusCode::OK, "{}"),
        (StatusCode::OK, r#"{"payload": {"data": "*"}}"#),
        (
            StatusCode::OK,
            r#"{"payload": {"data": "c3ludGhldGlj", "dataCrc32c": "1"}}"#,
        ),
    ] {
        let error = told(&stand_in(status, body).await, REFERENCE)
            .await
            .unwrap_err();
        assert!(matches!(error, SecretError::Outage(_)), "{error}");
        assert!(!error.to_string().contains("synthetic"), "{error}");
    }
}

#[test]
fn other_references_are_refused() {
    for reference in [
        "gcpsm://hook",
        "gcpsm://projects/p/secrets/",
        "gcpsm://projects/p/secrets/a b",
        "gcpsm://projects/p/secrets/../x",
        "gcpsm://projects/p/secrets/s/versions/",
        "gcpsm://projects/p/secrets/s/versions/1/x",
        "awssm://hook",
    ] {
        let error = reference.parse::<SecretReference>().unwrap_err();
        assert!(
            error.to_string().contains("projects/P/secrets/S"),
            "{error}"
        );
    }
}
