//! Where credentials go, and where they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stand_in::{Seen, StandIn, client, manifest, not_found, ok, status, with_header};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use postern_core::ports::{
    CredentialProvider, ImageResolver as _, RegistryCredential, Unavailable,
};
use postern_registry::{Credential, HostOptions};

/// Synthetic: base64 of `user:secret`.
const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

fn basic() -> Credential {
    Credential::Basic {
        username: "user".to_owned(),
        password: "secret".into(),
    }
}

/// A registry that answers only to this header, and otherwise asks for it with that challenge.
async fn guarded(accepted: &'static str, challenge: String) -> StandIn {
    StandIn::start(move |seen| answer(seen, accepted, &challenge)).await
}

fn answer(seen: &Seen, accepted: &str, challenge: &str) -> Response<Body> {
    if seen.authorization.as_deref() == Some(accepted) {
        return ok(manifest("app"));
    }
    with_header(
        status(StatusCode::UNAUTHORIZED),
        "www-authenticate",
        challenge,
    )
}

fn with(registry: &StandIn, credential: Credential) -> HostOptions {
    HostOptions {
        credential,
        ..registry.options()
    }
}

#[tokio::test]
async fn a_password_is_sent_once_it_is_asked_for() {
    let registry = guarded(BASIC, r#"Basic realm="r""#.to_owned()).await;
    let client = client(vec![with(&registry, basic())]);
    assert!(
        client
            .resolve(&registry.image("app:v1"))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        client
            .resolve(&registry.image("app:v2"))
            .await
            .unwrap()
            .is_some()
    );
    let sent: Vec<_> = registry
        .seen()
        .into_iter()
        .map(|seen| seen.authorization)
        .collect();
    assert_eq!(sent, [None, Some(BASIC.to_owned()), Some(BASIC.to_owned())]);
}

#[tokio::test]
async fn without_a_credential_the_error_says_what_to_do() {
    let registry = guarded(BASIC, r#"Basic realm="r""#.to_owned()).await;
    let error = registry
        .client()
        .resolve(&registry.image("app:v1"))
        .await
        .unwrap_err();
    insta::assert_snapshot!(error.message, @"it answered 401 Unauthorized and asks for a user name and a password; give it a credential in `registries`, or run docker login");
}

#[tokio::test]
async fn a_listed_realm_issues_a_token_that_is_kept() {
    let realm = StandIn::start(|_| ok(r#"{"token":"t","expires_in":300}"#)).await;
    let challenge = format!(r#"Bearer realm="http://{}/token",service="s""#, realm.host);
    let registry = guarded("Bearer t", challenge).await;
    let mut options = with(&registry, basic());
    options.realms = vec![realm.host.clone()];
    let client = client(vec![options]);
    assert!(
        client
            .resolve(&registry.image("app:v1"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(client.requests(), 3, "asked, logged in, asked again");
    assert!(
        client
            .resolve(&registry.image("app:v2"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(client.requests(), 4);
    let seen = realm.seen();
    assert_eq!(seen[0].authorization.as_deref(), Some(BASIC));
    assert_eq!(
        seen[0].path,
        "/token?scope=repository%3Aapp%3Apull&client_id=postern&service=s"
    );
    assert!(
        registry
            .seen()
            .iter()
            .all(|seen| seen.authorization.as_deref() != Some(BASIC))
    );
}

#[tokio::test]
async fn another_realm_gets_nothing() {
    let thief = StandIn::start(|_| ok(r#"{"token":"t"}"#)).await;
    let challenge = format!(r#"Bearer realm="http://{}/token""#, thief.host);
    let registry = guarded("Bearer t", challenge).await;
    let listed = client(vec![with(&registry, basic()), thief.options()]);
    let error = listed.resolve(&registry.image("app:v1")).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"it sends for tokens to 127.0.0.1, which is not among its realms; nothing was sent there. If that host is right, add it to the registry's `realms`");
    let anonymous = registry.client().resolve(&registry.image("app:v1")).await;
    insta::assert_snapshot!(anonymous.unwrap_err().message, @"it sends for tokens to 127.0.0.1 without TLS; nothing was sent there");
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_gets_no_credential() {
    let other = StandIn::start(|_| ok(manifest("app"))).await;
    let target = format!("http://{}/elsewhere", other.host);
    let registry = StandIn::start(move |seen| match seen.authorization {
        Some(_) => with_header(status(StatusCode::TEMPORARY_REDIRECT), "location", &target),
        None => answer(seen, BASIC, r#"Basic realm="r""#),
    })
    .await;
    let client = client(vec![with(&registry, basic()), with(&other, basic())]);
    assert!(
        client
            .resolve(&registry.image("app:v1"))
            .await
            .unwrap()
            .is_some()
    );
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].authorization, None);
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_once() {
    let count = AtomicU32::new(0);
    let realm = StandIn::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        ok(format!(r#"{{"token":"t{number}","expires_in":300}}"#))
    })
    .await;
    let challenge = format!(r#"Bearer realm="http://{}/token""#, realm.host);
    let registry = StandIn::start(move |seen| match seen.path.as_str() {
        "/v2/app/manifests/v1" => answer(seen, "Bearer t0", &challenge),
        "/v2/app/manifests/v2" => answer(seen, "Bearer t1", &challenge),
        _ => answer(seen, "never", &challenge),
    })
    .await;
    let mut options = registry.options();
    options.realms = vec![realm.host.clone()];
    let client = client(vec![options]);
    assert!(
        client
            .resolve(&registry.image("app:v1"))
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        client
            .resolve(&registry.image("app:v2"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(realm.seen().len(), 2);
    let refused = client.resolve(&registry.image("app:v3")).await.unwrap_err();
    assert!(refused.message.contains("401 Unauthorized"), "{refused}");
    assert_eq!(realm.seen().len(), 3, "it does not go round in circles");
}

/// A stand-in for a cloud's identity; synthetic.
struct Cloud;

#[async_trait]
impl CredentialProvider for Cloud {
    async fn credential(&self, registry_host: &str) -> Result<RegistryCredential, Unavailable> {
        if registry_host.starts_with("127.0.0.1:") {
            return Ok(RegistryCredential {
                username: "user".to_owned(),
                password: "secret".to_owned(),
            });
        }
        Err(Unavailable::new("cloud", "no identity"))
    }
}

#[tokio::test]
async fn a_clouds_identity_is_asked_for_the_credential() {
    let registry = guarded(BASIC, r#"Basic realm="r""#.to_owned()).await;
    let provider = Credential::Provider(Arc::new(Cloud));
    let client = client(vec![with(&registry, provider)]);
    assert!(
        client
            .resolve(&registry.image("app:v1"))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_giant_token_is_not_read() {
    let realm = StandIn::start(|_| ok(vec![b' '; 1 << 17])).await;
    let challenge = format!(r#"Bearer realm="http://{}/token""#, realm.host);
    let registry = guarded("Bearer t", challenge).await;
    let mut options = registry.options();
    options.realms = vec![realm.host.clone()];
    let error = client(vec![options])
        .resolve(&registry.image("app:v1"))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("more than the 65536 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn two_clients_of_one_host_are_a_mistake() {
    let registry = StandIn::start(|_| not_found()).await;
    let twice = postern_registry::Registry::new(postern_registry::RegistryOptions {
        hosts: vec![registry.options(), registry.options()],
        ..Default::default()
    });
    let error = twice.err().unwrap().to_string();
    assert_eq!(
        error,
        format!("the registry {} is listed twice", registry.host)
    );
}
