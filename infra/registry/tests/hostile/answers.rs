//! Answers that are no images, and ways that lead elsewhere.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::stand_in::{StandIn, client, manifest, not_found, ok, status, with_header};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use postern_core::image::Digest;
use postern_core::ports::ImageResolver as _;
use postern_registry::{Registry, RegistryOptions};
use rstest::rstest;

/// What resolving says when it fails, with the host and port, which differ each time, taken out.
async fn failure(registry: &StandIn, client: &Registry, image: &str) -> String {
    let error = client.resolve(&registry.image(image)).await.unwrap_err();
    assert!(!error.limit);
    error.to_string().replace(&registry.host, "HOST")
}

#[tokio::test]
async fn an_outage_is_never_taken_for_absence() {
    let registry = StandIn::start(|seen| match seen.path.as_str() {
        "/v2/app/manifests/429" => {
            let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}"#;
            let mut response = with_header(ok(body), "retry-after", "30");
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response
        }
        "/v2/app/manifests/500" => status(StatusCode::INTERNAL_SERVER_ERROR),
        "/v2/app/manifests/401" => status(StatusCode::UNAUTHORIZED),
        "/v2/app/manifests/403" => status(StatusCode::FORBIDDEN),
        "/v2/app/manifests/html" => ok("<html>sign in</html>"),
        _ => not_found(),
    })
    .await;
    let client = registry.client();
    let failure = async |tag| failure(&registry, &client, &format!("app:{tag}")).await;
    insta::assert_snapshot!(failure("429").await, @"registry HOST: it answered 429 Too Many Requests to GET /v2/app/manifests/429 (TOOMANYREQUESTS: pull rate limit); Retry-After: 30; try again later");
    insta::assert_snapshot!(failure("500").await, @"registry HOST: it answered 500 Internal Server Error to GET /v2/app/manifests/500");
    insta::assert_snapshot!(failure("401").await, @"registry HOST: it answered 401 Unauthorized, and it does not say how to log in");
    insta::assert_snapshot!(failure("403").await, @"registry HOST: it answered 403 Forbidden to GET /v2/app/manifests/403; the credential for this registry (`registries`, or docker login) does not allow it");
    insta::assert_snapshot!(failure("html").await, @"registry HOST: the manifest of HOST/app:html cannot be judged: it is no manifest: expected value at line 1 column 1");
    assert_eq!(client.resolve(&registry.image("app:gone")).await, Ok(None));
}

#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = StandIn::start(|_| not_found()).await;
    let mut options = registry.options();
    options.host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let image = format!("{}/app:v1", options.host).parse().unwrap();
    let error = client(vec![options]).resolve(&image).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"cannot connect: Connection refused (os error 111)");
}

#[rstest]
#[case::no_end(|| Body::from_stream(stream::pending::<std::io::Result<Bytes>>()))]
#[case::a_start_and_no_end(|| {
    let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    Body::from_stream(start.chain(stream::pending()))
})]
#[tokio::test]
async fn a_body_that_never_ends_is_given_up(#[case] body: fn() -> Body) {
    let registry = StandIn::start(move |_| ok(body())).await;
    let client = Registry::new(RegistryOptions {
        hosts: vec![registry.options()],
        timeout: Duration::from_millis(100),
        ..RegistryOptions::default()
    })
    .unwrap();
    let problem = failure(&registry, &client, "app:v1").await;
    assert_eq!(problem, "registry HOST: no whole answer within 100ms");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_a_manifest() {
    let registry = StandIn::start(|_| {
        let body = manifest("app");
        let announced = (body.len() + 10).to_string();
        let cut = stream::iter([
            Ok(Bytes::from(body)),
            Err(std::io::Error::other("cut off on purpose")),
        ]);
        with_header(ok(Body::from_stream(cut)), "content-length", &announced)
    })
    .await;
    let problem = failure(&registry, &registry.client(), "app:v1").await;
    assert!(problem.contains("the connection failed"), "{problem}");
}

#[rstest]
#[case::announced(|| with_header(
    ok(Body::from_stream(stream::pending::<std::io::Result<Bytes>>())),
    "content-length",
    "5000000",
))]
#[case::endless(|| {
    let chunk = Bytes::from(vec![b' '; 1 << 16]);
    ok(Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()))))
})]
#[tokio::test]
async fn a_giant_body_is_not_read(#[case] response: fn() -> Response<Body>) {
    let registry = StandIn::start(move |_| response()).await;
    let problem = failure(&registry, &registry.client(), "app:v1").await;
    assert!(
        problem.ends_with("more than the 4194304 bytes that are read"),
        "{problem}"
    );
}

