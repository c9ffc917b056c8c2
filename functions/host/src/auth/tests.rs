//! Tokens made on the spot, in the shapes that real issuers give them. Every name and number in
//! them is synthetic.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use http::request::Parts;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::config::{Access, Issuer, PlatformCallers, PlatformWord, Right};
use crate::problem::Problem;
use crate::server::Peer;

const NOW: i64 = 1_767_322_000;

/// An issuer on loopback whose keys can be exchanged and which can be taken away.
struct Idp {
    jwks_uri: String,
    state: Arc<IdpState>,
}

#[derive(Default)]
struct IdpState {
    base: Mutex<String>,
    keys: Mutex<Vec<Jwk>>,
    fetches: AtomicUsize,
    down: AtomicBool,
    hanging: AtomicBool,
}

impl Idp {
    async fn start(keys: Vec<Jwk>) -> Self {
        let state = Arc::new(IdpState {
            keys: Mutex::new(keys),
            ..IdpState::default()
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        *state.base.lock().unwrap() = base.clone();
        tokio::spawn(crate::server::serve(
            listener,
            router,
            std::future::pending(),
        ));
        Self {
            jwks_uri: format!("{base}/jwks"),
            state,
        }
    }

    fn issuer(&self) -> String {
        self.state.base.lock().unwrap().clone()
    }

    fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }

    fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::SeqCst);
    }

    fn set_hanging(&self, hanging: bool) {
        self.state.hanging.store(hanging, Ordering::SeqCst);
    }

    fn rotate(&self, keys: Vec<Jwk>) {
        *self.state.keys.lock().unwrap() = keys;
    }
}

async fn discovery(State(state): State<Arc<IdpState>>) -> axum::Json<Value> {
    let base = state.base.lock().unwrap().clone();
    axum::Json(json!({"issuer": base, "jwks_uri": format!("{base}/jwks")}))
}

async fn jwks(State(state): State<Arc<IdpState>>) -> axum::response::Response {
    state.fetches.fetch_add(1, Ordering::SeqCst);
    if state.hanging.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if state.down.load(Ordering::SeqCst) {
        return http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    axum::Json(json!({"keys": *state.keys.lock().unwrap()})).into_response()
}

/// A signing key and its public half.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn ec(id: &'static str) -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
        let random = aws_lc_rs::rand::SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            id,
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(key.as_ref()),
        }
    }

    fn rsa(id: &'static str) -> Self {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let label = "PRIVATE KEY";
        let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self {
            id,
            algorithm: Algorithm::RS256,
            key,
        }
    }

    fn jwk(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.id.to_owned()),
            ..Header::new(self.algorithm)
        };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

fn google(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "https://gate.example", "azp": "1234567890", "sub": "1234567890",
        "email": "ci@demo-project.iam.gserviceaccount.com", "email_verified": true,
        "iat": NOW - 10, "exp": NOW + 3590})
}

fn github(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "postern", "jti": "example-id", "ref": "refs/heads/main",
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "repository": "octo-org/octo-repo",
        "repository_id": "123", "repository_owner_id": "65", "run_id": "42", "event_name": "push",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/d.yml@refs/heads/main",
        "runner_environment": "github-hosted", "nbf": NOW - 600, "iat": NOW - 5, "exp": NOW + 295})
}

fn gitlab(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "https://gate.example", "sub": "project_path:g/p:ref_type:branch:ref:main",
        "namespace_path": "g", "project_id": "7", "project_path": "g/p", "pipeline_id": "99",
        "ref": "main", "ref_protected": "true", "user_email": "dev@example.com",
        "nbf": NOW - 5, "iat": NOW - 5, "exp": NOW + 3595})
}

fn circleci(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "6a1c0000-0000-4000-8000-000000000000",
        "sub": "org/6a1c/project/9d2e/user/77aa/vcs-origin/x/vcs-ref/refs/heads/main",
        "oidc.circleci.com/project-id": "9d2e", "oidc.circleci.com/ssh-rerun": false,
        "iat": NOW - 5, "exp": NOW + 3595})
}

struct World {
    authenticator: Authenticator,
    now: Arc<AtomicI64>,
}

