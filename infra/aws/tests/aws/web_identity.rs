//! A role of moto that is taken on with a token of somebody else. moto gives each account what is its own
//! only, and knows an account by the credentials that its STS gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use postern_aws::{KmsKey, Session, Topic, WebIdentity};
use postern_core::ports::{
    BusMessage, BusRemedy, IdentityTokens, MessageBus, SignerKey, Unavailable,
};

use crate::moto::Moto;
use crate::session::config;

const ROLE: &str = "arn:aws:iam::444455556666:role/alerts";
const TOPIC: &str = "arn:aws:sns:eu-west-1:444455556666:alerts";

/// Stands in for whoever vouches.
#[derive(Debug, Default)]
struct Vouching {
    asked: AtomicUsize,
    down: bool,
}

#[async_trait]
impl IdentityTokens for Vouching {
    async fn token(&self, audience: &str) -> Result<String, Unavailable> {
        assert_eq!(audience, "sts.amazonaws.com");
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.down {
            true => Err(Unavailable::new("the stand-in", "it is down")),
            false => Ok("synthetic.synthetic.synthetic".to_owned()),
        }
    }
}

/// The id of a key in the account of the role, made by somebody of that account.
async fn key(moto: &Moto) -> String {
    let sts = aws_sdk_sts::Client::new(&config(&format!("http://{}", moto.address())));
    let request = sts.assume_role().role_arn(ROLE).role_session_name("setup");
    let given = request.send().await.unwrap().credentials.unwrap();
    let credentials = Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        None,
        "test",
    );
    let config = without_credentials(moto)
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let request = aws_sdk_kms::Client::new(&config).create_key();
    let request = request.key_spec(KeySpec::EccNistP256);
    let made = request.key_usage(KeyUsageType::SignVerify).send().await;
    made.unwrap().key_metadata.unwrap().key_id
}

async fn public(session: &Session, id: &str) -> Result<SignerKey, Unavailable> {
    let reference = format!("awskms:///{id}").parse().unwrap();
    KmsKey::new(session, reference).public_key().await
}

fn without_credentials(moto: &Moto) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .identity_cache(aws_config::identity::IdentityCache::lazy().build())
        .region(Region::from_static("eu-west-1"))
        .endpoint_url(format!("http://{}", moto.address()))
        .build()
}

fn identity() -> WebIdentity {
    WebIdentity {
        role_arn: ROLE.to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        session_name: "synthetic".to_owned(),
        region: None,
    }
}

fn message() -> BusMessage {
    BusMessage {
        id: "01ALERT".to_owned(),
        group: "01CASE".to_owned(),
        kind: "Postern Case Opened",
        at: "2026-03-03T05:00:10Z".parse().unwrap(),
        body: "{}".to_owned(),
        attributes: Vec::new(),
    }
}

#[tokio::test]
async fn what_the_role_may_use_is_used_and_the_role_is_kept() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let id = key(&moto).await;
    let refused = public(&moto.session(), &id).await.unwrap_err().to_string();
    assert!(refused.contains("NotFoundException"), "{refused}");

    let vouching = Arc::new(Vouching::default());
    let session = Session::taking_on(without_credentials(&moto), identity(), vouching.clone());
    let session = session.unwrap();
    let first = public(&session, &id).await.unwrap();
    assert_eq!(public(&session, &id).await.unwrap(), first);
    assert_eq!(vouching.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn who_is_not_vouched_for_is_an_outage_that_says_why() {
    let Some(mut moto) = Moto::start().await else {
        return;
    };
    let down = Arc::new(Vouching {
        down: true,
        ..Vouching::default()
    });
    let session = Session::taking_on(without_credentials(&moto), identity(), down).unwrap();
    let refused = Topic::new(&session, TOPIC)
        .unwrap()
        .publish(&message())
        .await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused.remedy, BusRemedy::Time(_)), "{refused}");
    assert!(
        refused.error.contains("the stand-in: it is down"),
        "{refused}"
    );

    let config = without_credentials(&moto);
    moto.stop().await;
    let session = Session::taking_on(config, identity(), Arc::new(Vouching::default())).unwrap();
    let refused = Topic::new(&session, TOPIC)
        .unwrap()
        .publish(&message())
        .await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused.remedy, BusRemedy::Time(_)), "{refused}");
    assert!(
        refused.error.contains(&format!("AWS STS for {ROLE}")),
        "{refused}"
    );
    assert!(!refused.error.contains("synthetic.synthetic"), "{refused}");
}

#[test]
fn without_a_region_nobody_can_be_asked() {
    let nowhere = SdkConfig::builder().build();
    let session = Session::taking_on(nowhere, identity(), Arc::new(Vouching::default()));
    insta::assert_snapshot!(session.err().unwrap(), @"no region says where STS is asked: name one, or set AWS_REGION");
}
