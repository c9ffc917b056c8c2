//! What an operator is told of answers that moto does not give.

use std::sync::Arc;

use postern_aws::{EcrCredentials, KmsKey};
use postern_core::ports::CredentialProvider as _;

use crate::canned::Canned;
use crate::session::session;

const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
/// `AWS:synthetic`, good until 2100.
const TOKEN: &str = r#"{"authorizationData":[{"authorizationToken":"QVdTOnN5bnRoZXRpYw==",
    "expiresAt":4102444800.0}]}"#;

async fn kms_told(status: u16, body: &'static str) -> String {
    let server = Canned::start(status, body).await;
    let reference = "awskms:///alias/ci".parse().unwrap();
    let key = Arc::new(KmsKey::new(&session(&server.url), reference));
    key.public_key().await.unwrap_err().to_string()
}

#[tokio::test]
async fn missing_permissions_are_named() {
    let body =
        r#"{"__type":"AccessDeniedException","Message":"User: synthetic is not authorized"}"#;
    insta::assert_snapshot!(kms_told(400, body).await, @"AWS KMS awskms:///alias/ci: it answered AccessDeniedException; User: synthetic is not authorized; allow kms:GetPublicKey on key alias/ci to this identity");
    let server = Canned::start(400, body).await;
    let credentials = EcrCredentials::new(session(&server.url));
    let told = credentials.credential(HOST).await.unwrap_err();
    insta::assert_snapshot!(told, @"Amazon ECR 111122223333.dkr.ecr.eu-west-1.amazonaws.com: it answered AccessDeniedException; User: synthetic is not authorized; allow ecr:GetAuthorizationToken on * to this identity");
}

#[tokio::test]
async fn answers_without_what_was_asked_for_are_outages() {
    insta::assert_snapshot!(kms_told(200, "{}").await, @"AWS KMS awskms:///alias/ci: GetPublicKey answered without a key");
    insta::assert_snapshot!(kms_told(200, "nonsense}").await, @"AWS KMS awskms:///alias/ci: service error: unhandled error: Error at offset 0: expected literal: null");
}

#[tokio::test]
async fn a_failing_service_is_asked_again_and_then_an_outage() {
    let server = Canned::start(500, r#"{"__type":"KMSInternalException"}"#).await;
    let reference = "awskms:///alias/ci".parse().unwrap();
    let key = Arc::new(KmsKey::new(&session(&server.url), reference));
    let told = key.public_key().await.unwrap_err();
    insta::assert_snapshot!(told, @"AWS KMS awskms:///alias/ci: it answered KMSInternalException");
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn a_token_is_fetched_once_for_a_region() {
    let server = Canned::start(200, TOKEN).await;
    let credentials = EcrCredentials::new(session(&server.url));
    let (one, two) = tokio::join!(credentials.credential(HOST), credentials.credential(HOST));
    assert_eq!(one.unwrap().password, "synthetic");
    assert_eq!(two.unwrap().password, "synthetic");
    assert_eq!(server.requests(), 1);
    credentials
        .credential("111122223333.dkr.ecr.us-east-1.amazonaws.com")
        .await
        .unwrap();
    assert_eq!(server.requests(), 2);
}