impl World {
    fn new(access: &Access) -> Self {
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = now.clone();
        let clock: Clock =
            Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        Self {
            authenticator: Authenticator::with_clock(Some(access), clock).unwrap(),
            now,
        }
    }

    fn later(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn identify(&self, token: &str) -> Result<Identity, Problem> {
        self.authenticator
            .identify(&with("authorization", token))
            .await
    }

    async fn code(&self, token: &str) -> &'static str {
        self.identify(token)
            .await
            .map_or_else(|problem| problem.code(), |_| "accepted")
    }
}

fn with(name: &str, token: &str) -> Parts {
    let request = http::Request::get("/").header(name, format!("Bearer {token}"));
    request.body(()).unwrap().into_parts().0
}

fn entry(idp: &Idp, audience: &str, claims: Value, may: &[Right]) -> Issuer {
    Issuer {
        issuer: idp.issuer(),
        audience: audience.to_owned(),
        claims: serde_json::from_value(claims).unwrap(),
        jwks_uri: None,
        may: may.to_vec(),
    }
}

fn google_access(idp: &Idp) -> Access {
    let email = json!({"email": "ci@demo-project.iam.gserviceaccount.com"});
    Access::Issuers(vec![entry(
        idp,
        "https://gate.example",
        email,
        &[Right::Decide],
    )])
}

#[rstest::rstest]
#[case::google(google, "https://gate.example", json!({"email": "ci@demo-project.iam.gserviceaccount.com"}))]
#[case::github(github, "postern", json!({"repository_id": "123", "ref": "refs/heads/main"}))]
#[case::gitlab(gitlab, "https://gate.example", json!({"project_id": "7", "ref_protected": "true"}))]
#[case::circleci(circleci, "6a1c0000-0000-4000-8000-000000000000",
    json!({"oidc.circleci.com/project-id": "9d2e", "oidc.circleci.com/ssh-rerun": false}))]
#[tokio::test]
async fn tokens_of_real_shapes_are_taken(
    #[case] claims: fn(&str) -> Value,
    #[case] audience: &str,
    #[case] conditions: Value,
    #[values(Signer::rsa("rsa"), Signer::ec("ec"))] signer: Signer,
) {
    let idp = Idp::start(vec![signer.jwk()]).await;
    // As configured for the real issuer, whose keys this test cannot sign by.
    let mut entry = entry(&idp, audience, conditions, &[Right::Decide, Right::Attest]);
    entry.issuer = "https://issuer.example".to_owned();
    entry.jwks_uri = Some(idp.jwks_uri.clone());
    let world = World::new(&Access::Issuers(vec![entry]));
    let claims = claims("https://issuer.example");
    let identity = world.identify(&signer.sign(&claims)).await.unwrap();
    assert!(identity.may(Right::Attest) && !identity.may(Right::BreakGlass));
    let caller = identity.caller.unwrap();
    assert_eq!(caller.issuer, "https://issuer.example");
    assert_eq!(caller.subject, claims["sub"]);
    assert_eq!(caller.email.as_deref(), claims["email"].as_str());
}

#[rstest::rstest]
#[case::expired("exp", json!(NOW - 60), "TOKEN_EXPIRED")]
#[case::just_expired("exp", json!(NOW - 59), "accepted")]
#[case::endless("exp", Value::Null, "TOKEN_MALFORMED")]
#[case::text_for_a_time("exp", json!("never"), "TOKEN_MALFORMED")]
#[case::from_the_future("iat", json!(NOW + 61), "TOKEN_NOT_YET_VALID")]
#[case::clocks_differ("nbf", json!(NOW + 59), "accepted")]
#[case::not_before("nbf", json!(NOW + 61), "TOKEN_NOT_YET_VALID")]
#[case::audience("aud", json!("https://gate.example/"), "TOKEN_AUDIENCE")]
#[case::several_audiences("aud", json!(["x", "https://gate.example"]), "accepted")]
#[case::other_audiences("aud", json!(["x"]), "TOKEN_AUDIENCE")]
#[case::issuer("iss", json!("https://evil.example"), "TOKEN_ISSUER")]
#[case::email("email", json!("other@demo-project.iam.gserviceaccount.com"), "TOKEN_CLAIM")]
#[case::unverified("email_verified", json!(false), "TOKEN_EMAIL_NOT_VERIFIED")]
#[case::as_text("email_verified", json!("true"), "TOKEN_EMAIL_NOT_VERIFIED")]
#[case::nobody("sub", json!(""), "TOKEN_MALFORMED")]
#[tokio::test]
async fn one_claim_decides(#[case] name: &str, #[case] value: Value, #[case] expected: &str) {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let mut claims = google(&idp.issuer());
    claims[name] = value;
    assert_eq!(world.code(&signer.sign(&claims)).await, expected);
}

