use axum::body::Body;
use http_body_util::BodyExt as _;
use postern_core::attestor::ProjectNumbers;
use postern_core::decision::Caller;
use postern_core::revocation::Revocations;
use tower::ServiceExt as _;

use super::*;
use crate::attestor::AttestorParts;
use crate::rule::SigningRule;
use crate::testing::{Key, Records, Revoked, Sink, Trust, attestor, image, rule_config};

fn function(key: &Key) -> Arc<Attestor> {
    let sink = Arc::new(Sink::default());
    let rule = SigningRule::new(&rule_config("built-by-ci"), Key::new(1).signer_for(), sink);
    let parts = AttestorParts {
        trust: Arc::new(Trust(vec![attestor("built-by-ci", &[key])])),
        sources: Vec::new(),
        revocations: Arc::new(Revoked(Revocations::default())),
        journal: Arc::new(Records::default()),
        projects: ProjectNumbers::default(),
    };
    Arc::new(Attestor::new(parts, vec![rule.ok().unwrap()]))
}

fn ci(rights: &[Right]) -> Identity {
    let caller = Caller {
        issuer: "https://issuer.example".to_owned(),
        subject: "1".to_owned(),
        email: Some("ci@demo.example".to_owned()),
    };
    Identity::with_rights(caller, rights)
}

async fn post_as(function: &Arc<Attestor>, identity: Identity, body: String) -> (u16, String) {
    let mut request = axum::http::Request::post("/v1/attestations")
        .body(Body::from(body))
        .unwrap();
    request.extensions_mut().insert(identity);
    let response = router(Arc::clone(function)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn request() -> String {
    let image = image().to_string();
    format!(r#"{{"image":"{image}","attestor":"projects/demo-project/attestors/built-by-ci"}}"#)
}

#[tokio::test]
async fn created_then_conflict_with_the_same_occurrence() {
    let function = function(&Key::new(1));
    let (status, created) = post_as(&function, ci(&[Right::Attest]), request()).await;
    assert_eq!(status, 201, "{created}");
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let (status, conflict) = post_as(&function, ci(&[Right::Attest]), request()).await;
    assert_eq!(status, 409, "{conflict}");
    let conflict: serde_json::Value = serde_json::from_str(&conflict).unwrap();
    assert_eq!(conflict["code"], "ALREADY_ATTESTED");
    assert_eq!(conflict["occurrence"], created);
}

#[tokio::test]
async fn the_right_is_asked_for_before_the_body_is_read() {
    let function = function(&Key::new(1));
    let (status, body) = post_as(&function, ci(&[Right::Decide]), "nonsense".to_owned()).await;
    assert_eq!(status, 403);
    assert!(body.contains("RIGHT_MISSING"), "{body}");
}

#[tokio::test]
async fn a_key_that_is_not_the_attestors_is_our_mistake() {
    let (status, body) = post_as(&function(&Key::new(2)), ci(&[Right::Attest]), request()).await;
    assert_eq!(status, 500);
    insta::assert_snapshot!(body, @r#"{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"the key ni:///sha-256;-FeuTtbjTjN2Guolyq7j_lShWWD7ktzWOjdasSHesqk does not belong to projects/demo-project/attestors/built-by-ci, whose keys are ni:///sha-256;WgenI8eVaDCuLmvg73GzmRFi9epC0tVLhpzyFnNNeNM","code":"KEY_NOT_OF_ATTESTOR","remedy":"sign with a key of projects/demo-project/attestors/built-by-ci, or add this key's public half to it"}"#);
}

#[tokio::test]
async fn unknown_fields_and_long_bodies_are_refused() {
    let function = function(&Key::new(1));
    let (status, body) = post_as(&function, ci(&[Right::Attest]), r#"{"images":[]}"#.into()).await;
    assert_eq!(status, 400);
    insta::assert_snapshot!(body, @r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"unknown field `images`, expected `image` or `attestor` at line 1 column 9","code":"REQUEST_MALFORMED","remedy":"send {\"image\": \"HOST/PATH@sha256:…\", \"attestor\": \"projects/P/attestors/A\"}"}"#);
    let long = format!(r#"{{"image":"{}"}}"#, "x".repeat(MAX_BODY));
    let (status, _) = post_as(&function, ci(&[Right::Attest]), long).await;
    assert_eq!(status, 413);
}
