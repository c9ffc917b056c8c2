//! Secrets of Secrets Manager: what moto keeps, and answers that moto does not give.

use aws_sdk_secretsmanager::primitives::Blob;
use postern_aws::{SecretError, Session, secret};

use crate::canned::Canned;
use crate::moto::Moto;
use crate::session::{config, session};

async fn told(session: &Session, reference: &str) -> Result<String, SecretError> {
    let secret = secret(session, &reference.parse()?).await?;
    Ok(String::from_utf8_lossy(&secret).into_owned())
}

#[tokio::test]
async fn secrets_are_fetched_by_name_and_by_arn_in_their_region() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let config = config(&format!("http://{}", moto.address()));
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let made = client.create_secret().name("shop/hook");
    let made = made.secret_string("synthetic").send().await.unwrap();
    let elsewhere = aws_sdk_secretsmanager::config::Builder::from(&config)
        .region(aws_config::Region::from_static("us-east-1"))
        .build();
    let made_elsewhere = aws_sdk_secretsmanager::Client::from_conf(elsewhere)
        .create_secret()
        .name("shop/bytes")
        .secret_binary(Blob::new(b"of another region"));
    made_elsewhere.send().await.unwrap();
    let session = moto.session();
    assert_eq!(
        told(&session, "awssm://shop/hook").await.unwrap(),
        "synthetic"
    );
    let arn = format!("awssm://{}", made.arn().unwrap());
    assert_eq!(told(&session, &arn).await.unwrap(), "synthetic");
    assert_eq!(
        told(&session, "awssm://shop/bytes?region=us-east-1")
            .await
            .unwrap(),
        "of another region"
    );
    let error = told(&session, "awssm://shop/bytes").await.unwrap_err();
    insta::assert_snapshot!(error, @"AWS Secrets Manager: it answered ResourceNotFoundException; Secrets Manager can't find the specified secret.; there is no secret shop/bytes in this account and region; check both");
    assert!(matches!(error, SecretError::Refused(_)));
}

#[tokio::test]
async fn a_refusal_is_a_mistake_and_everything_else_an_outage() {
    let denied =
        r#"{"__type":"AccessDeniedException","Message":"User: synthetic is not authorized"}"#;
    let server = Canned::start(400, denied).await;
    let error = told(&session(&server.url), "awssm://hook")
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"AWS Secrets Manager: it answered AccessDeniedException; User: synthetic is not authorized; allow secretsmanager:GetSecretValue on secret hook to this identity");
    assert!(matches!(error, SecretError::Refused(_)));
    for (status, body) in [
        (500, r#"{"__type":"InternalServiceError"}"#),
        (400, r#"{"__type":"ThrottlingException"}"#),
        (200, "{}"),
        (404, "somebody else"),
    ] {
        let server = Canned::start(status, body).await;
        let error = told(&session(&server.url), "awssm://hook")
            .await
            .unwrap_err();
        assert!(matches!(error, SecretError::Outage(_)), "{error}");
    }
}