#[tokio::test]
async fn a_token_is_demanded() {
    let idp = Idp::start(Vec::new()).await;
    let world = World::new(&google_access(&idp));
    let parts = http::Request::get("/").body(()).unwrap().into_parts().0;
    let problem = world.authenticator.identify(&parts).await.unwrap_err();
    assert_eq!(problem.code(), "TOKEN_MISSING");
    let response = problem.into_response();
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer realm=\"postern\""
    );
    assert_eq!(idp.fetches(), 0, "nobody asked for keys");
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let signer = Signer::rsa("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let secret = serde_json::to_vec(&signer.jwk()).unwrap();
    let header = Header {
        kid: Some("k".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let key = EncodingKey::from_secret(&secret);
    let confused = jsonwebtoken::encode(&header, &google(&idp.issuer()), &key).unwrap();
    assert_eq!(world.code(&confused).await, "TOKEN_ALGORITHM");

    let good = signer.sign(&google(&idp.issuer()));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for alg in ["none", "ES256", "PS256"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","kid":"k"}}"#));
        let code = world.code(&format!("{header}.{payload}.{signature}")).await;
        assert_eq!(code, "TOKEN_ALGORITHM", "{alg}");
    }
    assert_eq!(world.code(&format!("{message}.")).await, "TOKEN_SIGNATURE");
}

#[tokio::test]
async fn claims_that_were_changed_are_refused() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let good = signer.sign(&google(&idp.issuer()));
    let mut claims = google(&idp.issuer());
    claims["sub"] = json!("somebody else");
    let parts: Vec<_> = good.split('.').collect();
    let forged = URL_SAFE_NO_PAD.encode(claims.to_string());
    assert_eq!(
        world
            .code(&format!("{}.{forged}.{}", parts[0], parts[2]))
            .await,
        "TOKEN_SIGNATURE"
    );
    let stranger = Signer::ec("k");
    assert_eq!(
        world.code(&stranger.sign(&google(&idp.issuer()))).await,
        "TOKEN_SIGNATURE"
    );
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_at_a_time() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let token = signer.sign(&google(&idp.issuer()));
    let all = futures::future::join_all((0..50).map(|_| world.identify(&token))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(idp.fetches(), 1);
}

#[tokio::test]
async fn a_rotated_key_is_found_and_unknown_ones_cost_a_fetch_a_minute() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let idp = Idp::start(vec![old.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let claims = google(&idp.issuer());
    assert_eq!(world.code(&old.sign(&claims)).await, "accepted");

    idp.rotate(vec![new.jwk()]);
    for _ in 0..5 {
        assert_eq!(world.code(&new.sign(&claims)).await, "TOKEN_KEY_UNKNOWN");
    }
    assert_eq!(idp.fetches(), 1, "within a minute of the last fetch");
    world.later(60);
    assert_eq!(world.code(&new.sign(&claims)).await, "accepted");
    assert_eq!(world.code(&old.sign(&claims)).await, "TOKEN_KEY_UNKNOWN");
    assert_eq!(idp.fetches(), 2);
}

#[tokio::test]
async fn without_keys_nobody_is_refused_as_a_liar_and_nobody_is_let_in() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let token = signer.sign(&google(&idp.issuer()));
    idp.set_down(true);
    let problem = world.identify(&token).await.unwrap_err();
    assert_eq!(
        (problem.status().as_u16(), problem.code()),
        (503, "ISSUER_UNAVAILABLE")
    );
    idp.set_down(false);
    world.later(5);
    assert_eq!(world.code(&token).await, "accepted");
}

#[tokio::test]
async fn old_keys_outlive_an_outage_for_a_day() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let mut claims = google(&idp.issuer());
    claims["exp"] = json!(NOW + 200_000);
    let token = signer.sign(&claims);
    assert_eq!(world.code(&token).await, "accepted");
    idp.set_down(true);
    world.later(3600);
    assert_eq!(
        world.code(&token).await,
        "accepted",
        "with the keys of an hour ago"
    );
    assert_eq!(
        world.code(&Signer::ec("new").sign(&claims)).await,
        "ISSUER_UNAVAILABLE"
    );
    assert_eq!(idp.fetches(), 2, "one attempt within the minute");
    world.later(86_400);
    assert_eq!(world.code(&token).await, "ISSUER_UNAVAILABLE");
}

#[tokio::test]
async fn nobody_waits_for_a_hanging_issuer_whose_keys_are_known() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let mut claims = google(&idp.issuer());
    claims["exp"] = json!(NOW + 200_000);
    let token = signer.sign(&claims);
    assert_eq!(world.code(&token).await, "accepted");
    idp.set_hanging(true);
    world.later(3600);
    assert_eq!(world.code(&token).now_or_never(), Some("accepted"));
    while idp.fetches() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.code(&token).now_or_never(), Some("accepted"));
    world.later(86_400);
    let too_old = world.code(&token).now_or_never();
    assert_eq!(too_old, None, "keys of yesterday are waited for");
}

