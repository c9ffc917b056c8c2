//! The server over real sockets.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Barrier, Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;
use crate::auth::Authenticator;
use crate::telemetry::{self, Readiness};

/// A server on loopback that is told when to end.
struct Running {
    url: String,
    end: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Running {
    async fn start(router: Router, set_up: impl FnOnce(Server) -> Server) -> Self {
        let server = set_up(Server::bind("127.0.0.1:0").await.unwrap());
        let url = server.url();
        let (end, ended) = oneshot::channel();
        let done = tokio::spawn(server.serve(router, async { drop(ended.await) }));
        Self { url, end, done }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().get(format!("{}{path}", self.url))
    }
}

async fn problem(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body: Value = response.json().await.unwrap();
    (status, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn requests_are_answered_and_have_an_id() {
    let router = Router::new().route(
        "/",
        get(async |request: axum::extract::Request| {
            let peer = request.extensions().get::<Peer>().unwrap();
            assert!(peer.is_loopback());
            request.extensions().get::<RequestId>().unwrap().0.clone()
        }),
    );
    let server = Running::start(router, |server| server).await;
    let response = server.get("/").send().await.unwrap();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(response.text().await.unwrap(), id);
    let given = server
        .get("/")
        .header("x-request-id", "given-by-caller")
        .send()
        .await
        .unwrap();
    assert_eq!(given.text().await.unwrap(), "given-by-caller");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let router = Router::new().route("/", get(async || "ok"));
    let server = Running::start(router, |server| server).await;
    let response = server.get("/nowhere").send().await.unwrap();
    assert_eq!(problem(response).await, (404, "NOT_FOUND".to_owned()));
    let response = reqwest::Client::new()
        .post(&server.url)
        .send()
        .await
        .unwrap();
    assert_eq!(
        problem(response).await,
        (405, "METHOD_NOT_ALLOWED".to_owned())
    );
}

#[tokio::test]
async fn a_panic_is_a_problem_and_not_the_end() {
    let router = Router::new()
        .route(
            "/panic",
            get(async || -> &str { panic!("a fault of the handler") }),
        )
        .route("/", get(async || "ok"));
    let server = Running::start(router, |server| server).await;
    let response = server.get("/panic").send().await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(problem(response).await, (500, "INTERNAL".to_owned()));
    assert_eq!(
        server.get("/").send().await.unwrap().text().await.unwrap(),
        "ok"
    );
}

#[tokio::test]
async fn more_requests_than_places_are_turned_away() {
    #[derive(Clone)]
    struct Gate {
        entered: Arc<Barrier>,
        leave: Arc<Notify>,
    }
    let gate = Gate {
        entered: Arc::new(Barrier::new(3)),
        leave: Arc::default(),
    };
    let handler = async |State(gate): State<Gate>| {
        let leave = gate.leave.notified();
        gate.entered.wait().await;
        leave.await;
        "done"
    };
    let readiness = Readiness::always();
    let router = Router::new()
        .route("/", get(handler))
        .with_state(gate.clone())
        .merge(telemetry::router(
            readiness,
            Arc::new(Authenticator::new(None).unwrap()),
        ));
    let server = Running::start(router, |server| server.max_concurrency(2)).await;
    let inside: Vec<_> = (0..2)
        .map(|_| tokio::spawn(server.get("/").send()))
        .collect();
    gate.entered.wait().await;

    let response = server.get("/").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(problem(response).await, (503, "OVERLOADED".to_owned()));
    assert_eq!(server.get("/health").send().await.unwrap().status(), 200);

    gate.leave.notify_waiters();
    for request in inside {
        assert_eq!(request.await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn requests_in_flight_end_before_the_server_does() {
    let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (entered, leave) = (entered.clone(), leave.clone());
        get(async move || {
            entered.notify_one();
            leave.notified().await;
            "done"
        })
    };
    let server = Running::start(Router::new().route("/", handler), |server| server).await;
    let request = tokio::spawn(server.get("/").send());
    entered.notified().await;
    let url = server.url.clone();
    server.end.send(()).unwrap();
    // The listener goes first: once it refuses, the shutdown has begun.
    while reqwest::Client::new()
        .get(format!("{url}/nowhere"))
        .send()
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    assert!(!server.done.is_finished());
    leave.notify_one();
    assert_eq!(
        request.await.unwrap().unwrap().text().await.unwrap(),
        "done"
    );
    server.done.await.unwrap();
}

#[tokio::test]
async fn draining_has_an_end() {
    let entered = Arc::new(Notify::new());
    let handler = {
        let entered = entered.clone();
        get(async move || {
            entered.notify_one();
            std::future::pending::<&str>().await
        })
    };
    let router = Router::new().route("/", handler);
    let server = Running::start(router, |server| server.drain(Duration::from_millis(1))).await;
    let _request = tokio::spawn(server.get("/").send());
    entered.notified().await;
    server.end.send(()).unwrap();
    server.done.await.unwrap();
}

/// The end of a connection whose client says this much, holds the line, and listens.
async fn answer_to(said: &str) -> Option<String> {
    let (mut client, stream) = tokio::io::duplex(1024);
    let handler = get(async || {
        tokio::time::sleep(6 * HEAD_TIMEOUT).await;
        "done"
    });
    let router = Router::new().route("/", handler);
    let peer = Peer::tcp("127.0.0.1:9".parse().unwrap());
    let graceful = GracefulShutdown::new();
    tokio::spawn(speak_http(stream, peer, router, graceful.watcher()));
    client.write_all(said.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = client.read_to_end(&mut answer);
    tokio::time::timeout(12 * HEAD_TIMEOUT, end)
        .await
        .ok()?
        .ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// Time is paused: it goes on by itself where everything waits.
#[rstest::rstest]
#[case::nothing("")]
#[case::perhaps_http2("PRI * HTTP/2")]
#[case::a_part_of_a_head("GET / HTTP/1.1\r\nhost")]
#[case::http2_without_settings("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
#[tokio::test(start_paused = true)]
async fn a_silent_client_does_not_keep_its_connection(#[case] said: &str) {
    let answer = answer_to(said).await;
    assert!(answer.is_some(), "the connection is still open");
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_is_waited_for() {
    let answer = answer_to("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.unwrap().ends_with("done"));
}

#[tokio::test]
async fn bodies_are_bounded_unless_their_route_says_otherwise() {
    let echo = async |body: bytes::Bytes| body.len().to_string();
    let router = Router::new().route("/small", post(echo)).route(
        "/large",
        post(echo).layer(DefaultBodyLimit::max(4 * BODY_LIMIT)),
    );
    let server = Running::start(router, |server| server).await;
    let send = async |path: &str, length: usize| {
        let client = reqwest::Client::new().post(format!("{}{path}", server.url));
        client
            .body(vec![b' '; length])
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(send("/small", BODY_LIMIT).await, StatusCode::OK);
    assert_eq!(
        send("/small", BODY_LIMIT + 1).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(send("/large", BODY_LIMIT + 1).await, StatusCode::OK);
    let client = reqwest::Client::new().post(format!("{}/small", server.url));
    let refused = client
        .body(vec![b' '; BODY_LIMIT + 1])
        .send()
        .await
        .unwrap();
    assert_eq!(problem(refused).await, (413, "BODY_TOO_LARGE".to_owned()));
    assert_eq!(
        send("/large", 4 * BODY_LIMIT + 1).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_page_cannot_reach_a_listener_on_loopback() {
    let server = Running::start(Router::new().route("/", get(async || "ok")), |s| s).await;
    let rebound = server
        .get("/")
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(problem(rebound).await, (403, "FOREIGN_HOST".to_owned()));
    let foreign = server
        .get("/")
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(problem(foreign).await, (403, "FOREIGN_ORIGIN".to_owned()));
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let ready = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let check = ready.clone();
    let readiness = Readiness::when(move || {
        let ready = check.load(std::sync::atomic::Ordering::SeqCst);
        std::future::ready(if ready {
            Ok(())
        } else {
            Err("the store is closed")
        })
    });
    let authenticator = Arc::new(Authenticator::new(None).unwrap());
    let server = Running::start(telemetry::router(readiness, authenticator), |s| s).await;
    for path in ["/health", "/healthz"] {
        assert_eq!(
            server.get(path).send().await.unwrap().text().await.unwrap(),
            "ok\n"
        );
    }
    let response = server.get("/ready").send().await.unwrap();
    assert_eq!(problem(response).await, (503, "NOT_READY".to_owned()));
    ready.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(server.get("/readyz").send().await.unwrap().status(), 200);
    let text = server
        .get("/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("postern_http_requests_total{"), "{text}");
    assert!(text.contains("route=\"/ready\""), "{text}");
    assert!(
        text.contains("postern_http_request_duration_seconds_bucket{"),
        "{text}"
    );
}

#[rstest::rstest]
#[case::nothing(&[], None, "127.0.0.1:8080")]
#[case::configured(&[], Some("127.0.0.1:9"), "127.0.0.1:9")]
#[case::cloud_run(&[("PORT", "8081")], Some("127.0.0.1:9"), "0.0.0.0:8081")]
#[case::no_port(&[("PORT", "tcp://10.0.0.1:80")], None, "127.0.0.1:8080")]
fn the_platform_says_where_to_listen(
    #[case] vars: &[(&str, &str)],
    #[case] configured: Option<&str>,
    #[case] expected: &str,
) {
    let environment: std::collections::BTreeMap<String, String> = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    assert_eq!(listen_address(None, configured, &environment), expected);
    assert_eq!(
        listen_address(Some("[::1]:0"), configured, &environment),
        "[::1]:0"
    );
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_viewers() {
    let authenticator = Arc::new(Authenticator::new(None).unwrap());
    let router = telemetry::router(Readiness::always(), authenticator);
    let mut request = http::Request::get("/metrics").body(Body::empty()).unwrap();
    request
        .extensions_mut()
        .insert(Peer::tcp("192.0.2.1:9".parse().unwrap()));
    let response = router.oneshot(request).await.unwrap().into_response();
    assert_eq!(response.status(), 403);
}

/// Certificates made on the spot: a CA, and what it signs.
#[cfg(feature = "tls")]
mod over_tls {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::config::Tls;
    use crate::server::tls::Acceptor;

    struct Authority(CertificateParams, KeyPair, String);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let pem = params.self_signed(&key).unwrap().pem();
            Self(params, key, pem)
        }

        /// Certificate and key, both in PEM.
        fn sign(&self, name: &str) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            let issuer = Issuer::from_params(&self.0, &self.1);
            (
                params.signed_by(&key, &issuer).unwrap().pem(),
                key.serialize_pem(),
            )
        }
    }

    fn client(ca: &Authority, identity: Option<(String, String)>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(ca.2.as_bytes()).unwrap();
        let mut builder = reqwest::Client::builder().tls_certs_only([root]);
        if let Some((certificate, key)) = identity {
            let pem = format!("{certificate}{key}");
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        builder.build().unwrap()
    }

    #[tokio::test]
    async fn only_clients_of_the_ca_get_in_and_are_known() {
        crate::crypto::install();
        let (ca, stranger) = (Authority::new(), Authority::new());
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = ca.sign("localhost");
        let tls = Tls {
            certificate: write("certificate.pem", &certificate),
            key: write("key.pem", &key),
            client_ca: Some(write("ca.pem", &ca.2)),
        };
        let acceptor = Acceptor::new(&tls).unwrap();
        let whoami = async |request: axum::extract::Request| {
            let peer = request.extensions().get::<Peer>().unwrap();
            peer.certificate().is_some().to_string()
        };
        let server =
            Running::start(Router::new().route("/", get(whoami)), |s| s.tls(acceptor)).await;
        let url = server.url.replace("127.0.0.1", "localhost");
        assert!(url.starts_with("https://"));

        let known = client(&ca, Some(ca.sign("cluster")))
            .get(&url)
            .send()
            .await
            .unwrap();
        assert_eq!(known.text().await.unwrap(), "true");
        assert!(client(&ca, None).get(&url).send().await.is_err());
        let other = stranger.sign("cluster");
        assert!(client(&ca, Some(other)).get(&url).send().await.is_err());
    }

    #[rstest::rstest]
    #[case::missing("certificate")]
    #[case::empty("ca")]
    fn files_that_hold_no_certificate_are_named(#[case] which: &str) {
        let ca = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = ca.sign("localhost");
        let files = [
            ("certificate", certificate),
            ("key", key),
            ("ca", ca.2.clone()),
        ];
        for (name, text) in files {
            let text = if name == which { "nothing" } else { &text };
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let tls = Tls {
            certificate: path("certificate"),
            key: path("key"),
            client_ca: Some(path("ca")),
        };
        let error = Acceptor::new(&tls).unwrap_err().to_string();
        assert!(error.contains(&path(which)), "{error}");
    }
}