#[tokio::test]
async fn an_endless_error_is_still_that_error() {
    let registry = StandIn::start(|_| {
        let chunk = Bytes::from(vec![b'x'; 1 << 16]);
        let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        let mut response = ok(Body::from_stream(endless));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
    .await;
    insta::assert_snapshot!(failure(&registry, &registry.client(), "app:v1").await, @"registry HOST: it answered 502 Bad Gateway to GET /v2/app/manifests/v1");
}

#[tokio::test]
async fn only_the_hash_of_the_content_counts() {
    let wanted = Digest::of(manifest("wanted").as_bytes());
    let registry = StandIn::start(move |_| {
        with_header(
            ok(manifest("other")),
            "docker-content-digest",
            &wanted.to_string(),
        )
    })
    .await;
    let other = Digest::of(manifest("other").as_bytes());
    for image in [format!("app@{wanted}"), "app:v1".to_owned()] {
        let problem = failure(&registry, &registry.client(), &image).await;
        let expected = format!("hashes to {other} instead of {wanted}");
        assert!(problem.contains(&expected), "{problem}");
    }
}

/// GHSA-m3cq-xcx9-3gvm: a registry that answers different manifests to two requests.
#[tokio::test]
async fn the_second_answer_is_held_against_the_first() {
    let count = AtomicU32::new(0);
    let registry = StandIn::start(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        ok(manifest(if first { "good" } else { "evil" }))
    })
    .await;
    let resolved = registry.client().resolve(&registry.image("app:v1")).await;
    let digest = resolved.unwrap().unwrap().digest;
    assert_eq!(digest, Digest::of(manifest("good").as_bytes()));
    let problem = failure(&registry, &registry.client(), &format!("app@{digest}")).await;
    assert!(problem.contains("changed or cut off"), "{problem}");
}

/// CVE-2026-122321: what was learned of a tag must not outlive the tag.
#[tokio::test]
async fn a_moved_tag_is_asked_for_again_and_a_digest_is_not() {
    let count = AtomicU32::new(0);
    let registry =
        StandIn::start(move |_| ok(manifest(&count.fetch_add(1, Ordering::SeqCst).to_string())))
            .await;
    let client = registry.client();
    let tag = registry.image("app:v1");
    let first = client.resolve(&tag).await.unwrap().unwrap();
    let second = client.resolve(&tag).await.unwrap().unwrap();
    assert_ne!(first.digest, second.digest);
    for known in [&first, &second] {
        let again = client.resolve(&tag.pinned(known.digest)).await.unwrap();
        assert_eq!(again.as_ref(), Some(known));
    }
    assert_eq!(
        client.requests(),
        2,
        "one for each time the tag was asked for"
    );
}

#[tokio::test]
async fn absence_is_asked_for_again() {
    let count = AtomicU32::new(0);
    let registry = StandIn::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => not_found(),
        _ => ok(manifest("app")),
    })
    .await;
    let client = registry.client();
    let digest = Digest::of(manifest("app").as_bytes());
    let image = registry.image(&format!("app@{digest}"));
    assert_eq!(client.resolve(&image).await, Ok(None));
    assert!(client.resolve(&image).await.unwrap().is_some());
}

#[tokio::test]
async fn those_who_ask_at_once_share_one_request() {
    let registry = StandIn::start(|_| ok(manifest("app"))).await;
    let client = registry.client();
    let digest = Digest::of(manifest("app").as_bytes());
    for image in [format!("app@{digest}"), "app:v1".to_owned()] {
        let before = client.requests();
        let image = registry.image(&image);
        let asked = (0..10).map(|_| client.resolve(&image));
        for resolved in futures::future::join_all(asked).await {
            assert_eq!(resolved.unwrap().unwrap().digest, digest);
        }
        assert_eq!(client.requests() - before, 1, "{image}");
    }
}

#[tokio::test]
async fn a_private_address_is_refused_unless_listed() {
    let registry = StandIn::start(|_| ok(manifest("app"))).await;
    let mut not_allowed = registry.options();
    not_allowed.allow_private = false;
    for client in [client(vec![]), client(vec![not_allowed])] {
        let problem = failure(&registry, &client, "app:v1").await;
        assert!(problem.contains("127.0.0.1 is not public"), "{problem}");
    }
    let port = registry.host.split_once(':').unwrap().1;
    let by_name = format!("localhost:{port}/app:v1").parse().unwrap();
    let problem = client(vec![]).resolve(&by_name).await.unwrap_err();
    assert!(
        problem.message.contains("of localhost is not public"),
        "{problem}"
    );
    assert!(registry.seen().is_empty());
}

#[rstest]
#[case::metadata(
    "https://169.254.169.254/latest/meta-data/",
    "where it redirects to: the address 169.254.169.254 of 169.254.169.254 is not public; if that is meant, list the host with allowPrivate: true"
)]
#[case::by_name(
    "https://localhost:1/",
    "is not public; if that is meant, list the host with allowPrivate: true"
)]
#[case::plain(
    "http://registry.example/",
    "it redirects to http://registry.example/, without TLS"
)]
#[case::another_scheme(
    "file:///etc/passwd",
    "it redirects to file:///etc/passwd, without TLS"
)]
#[case::itself("/v2/app/manifests/v1", "it redirects more than 3 times")]
#[tokio::test]
async fn a_redirect_leads_nowhere_else(#[case] target: &'static str, #[case] expected: &str) {
    let registry =
        StandIn::start(move |_| with_header(status(StatusCode::FOUND), "location", target)).await;
    let problem = failure(&registry, &registry.client(), "app:v1").await;
    assert!(problem.ends_with(expected), "{problem}");
}