#[tokio::test]
async fn keys_are_renewed_while_the_old_ones_serve() {
    let (old, new) = (Signer::ec("old"), Signer::ec("new"));
    let idp = Idp::start(vec![old.jwk()]).await;
    let world = World::new(&google_access(&idp));
    let mut claims = google(&idp.issuer());
    claims["exp"] = json!(NOW + 200_000);
    let token = old.sign(&claims);
    assert_eq!(world.code(&token).await, "accepted");
    idp.rotate(vec![new.jwk()]);
    world.later(3600);
    assert_eq!(world.code(&token).now_or_never(), Some("accepted"));
    assert_eq!(world.code(&new.sign(&claims)).await, "accepted");
    assert_eq!(world.code(&token).await, "TOKEN_KEY_UNKNOWN");
    assert_eq!(idp.fetches(), 2);
}

#[tokio::test]
async fn rights_of_every_entry_that_is_met_add_up() {
    let signer = Signer::ec("k");
    let idp = Idp::start(vec![signer.jwk()]).await;
    let entries = vec![
        entry(&idp, "https://gate.example", json!({}), &[Right::Decide]),
        entry(
            &idp,
            "https://gate.example",
            json!({"sub": "1234567890"}),
            &[Right::BreakGlass],
        ),
        entry(
            &idp,
            "https://gate.example",
            json!({"sub": "other"}),
            &[Right::Approve],
        ),
    ];
    let world = World::new(&Access::Issuers(entries));
    let identity = world
        .identify(&signer.sign(&google(&idp.issuer())))
        .await
        .unwrap();
    assert!(identity.may(Right::Decide) && identity.may(Right::BreakGlass));
    assert!(!identity.may(Right::Approve));
}

/// A token as Cloud Run hands it to the container.
fn stripped(claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{header}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE")
}

fn platform_access() -> Access {
    let caller = Issuer {
        issuer: "https://accounts.google.com".to_owned(),
        audience: "https://gate.example".to_owned(),
        claims: [(
            "email".to_owned(),
            json!("ci@demo-project.iam.gserviceaccount.com"),
        )]
        .into(),
        jwks_uri: None,
        may: vec![Right::BreakGlass],
    };
    Access::PlatformCallers(PlatformCallers {
        platform: vec![caller],
    })
}

#[tokio::test]
async fn behind_the_platform_claims_are_compared_without_a_signature() {
    let world = World::new(&platform_access());
    let claims = google("https://accounts.google.com");
    assert!(
        world
            .identify(&stripped(&claims))
            .await
            .unwrap()
            .may(Right::BreakGlass)
    );
    for (name, value, code) in [
        ("aud", json!("https://other.example"), "TOKEN_AUDIENCE"),
        ("email", json!("other@example.com"), "TOKEN_CLAIM"),
        ("email_verified", json!(false), "TOKEN_EMAIL_NOT_VERIFIED"),
        ("exp", json!(NOW - 60), "TOKEN_EXPIRED"),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        assert_eq!(world.code(&stripped(&claims)).await, code);
    }
}

