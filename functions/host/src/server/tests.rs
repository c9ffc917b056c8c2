//! The server over real sockets.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
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
#[expect(clippy::panic, reason = "the panic is what is tested")]
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