#[tokio::test]
async fn the_header_that_the_platform_checked_wins() {
    let world = World::new(&platform_access());
    let mut other = google("https://accounts.google.com");
    other["email"] = json!("other@example.com");
    let mut parts = with(
        "authorization",
        &stripped(&google("https://accounts.google.com")),
    );
    let checked = format!("Bearer {}", stripped(&other));
    parts
        .headers
        .insert("x-serverless-authorization", checked.parse().unwrap());
    assert_eq!(
        world
            .authenticator
            .identify(&parts)
            .await
            .unwrap_err()
            .code(),
        "TOKEN_CLAIM"
    );
}

#[tokio::test]
async fn whom_the_platform_lets_in_may_ask_deliver_and_see_and_gets_no_signature() {
    let world = World::new(&Access::Platform(PlatformWord::Platform));
    let token = stripped(&google("https://accounts.google.com"));
    let identity = world.identify(&token).await.unwrap();
    let rights = Right::ALL.into_iter().filter(|right| identity.may(*right));
    assert_eq!(
        rights.collect::<Vec<_>>(),
        [Right::Decide, Right::Ingest, Right::View, Right::Respond]
    );
    let parts = http::Request::get("/").body(()).unwrap().into_parts().0;
    let problem = world.authenticator.identify(&parts).await.unwrap_err();
    assert_eq!(problem.code(), "TOKEN_MISSING");
}

#[tokio::test]
async fn without_authentication_only_this_machine_is_answered() {
    let authenticator = Authenticator::new(None).unwrap();
    for (peer, allowed) in [
        (Peer::tcp("127.0.0.1:9".parse().unwrap()), true),
        (Peer::tcp("[::ffff:127.0.0.1]:9".parse().unwrap()), true),
        (Peer::tcp("192.0.2.1:9".parse().unwrap()), false),
        (Peer::platform(), false),
    ] {
        let mut parts = http::Request::get("/").body(()).unwrap().into_parts().0;
        parts.extensions.insert(peer);
        assert_eq!(authenticator.identify(&parts).await.is_ok(), allowed);
    }
}

fn with_certificate(path: &str) -> Parts {
    let mut parts = http::Request::get(path).body(()).unwrap().into_parts().0;
    let peer = Peer::tls("192.0.2.1:9".parse().unwrap(), Some([0xab; 32]));
    parts.extensions.insert(peer);
    parts
}

#[rstest::rstest]
#[case("/v1/admission?cluster=us-central1-a.prod")]
#[case("/v1/imagereview")]
#[tokio::test]
async fn a_client_certificate_is_the_identity_of_a_cluster(#[case] path: &str) {
    let authenticator = Authenticator::new(None).unwrap();
    let identity = authenticator.identify(&with_certificate(path)).await;
    let identity = identity.unwrap();
    assert!(identity.may(Right::Decide) && !identity.may(Right::Attest));
    assert!(identity.caller.unwrap().subject.starts_with("sha256:abab"));
}

#[rstest::rstest]
#[case("/v1/decisions")]
#[case("/v1/admission/")]
#[case("/metrics?/v1/admission")]
#[tokio::test]
async fn where_no_cluster_asks_a_client_certificate_is_no_identity(#[case] path: &str) {
    let parts = with_certificate(path);
    let unconfigured = Authenticator::new(None).unwrap();
    let problem = unconfigured.identify(&parts).await.unwrap_err();
    assert_eq!(problem.code(), "LOOPBACK_ONLY");
    let idp = Idp::start(Vec::new()).await;
    let world = World::new(&google_access(&idp));
    let problem = world.authenticator.identify(&parts).await.unwrap_err();
    assert_eq!(problem.code(), "TOKEN_MISSING");
}

#[test]
fn a_function_without_authentication_is_not_exposed() {
    let access = platform_access();
    let functions = [("gate", Some(&access)), ("auditor", None)];
    assert_eq!(guard("127.0.0.1:0".parse().unwrap(), functions), Ok(()));
    let error = guard("0.0.0.0:8080".parse().unwrap(), functions).unwrap_err();
    insta::assert_snapshot!(error, @"`auth.auditor` is not configured, so auditor may only listen on loopback, and 0.0.0.0:8080 is not: add `auth.auditor`, or listen on 127.0.0.1");
}
